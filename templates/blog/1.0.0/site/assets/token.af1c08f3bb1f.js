// The pages that links in mails lead to: confirm, and leave. The token is behind the "#", which no server logs; and
// only a click does something, since mail scanners follow links, too.

import { call } from "./api.11d96392a82e.js";
import { find, onSubmit, say } from "./dom.a19fdcd06e29.js";
import "./page.33dbf9659165.js";

const form = find("form");
const said = find("[data-said]");

onSubmit(form, said, async () => {
  const given = location.hash.slice(1);
  if (!given) throw new Error("The link is not whole: copy all of it from the mail.");
  try {
    await call("POST", form.dataset.path, { body: { token: decoded(given) } });
  } catch (error) {
    if (error.status !== 404) throw error;
    throw new Error("This link holds no longer, or is not whole. Subscribe again to get a new one.");
  }
  form.hidden = true;
  said.tabIndex = -1;
  say(said, form.dataset.done);
  said.focus();
});

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
