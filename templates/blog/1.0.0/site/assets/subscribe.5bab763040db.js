// Asks for mail: the blog first sends a link, and only who follows it gets more.

import { call, config } from "./api.11d96392a82e.js";
import { find, onSubmit, say } from "./dom.a19fdcd06e29.js";
import "./page.33dbf9659165.js";

const form = find("form");
const said = find("[data-said]");

onSubmit(form, said, async ({ email }) => {
  await call("POST", "/subscriptions", { body: { email: email.trim() } });
  form.reset();
  say(said, "Thank you. Look into your mailbox: a mail with a link to confirm is on its way.");
});

config().then(
  ({ mail }) => {
    if (mail) return;
    form.hidden = true;
    say(said, "This blog sends no mail at the moment.");
  },
  (error) => say(said, error.message, "error"),
);
