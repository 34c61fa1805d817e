// The front page: posts, newest first, page by page.

import { call } from "./api.11d96392a82e.js";
import { day, element, find, say } from "./dom.a19fdcd06e29.js";
import "./page.33dbf9659165.js";
import { thumbnail } from "./picture.0517968b5eb9.js";
import { token } from "./session.39d05656bfad.js";

const list = find("[data-posts]");
const older = find("[data-older]");
const said = find("[data-said]");
let next;

async function more() {
  older.disabled = true;
  say(said, "Loading posts …");
  try {
    const query = next ? `?next=${encodeURIComponent(next)}` : "";
    const isFirst = !next;
    const page = await call("GET", `/posts${query}`, { token: await token() });
    const entries = page.items.map(entry);
    list.append(...entries);
    next = page.next;
    older.hidden = !next;
    say(said, list.children.length ? "" : "Nothing has been written yet.");
    if (!isFirst) entries[0]?.querySelector("a").focus();
  } catch (error) {
    older.hidden = false;
    older.textContent = next ? "Older posts" : "Try again";
    say(said, error.message, "error");
    return;
  } finally {
    older.disabled = false;
  }
  older.textContent = "Older posts";
}

function entry({ slug, title, summary, publishedAt, picture }) {
  const link = element("a", { href: `/posts/${encodeURIComponent(slug)}` }, title);
  const about = element("div", {}, element("h2", {}, link), element("p", { class: "when" }, day(publishedAt)));
  if (summary) about.append(element("p", {}, summary));
  return element("li", {}, ...[thumbnail(picture)].filter(Boolean), about);
}

older.addEventListener("click", more);
more();
