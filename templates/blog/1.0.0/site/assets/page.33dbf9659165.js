// What every page has: the blog's title, who is signed in.

import { config } from "./api.11d96392a82e.js";
import { find } from "./dom.a19fdcd06e29.js";
import { isSignedIn, signOut } from "./session.39d05656bfad.js";

const title = document.title;

/** Puts the blog's name, and what the page is about, into the title. */
export async function name(page = title) {
  const blog = (await config()).title;
  find("[data-blog]").textContent = blog;
  document.title = page && page !== blog ? `${page} – ${blog}` : blog;
}

const out = find("[data-sign-out]");
if (out && isSignedIn()) {
  find("[data-sign-in]").hidden = true;
  out.hidden = false;
  out.addEventListener("click", async () => {
    await signOut().catch(() => {}); // this tab has forgotten, whatever Cognito said
    location.assign("/");
  });
}

name(find("[data-front]") ? "" : title).catch(() => {}); // whoever needs the API says what is wrong with it
