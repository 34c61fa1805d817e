// Authors write a post, or change one (/write?post=<slug>). What is written is kept in this tab until it is published.

import { call, config } from "./api.js";
import { element, find, onSubmit, say } from "./dom.js";
import "./page.js";
import { thumbnail } from "./picture.js";
import { isSignedIn, needToken } from "./session.js";
import { upload } from "./upload.js";

const slug = new URLSearchParams(location.search).get("post");
const path = `/posts/${encodeURIComponent(slug)}`;
const DRAFT = `draft:${slug ?? ""}`;
const KEPT = ["title", "summary", "body"];

const form = find("form");
const { elements } = form;
const said = find("[data-said]");
const saidOfPicture = find("[data-said-picture]");
const remove = find("[data-remove-picture]");
let picture = null;
let version;
let uploading;

function setPicture(sha256) {
  picture = sha256 ?? null;
  find("[data-picture]").replaceChildren(...[thumbnail(picture, "The picture of this post")].filter(Boolean));
  remove.hidden = !picture;
}

function keep() {
  const values = Object.fromEntries(KEPT.map((name) => [name, elements[name].value]));
  sessionStorage.setItem(DRAFT, JSON.stringify({ ...values, picture, version }));
}

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFT));
  } catch {
    return null;
  }
}

function fill(post) {
  for (const name of KEPT) elements[name].value = post[name] ?? "";
  version = post.version;
  setPicture(post.picture);
}

async function choosePicture() {
  uploading?.abort();
  const [file] = elements.file.files;
  if (!file) return;
  const mine = (uploading = new AbortController());
  const tell = (text, kind) => mine === uploading && say(saidOfPicture, text, kind);
  try {
    const sha256 = await upload(file, tell, mine.signal);
    if (mine !== uploading) return;
    setPicture(sha256);
    keep();
    tell("The picture is ready.");
  } catch (error) {
    if (!mine.signal.aborted) tell(error.message, "error");
  } finally {
    if (mine === uploading) {
      uploading = undefined;
      elements.file.value = "";
    }
  }
}

async function publish({ title, summary, body }) {
  if (uploading) throw new Error("The picture is not ready yet.");
  const given = { title: title.trim(), body };
  if (summary.trim()) given.summary = summary.trim();
  if (picture) given.picture = picture;
  const token = await needToken();
  const made = slug
    ? await call("PUT", path, { body: { ...given, version }, token })
    : await call("POST", "/posts", { body: given, token });
  sessionStorage.removeItem(DRAFT);
  if (slug) version = made?.version ?? version + 1;
  else form.hidden = true;
  const link = element("a", { href: `/posts/${encodeURIComponent(made?.slug ?? slug)}` }, given.title);
  say(said, slug ? "Changed: " : "Published: ");
  said.append(link, ". Readers see it within a minute or so.");
  link.focus();
}

find("[data-delete]").addEventListener("click", async ({ target }) => {
  if (target.dataset.sure === undefined) {
    target.dataset.sure = "";
    target.textContent = "Delete the post and its comments for ever";
    return;
  }
  target.disabled = true;
  try {
    await call("DELETE", path, { token: await needToken() });
    sessionStorage.removeItem(DRAFT);
    form.hidden = true;
    say(said, "The post is deleted. Readers may see it for a minute or so.");
  } catch (error) {
    target.disabled = false;
    say(said, error.message, "error");
  }
});

async function begin() {
  if (!isSignedIn()) {
    form.hidden = true;
    say(said, "Only authors can write. ");
    said.append(element("a", { href: "/sign-in" }, "Sign in"), ".");
    return;
  }
  const { uploads } = await config();
  find("[data-pictures]").hidden = !uploads;
  if (slug) {
    find("h1").textContent = "Change a post";
    fill(await call("GET", path, { token: await needToken() }));
    find("[data-delete]").hidden = false;
  }
  const draft = kept();
  if (draft) {
    const current = version;
    fill(draft);
    version = current;
    if (draft.version !== current) say(said, "Somebody changed this post while you wrote: here is your own text.");
  }
  form.addEventListener("input", keep);
  elements.file.addEventListener("change", choosePicture);
  remove.addEventListener("click", () => {
    uploading?.abort();
    setPicture(null);
    keep();
    say(saidOfPicture, "");
    elements.file.focus();
  });
  onSubmit(form, said, publish); // which opens the form: before, nobody would hear what is written or chosen
}

begin().catch((error) => {
  form.hidden = true;
  say(said, error.message, "error");
});
