// Authors sign in. Who was invited chooses a password of their own first.

import { find, onSubmit, say } from "./dom.js";
import "./page.js";
import { NewPassword, signIn } from "./session.js";

const first = find("[data-password]");
const second = find("[data-new-password]");
const said = find("[data-said]");
let choose;

function go(result) {
  if (!(result instanceof NewPassword)) return location.assign("/write");
  choose = result;
  second.elements.username.value = first.elements.username.value; // so that password managers know whose it is
  first.hidden = true;
  second.hidden = false;
  say(said, "You were invited with a password for one time. Choose your own.");
  second.elements.password.focus();
}

onSubmit(first, said, async ({ username, password }) => {
  go(await signIn(username.trim(), password));
});

onSubmit(second, said, async ({ password, again }) => {
  if (password !== again) throw new Error("The two passwords are not the same.");
  go(await choose.answer(password));
});
