// Patients that were seen before, offered while one is typed.
//
// Rules
// - Asked for after PAUSE_MS without a key, from LEAST characters on; the answer to an older text is dropped.
// - It fills the form and no more: the person sees who it is before anything is saved.
// - A failed search shows nothing: what is typed is enough.

import { button, patientLine } from "../core/parts.js";
import { changed } from "../core/state.js";
import { h } from "../core/render.js";
import { post } from "../core/api.js";
import { t } from "../core/words.js";

const PAUSE_MS = 250;
const LEAST = 2;
const SHOWN = 4;

let wanted = "";
let found = [];
let timer = 0;

export function forget() {
  clearTimeout(timer);
  [wanted, found] = ["", []];
}

// What is typed now: an ID or a name.
export function look(text) {
  clearTimeout(timer);
  wanted = text.trim();
  if (wanted.length < LEAST) {
    found = [];
    return;
  }
  timer = setTimeout(() => ask(wanted), PAUSE_MS);
}

async function ask(text) {
  let patients = [];
  try {
    ({ patients } = await post("api/patients/search", { text }));
  } catch (error) {
    if (error.status === undefined) throw error;
  }
  if (text !== wanted) return;
  found = patients.slice(0, SHOWN);
  changed();
}

// The form that a patient of the node fills. Pure.
export function formOf(patient) {
  const first = (patient.name ?? "").split("=")[0];
  const [family = "", given = ""] = first.split("^");
  const birthDate = (patient.birth_date ?? "").replace(/^(\d{4})(\d\d)(\d\d)$/, "$1-$2-$3");
  return { id: patient.id, family, given, birth_date: birthDate, sex: patient.sex ?? "", errors: {},
    issuer: patient.issuer ?? "", name: { family, given, whole: patient.name ?? "" } };
}

// The list below the form; nothing where none is known. onchoose(form).
export function knownPatients(onchoose) {
  if (!found.length) return null;
  return h("section", { key: "known", class: "known-patients", "aria-label": t("exams.known") },
    h("h3", {}, t("exams.known")),
    h("ul", { class: "candidates" }, ...found.map((patient) => h("li", { key: `${patient.id}\n${patient.issuer ?? ""}`, class: "card candidate" },
      h("div", {}, patientLine(patient, { level: "h4" })),
      button({ label: t("exams.known.take"), onclick: () => { forget(); onchoose(formOf(patient)); changed(); } })))));
}
