// Keeps how an image is shown as a presentation state. A dialog of the review.

import { announce, button, dialog, errorBanner, field } from "../core/parts.js";
import { part, post } from "../core/api.js";
import { changed } from "../core/state.js";
import { define, languageNow, t } from "../core/words.js";
import { h } from "../core/render.js";
import { visiblePart } from "./form.js";
import { words } from "./words.js";

define(words);

const NOTE_IN = 0.04; // of the visible part, from its top left corner
let asked = null;

const close = () => { asked = null; changed(); };
const set = (changes) => { asked = { ...asked, ...changes }; changed(); };

// view: of api/instances/UID; viewer, box: as it is seen. done(document).
export function keepView(view, viewer, box, done = () => {}) {
  viewer.pause();
  const area = visiblePart(viewer.lies(), box, view);
  asked = { uid: view.sop_instance_uid, area, whole: [0, 0, view.columns, view.rows], frame: viewer.frame + 1,
    window: viewer.isWindowed ? { ...viewer.window } : null, description: "", note: "", error: null, busy: false, done };
  changed();
}

async function send() {
  const { uid, area, whole, frame, window, description, note, done } = asked;
  const fields = { frame, language: languageNow(), description: description.trim() };
  if (window) fields.window = { center: window.center, width: window.width };
  if (area) fields.area = area;
  if (note.trim()) {
    const [left, top, right, bottom] = area ?? whole;
    fields.notes = [{ text: note.trim(), point: [left + (right - left) * NOTE_IN, top + (bottom - top) * NOTE_IN] }];
  }
  set({ busy: true, error: null });
  try {
    const made = await post(`api/instances/${part(uid)}/presentation`, fields);
    close();
    announce(t("report.view.kept"));
    done(made);
  } catch (error) {
    if (error.status === undefined) throw error;
    if (asked) set({ busy: false, error });
  }
}

export function viewDialog() {
  if (!asked) return null;
  return dialog({ id: "keep-view", title: t("report.view.title"), onclose: close, actions: [
    button({ label: t("core.cancel"), kind: "quiet", onclick: close }),
    button({ label: t("report.view.keep"), icon: "check", kind: "primary", busy: asked.busy, onclick: send })] },
  h("p", { class: "quiet-text" }, t("report.view.text")),
  errorBanner(asked.error),
  field({ id: "view-description", label: t("report.view.description"), value: asked.description, maxlength: "64", oninput: (description) => set({ description }) }),
  field({ id: "view-note", label: t("report.view.note"), hint: t("report.view.note.hint"), value: asked.note, maxlength: "256", oninput: (note) => set({ note }) }));
}
