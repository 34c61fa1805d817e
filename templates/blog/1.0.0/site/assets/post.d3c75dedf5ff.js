// One post, with its picture and its comments.

import { call, config } from "./api.11d96392a82e.js";
import { day, element, find, onSubmit, say } from "./dom.a19fdcd06e29.js";
import { name } from "./page.33dbf9659165.js";
import { wholePicture } from "./picture.0517968b5eb9.js";
import { isSignedIn, needToken, token } from "./session.39d05656bfad.js";
import { blocks } from "./text.7c0b9f3005b4.js";

const SLUG = /^\/posts\/([a-z0-9](?:-?[a-z0-9])*)\/?$/;

const article = find("[data-post]");
const said = find("[data-said]");
const comments = find("[data-comments]");
const saidOfComments = find("[data-said-comments]");
const more = find("[data-more]");
const path = `/posts/${SLUG.exec(location.pathname)?.[1]}`;
let next;

async function show() {
  say(said, "Loading …");
  let post;
  try {
    if (!SLUG.test(location.pathname)) throw Object.assign(new Error(), { status: 404 });
    post = await call("GET", path, { token: await token() });
  } catch (error) {
    const missing = error.status === 404;
    if (missing) document.head.append(element("meta", { name: "robots", content: "noindex" }));
    say(said, missing ? "There is no such post, or no longer." : error.message, "error");
    return;
  }
  const changed = post.updatedAt && post.updatedAt !== post.publishedAt ? [", changed ", day(post.updatedAt)] : [];
  const by = post.author ? [" by ", element("bdi", {}, post.author)] : [];
  article.append(
    element("h1", {}, post.title),
    element("p", { class: "when" }, day(post.publishedAt), ...by, ...changed),
    ...(isSignedIn() ? [element("p", {}, element("a", { href: `/write?post=${post.slug}` }, "Edit this post"))] : []),
    ...[await wholePicture(post.picture)].filter(Boolean),
    ...blocks(post.body),
  );
  say(said, "");
  name(post.title).catch(() => {});
  await discuss();
}

async function discuss() {
  find("[data-discussion]").hidden = false;
  await older();
  const { comments: open } = await config();
  find("[data-comment]").hidden = !open;
  find("[data-closed]").hidden = open;
}

async function older() {
  more.disabled = true;
  try {
    const query = next ? `?next=${encodeURIComponent(next)}` : "";
    const page = await call("GET", `${path}/comments${query}`, { token: await token() });
    comments.append(...page.items.map(comment));
    next = page.next;
    more.hidden = !next;
    say(saidOfComments, comments.children.length ? "" : "No comments yet.");
  } catch (error) {
    more.hidden = false;
    say(saidOfComments, error.message, "error");
  } finally {
    more.disabled = false;
  }
}

function comment({ id, name: who, text, createdAt }) {
  const lines = text.split("\n").flatMap((line, number) => (number ? [element("br"), line] : [line]));
  const made = element(
    "li",
    {},
    element("p", { class: "when" }, element("bdi", { class: "who" }, who), ", ", day(createdAt)),
    element("p", {}, ...lines),
  );
  if (isSignedIn() && id) made.append(remover(made, id, who));
  return made;
}

function remover(made, id, who) {
  const button = element("button", { type: "button", "aria-label": `Delete the comment of ${who}` }, "Delete");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await call("DELETE", `${path}/comments/${encodeURIComponent(id)}`, { token: await needToken() });
      made.remove();
      say(saidOfComments, "The comment is deleted.");
    } catch (error) {
      button.disabled = false;
      say(saidOfComments, error.message, "error");
    }
  });
  return button;
}

const form = find("[data-comment] form");
onSubmit(form, find("[data-said-comment]"), async ({ name: who, text }) => {
  const made = await call("POST", `${path}/comments`, { body: { name: who.trim(), text: text.trim() } });
  comments.append(comment({ name: who, text, createdAt: new Date().toISOString(), ...made }));
  form.elements.text.value = "";
  say(saidOfComments, "");
  say(find("[data-said-comment]"), "Thank you: your comment is there. Others see it within a minute or so.");
});

more.addEventListener("click", older);
show();
