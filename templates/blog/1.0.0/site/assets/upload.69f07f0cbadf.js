// A picture's way: its SHA-256 ──▶ a form that the API signs ──▶ the bucket ──▶ thumbnails, or a reason why not.

import { call } from "./api.11d96392a82e.js";
import { needToken } from "./session.39d05656bfad.js";

const MOST = 20 * 1024 * 1024;
const TYPES = ["image/jpeg", "image/png", "image/webp"];
const PATIENCE = 120_000; // milliseconds in which thumbnails should be made

/** Uploads the file and waits for its thumbnails. Gives the picture's name; `tell` hears how far it is. */
export async function upload(file, tell, signal) {
  if (!TYPES.includes(file.type)) throw new Error("A picture is a JPEG, PNG or WebP file.");
  if (!file.size) throw new Error("This file is empty.");
  if (file.size > MOST) throw new Error("This picture is too large: 20 MB at most.");
  tell("Looking at the picture …");
  const data = await file.arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  const sha256 = Array.from(digest, (one) => one.toString(16).padStart(2, "0")).join("");
  signal.throwIfAborted();
  const asked = { sha256, bytes: file.size, contentType: file.type };
  const form = await call("POST", "/uploads", { body: asked, token: await needToken() });
  signal.throwIfAborted();
  tell("Uploading …");
  await send(form, new Blob([data], { type: file.type }), signal);
  tell("Making thumbnails …");
  return thumbnails(sha256, signal);
}

async function send({ url, fields }, data, signal) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", data, "picture"); // last: S3 reads no field after it
  let answer, text;
  try {
    answer = await fetch(url, { method: "POST", body: form, signal });
    text = await answer.text();
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Error("The upload did not get through. Try again.");
  }
  if (answer.ok) return;
  const message = new DOMParser().parseFromString(text, "application/xml").querySelector("Message")?.textContent;
  throw new Error(`The upload was refused: ${message || answer.status}`);
}

async function thumbnails(sha256, signal) {
  const until = Date.now() + PATIENCE;
  for (let wait = 500; Date.now() < until; wait = Math.min(wait * 1.5, 4000)) {
    await new Promise((done) => setTimeout(done, wait));
    signal.throwIfAborted();
    const { state, picture, reason } = await call("GET", `/uploads/${sha256}`, { token: await needToken() });
    if (state === "ready") return picture ?? sha256;
    if (state === "rejected") throw new Error(`The picture can't be used: ${reason}`);
  }
  throw new Error("There are no thumbnails yet. Choose the picture again in a few minutes.");
}
