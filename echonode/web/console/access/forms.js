// A form of this folder: its values, whether it works just now, and what the node said of it.
//
// Rules
// - A password is in its form's values alone, and forgotten when the form is done or left.
// - Enter sends the form. What is wrong with a field stands at the field; all else above the button.

import { banner, button, errorWords, field } from "../core/parts.js";
import { changed } from "../core/state.js";
import { h } from "../core/render.js";

export function newForm(empty) {
  const form = { values: { ...empty }, busy: false, error: null, reset: () => Object.assign(form, { values: { ...empty }, busy: false, error: null }) };
  return form;
}

// Sends the form by `work(values)`; then it is empty. Gives back whether it was taken.
export async function send(form, work) {
  if (form.busy) return false;
  Object.assign(form, { busy: true, error: null });
  changed();
  try {
    await work(form.values);
    form.reset();
    return true;
  } catch (error) {
    Object.assign(form, { busy: false, error });
    return false;
  } finally {
    changed();
  }
}

export function textField(form, name, { id, ...more }) {
  const error = form.error?.field === name ? errorWords(form.error) : null;
  return field({ id, value: form.values[name], error: error ? error.text || error.title : "",
    oninput: (value) => { form.values[name] = value; changed(); }, ...more });
}

// fields: names that show their own error.
export function formOf(form, { id, onsend, label, fields = [], icon, more = [] }, ...content) {
  const isOfField = fields.includes(form.error?.field);
  return h("form", { id, class: "access-form", novalidate: true, onsubmit: (event) => { event.preventDefault(); onsend(); } },
    ...content,
    form.error && !isOfField ? banner({ kind: "bad", ...errorWords(form.error) }) : null,
    h("div", { class: "row" }, button({ label, icon, kind: "primary", type: "submit", busy: form.busy, onclick: undefined }), ...more));
}
