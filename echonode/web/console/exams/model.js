// What the Exams screen knows: exams, worklist, search; and what it asks of the node.
//
// Rules
// - Values are module variables, drawn by exams.js; each change calls changed().
// - Errors stay with what failed: `failures.exams`, `.worklist`, `.search`, `.start`.
// - The browser keeps nothing of it beyond this page.

import { del, get, part, post } from "../core/api.js";
import { changed, onStatus, state } from "../core/state.js";
import { personName } from "../core/format.js";
import { go } from "../core/router.js";

const EXAMS_EVERY_MS = 4000;
const WORKLIST_EVERY_MS = 10000;
const RIS_TIMEOUT_MS = 40000;

export const model = {
  exams: null, // null until they were read
  worklist: null,
  worklistReadAt: 0, // by performance.now(), to count its age on
  refreshing: false,
  text: "", // of the search
  found: null, // {text, items}: what the RIS answered
  searching: false,
  busy: false, // an exam is being opened
  probe: "", // the chosen one
  failures: {},
};

let timers = [];

export function enter() {
  model.text = "";
  model.found = null;
  model.failures = {};
  readExams();
  readWorklist();
  timers = [setInterval(readExams, EXAMS_EVERY_MS), setInterval(readWorklist, WORKLIST_EVERY_MS)];
}

export function leave() {
  timers.forEach(clearInterval);
  timers = [];
}

async function attempt(name, work) {
  try {
    const done = await work();
    delete model.failures[name];
    return done;
  } catch (error) {
    if (error.status === undefined) throw error;
    model.failures[name] = error;
    return null;
  } finally {
    changed();
  }
}

export const readExams = () => attempt("exams", async () => { model.exams = await get("api/exams"); });

export const readWorklist = () => attempt("worklist", async () => {
  model.worklist = await get("api/worklist");
  model.worklistReadAt = performance.now();
});

export async function refreshWorklist() {
  model.refreshing = true;
  changed();
  await attempt("worklist", () => post("api/worklist/refresh", {}, { timeoutMs: RIS_TIMEOUT_MS }));
  model.refreshing = false;
  if (!model.failures.worklist) await readWorklist();
  changed();
}

// Throw ApiError; the caller shows it next to its button.
export const addOrder = (order) => changing(() => post("api/worklist", order));
export const takeBack = (item) => changing(() => del(`api/worklist/${part(item)}`));

async function changing(work) {
  model.busy = true;
  changed();
  try {
    await work();
    await readWorklist();
  } finally {
    model.busy = false;
    changed();
  }
}

// Seconds since the RIS gave today's list; null where it never did.
export function worklistAge() {
  const age = model.worklist?.age_s;
  return age === null || age === undefined ? null : age + (performance.now() - model.worklistReadAt) / 1000;
}

export function setText(text) {
  model.text = text;
  if (model.found && model.found.text !== text.trim()) model.found = null;
  delete model.failures.search;
  changed();
}

// Today's items that have every word of the text, in the name, ID, accession number or procedure.
export function matching(items, text) {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  return items.filter((item) => {
    const has = [personName(item.patient_name), item.patient_name, item.patient_id, item.accession_number,
      item.requested_procedure, item.scheduled_step].join(" ").toLowerCase();
    return wanted.every((word) => has.includes(word));
  });
}

// The one item of today whose ID or accession number the text is; null for none or several.
export function exactly(items, text) {
  const found = items.filter((item) => [item.patient_id, item.accession_number].includes(text.trim()));
  return found.length === 1 ? found[0] : null;
}

// A number is asked for as an ID and as an accession number, a word as the beginning of a name.
export async function searchRis() {
  const text = model.text.trim();
  if (!text || model.searching) return;
  model.searching = true;
  changed();
  const ask = (fields) => post("api/worklist/search", fields, { timeoutMs: RIS_TIMEOUT_MS });
  const answers = await attempt("search", () => Promise.all(/\d/.test(text)
    ? [ask({ patient_id: text }), ask({ accession_number: text })]
    : [ask({ patient_name: `${text.replace(/,\s*/, "^")}*` })]));
  model.searching = false;
  if (answers && text === model.text.trim()) {
    const items = new Map(answers.flatMap((answer) => answer.items).map((item) => [item.id, item]));
    model.found = { text, items: [...items.values()] };
  }
  changed();
}

// --- exams ---

export const isOpen = (exam) => exam.progress !== "ended";
// What a person has to do something about: under way, or stored without a patient.
export function pending(exams) {
  const wanting = exams.filter((exam) => (isOpen(exam) && !exam.unattended) || (exam.identity === "unidentified" && exam.captures > 0));
  return wanting.sort((one, other) => isOpen(other) - isOpen(one) || other.opened_at.localeCompare(one.opened_at));
}
export const openAt = (probe) => (model.exams ?? []).find((exam) => exam.probe === probe && isOpen(exam) && !exam.unattended);

// The probe that a new exam is opened at: the chosen one, else the first that is connected.
export function chosenProbe() {
  const probes = state.status?.probes ?? [];
  return probes.find((probe) => probe.name === model.probe) ?? probes.find((probe) => probe.connected) ?? probes[0] ?? null;
}

// whose: {}, {worklist_item} or {patient}. Throws ApiError; the caller shows it next to its button.
export async function startExam(whose) {
  const probe = chosenProbe();
  if (!probe) return;
  model.busy = true;
  changed();
  try {
    // Who works at the screen says what is captured: a probe in mode auto makes no clips of its own then.
    const exam = await post("api/exams", { probe: probe.name, on_request: true, ...whose });
    go("/scan", exam.id);
  } finally {
    model.busy = false;
    changed();
  }
}

export async function endExam(id) {
  await post(`api/exams/${encodeURIComponent(id)}/end`);
  await readExams();
}

// Read again as soon as the counts of the archives change.
let counts = "";
onStatus((status) => {
  const now = JSON.stringify(status.destinations.map((each) => each.deliveries));
  if (timers.length && now !== counts) readExams();
  counts = now;
});
