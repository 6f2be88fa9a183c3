// Says later whose an exam is: from the worklist, or typed. Used by Exams, Scan and the end of an exam.
//
// Rules
// - A doubtful patient (409) comes with candidates: one of them is chosen, or what was typed is confirmed.
// - done(exam) gets the exam as it is then.

import { banner, button, choice, dialog, errorBanner, field, patientLine } from "../core/parts.js";
import { changed } from "../core/state.js";
import { clock } from "../core/format.js";
import { get, part, post } from "../core/api.js";
import { h } from "../core/render.js";
import { t } from "../core/words.js";
import { checked, emptyForm, hasErrors, patientForm, patientOf, withError } from "./patient-form.js";
import { matching } from "./model.js";

let asked = null;

export async function identify(exam, done = () => {}) {
  asked = { exam, done, way: "list", items: [], text: "", form: emptyForm(), candidates: null, error: null, busy: false };
  changed();
  try {
    const { items } = await get("api/worklist");
    if (asked) asked = { ...asked, items, way: items.length ? asked.way : "hand" };
  } catch {
    if (asked) asked = { ...asked, way: "hand" };
  }
  changed();
}

const close = () => { asked = null; changed(); };
const set = (changes) => { asked = { ...asked, ...changes }; changed(); };

async function send(fields) {
  set({ busy: true, error: null });
  try {
    const exam = await post(`api/exams/${part(asked.exam.id)}/identify`, fields, { timeoutMs: 60000 });
    const { done } = asked;
    close();
    done(exam);
  } catch (error) {
    if (error.status === undefined) throw error;
    if (!asked) return;
    const form = withError(asked.form, error);
    if (error.status === 409 && error.candidates.length) set({ busy: false, candidates: error.candidates, error });
    else if (form) set({ busy: false, form, way: "hand" });
    else set({ busy: false, error });
  }
}

function save() {
  const form = checked(asked.form);
  set({ form });
  if (!hasErrors(form)) send({ patient: patientOf(form) });
}

// The dialog while one is asked for; a screen draws it last.
export function identifyDialog() {
  if (!asked) return null;
  return asked.candidates ? doubtDialog() : askDialog();
}

function askDialog() {
  const byHand = asked.way === "hand";
  const actions = [button({ label: t("core.cancel"), kind: "quiet", onclick: close })];
  if (byHand) actions.push(button({ label: t("exams.identify.save"), icon: "user", kind: "primary", busy: asked.busy, onclick: save }));
  return dialog({ id: "identify", title: t("exams.identify.title"), onclose: close, actions },
    h("p", { class: "quiet-text" }, t("exams.identify.text")),
    errorBanner(asked.error),
    asked.items.length ? choice({ name: "way", label: t("exams.identify.title"), value: asked.way, onchange: (way) => set({ way }),
      choices: [["list", t("exams.identify.from_list")], ["hand", t("exams.identify.by_hand")]] }) : null,
    byHand
      ? h("form", { key: "form", onsubmit: (event) => { event.preventDefault(); save(); } },
        patientForm(asked.form, (form) => set({ form })),
        h("input", { type: "submit", class: "unseen", tabindex: "-1", "aria-hidden": "true", value: "" }))
      : h("div", { key: "list", class: "stack" },
        field({ id: "identify-search", label: t("exams.search"), value: asked.text, oninput: (text) => set({ text }), type: "search", "data-first": true }),
        candidates(matching(asked.items, asked.text), { busy: asked.busy, onchoose: choose })));
}

const choose = (item) => send({ worklist_item: item.id });

function doubtDialog() {
  return dialog({ id: "doubt", title: t("exams.doubt.title"), onclose: close, actions: [
    button({ label: t("exams.doubt.back"), kind: "quiet", onclick: () => set({ candidates: null, error: null }) }),
    button({ label: t("exams.doubt.keep"), busy: asked.busy, onclick: () => send({ patient: patientOf(asked.form), confirmed: true }) })] },
    banner({ kind: "warn", title: t("exams.doubt.text"), text: t("exams.doubt.what") }),
    candidates(asked.candidates, { busy: asked.busy, onchoose: choose }));
}

// Items of the worklist, one of which is chosen; chosen: its id, where it is not sent at once.
export function candidates(items, { busy, onchoose, chosen = "" }) {
  return h("ul", { class: "candidates" }, ...items.map((item) => h("li", { key: item.id, class: "card candidate", "aria-current": item.id === chosen ? "true" : null },
    h("div", {}, patientLine({ id: item.patient_id, name: item.patient_name, birth_date: item.birth_date, sex: item.sex },
      { accession: item.accession_number, level: "h3" }),
    h("p", { class: "quiet-text" }, [clock(item.start_time), item.requested_procedure || item.scheduled_step].filter(Boolean).join(" · "))),
    button({ label: t("exams.doubt.choose"), busy, onclick: () => onchoose(item) }))));
}
