// Nodes, never markup: what comes from people is put into the page as text.

/** Makes an element. Attributes that are null or false are left out. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

export const find = (selector) => document.querySelector(selector);

/** Says something in the page's line for it; screen readers read it out. */
export function say(where, text, kind = "info") {
  where.className = `said ${kind}`;
  where.textContent = text;
}

/** Does `work` when the form is sent: not twice at once, and what goes wrong is said in `where`. */
export function onSubmit(form, where, work) {
  const fields = form.querySelector("fieldset");
  fields.disabled = false; // without this script nobody can send it
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (fields.disabled) return;
    const focused = document.activeElement;
    const values = Object.fromEntries(new FormData(form));
    fields.disabled = true;
    say(where, "One moment …");
    try {
      await work(values);
    } catch (error) {
      say(where, error.message, "error");
    } finally {
      fields.disabled = false;
      if (document.activeElement === document.body && focused?.isConnected) focused.focus();
    }
  });
}

/** A moment as people write it. */
export function day(iso) {
  const moment = new Date(iso);
  if (Number.isNaN(moment.valueOf())) return "";
  return element("time", { datetime: iso }, moment.toLocaleDateString("en", { dateStyle: "long" }));
}
