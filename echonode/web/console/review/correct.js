// Corrects what was sent: another patient or side, or no image at all. A dialog of the review.
//
// Rules
// - The reason decides what else is asked: whose the images are, which side, which images.
// - A wrong patient is replaced by one of the worklist, whose order is taken too, or by one that is typed.
// - What is asked stands still: the worklist is read first, and no form is shown before it is there.
// - done(exam) gets the exam as it is then.

import { button, choice, dialog, errorBanner, field } from "../core/parts.js";
import { candidates } from "../exams/identify.js";
import { checked, emptyForm, hasErrors, patientForm, patientOf, withError } from "../exams/patient-form.js";
import { get, part, post } from "../core/api.js";
import { matching } from "../exams/model.js";
import { changed } from "../core/state.js";
import { h } from "../core/render.js";
import { t } from "../core/words.js";

const REASONS = ["wrong_patient", "wrong_side", "quality", "withdrawn"];
const REPLACES = ["wrong_patient", "wrong_side"];
const TIMEOUT_MS = 120000; // each image is written again
let asked = null;

export async function correct(exam, uid, done) {
  asked = { exam, uid, done, reason: "wrong_patient", scope: "all", side: "L", way: "", items: [], text: "", item: null,
    form: emptyForm(), error: null, busy: false };
  changed();
  const items = await listed();
  if (asked) set({ items, way: items.length ? "list" : "hand" });
}

async function listed() {
  try {
    return (await get("api/worklist")).items;
  } catch (error) {
    if (error.status === undefined) throw error;
    return []; // without a list the patient is typed
  }
}

const close = () => { asked = null; changed(); };
const set = (changes) => { asked = { ...asked, ...changes }; changed(); };

// Adds whose the exam is; false where a person has not said it yet.
function whose(fields) {
  if (asked.way === "list") {
    if (asked.item) fields.worklist_item = asked.item.id;
    else set({ error: { error: t("review.correct.choose"), remedy: "" } });
    return Boolean(asked.item);
  }
  const form = checked(asked.form);
  set({ form });
  if (hasErrors(form)) return false;
  fields.patient = patientOf(form);
  return true;
}

async function send() {
  const { exam, uid, reason, scope, side, done } = asked;
  const fields = { reason };
  if (scope === "this") fields.instances = [uid];
  if (reason === "wrong_side") fields.laterality = side;
  if (reason === "wrong_patient") {
    if (!whose(fields)) return;
    delete fields.instances; // an exam has one patient
  }
  set({ busy: true, error: null });
  try {
    const corrected = await post(`api/exams/${part(exam.id)}/correct`, fields, { timeoutMs: TIMEOUT_MS });
    close();
    done(corrected);
  } catch (error) {
    if (error.status === undefined) throw error;
    if (!asked) return;
    const form = reason === "wrong_patient" && withError(asked.form, error);
    set(form ? { busy: false, form } : { busy: false, error });
  }
}

export function correctDialog() {
  if (!asked) return null;
  const { reason } = asked;
  const pick = (name, label, choices) => choice({ name, label, value: asked[name], choices, onchange: (value) => set({ [name]: value, error: null }) });
  return dialog({ id: "correct", title: t("review.correct.title"), wide: true, onclose: close, actions: [
    button({ label: t("core.cancel"), kind: "quiet", onclick: close }),
    button({ label: t(REPLACES.includes(reason) ? "review.correct.send" : "review.correct.reject"), kind: "danger",
      busy: asked.busy || (reason === "wrong_patient" && !asked.way), onclick: send })] },
  h("p", { class: "quiet-text" }, t("review.correct.text")),
  errorBanner(asked.error),
  pick("reason", t("review.correct.what"), REASONS.map((each) => [each, t(`review.correct.${each}`)])),
  reason === "wrong_patient" ? whoseIsIt(pick) : null,
  reason === "wrong_side" ? pick("side", t("review.correct.side"), [["L", t("review.side.L")], ["R", t("review.side.R")]]) : null,
  reason === "wrong_patient" ? null : pick("scope", t("review.correct.which"), [["this", t("review.correct.this")], ["all", t("review.correct.all")]]));
}

function whoseIsIt(pick) {
  const { items, way, text, item } = asked;
  if (!way) return h("p", { class: "quiet-text" }, t("core.loading"));
  return h("div", { key: "whose", class: "stack" },
    items.length ? pick("way", t("exams.identify.title"), [["list", t("exams.identify.from_list")], ["hand", t("exams.identify.by_hand")]]) : null,
    way === "hand" ? patientForm(asked.form, (form) => set({ form })) : null,
    way === "list" ? field({ id: "correct-search", label: t("exams.search"), value: text, oninput: (typed) => set({ text: typed }), type: "search" }) : null,
    way === "list" ? candidates(matching(items, text), { chosen: item?.id, onchoose: (chosen) => set({ item: chosen, error: null }) }) : null);
}
