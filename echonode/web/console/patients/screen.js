// One patient's data, for administrators: what is held, its export, its erasure.
//
// Rules
// - The Patient ID is in no address: it is typed here, and forgotten when the screen is left.
// - An erasure is confirmed by typing the number again; what is in the way is said before.
import { announce, banner, button, dialog, emptyState, errorBanner, field, linkButton, skeleton, withCommands } from "../core/parts.js";
import { bytes, number, personName } from "../core/format.js";
import { changed } from "../core/state.js";
import { define, languageNow, t } from "../core/words.js";
import { fetchFile } from "../core/fetch-file.js";
import { h } from "../core/render.js";
import { may } from "../access/session.js";
import { post } from "../core/api.js";
import { save } from "../core/save.js";
import { translated } from "../core/error-words.js";
import { words } from "./words.js";

define(words);

const ERASING_MS = 3600000; // a database of gigabytes is written again
const FILE = "patient.zip"; // no number in a folder of downloads

const empty = () => ({ id: "", of: "", held: null, asking: false, error: null, coming: null, exported: false, erasing: null, erased: null });
let shown = empty();
const set = (changes) => { Object.assign(shown, changes); changed(); };

const isHeld = ({ images, quarantined, records }) => images > 0 || quarantined > 0 || Object.keys(records).length > 0;

async function find() {
  const mine = shown, id = shown.id;
  if (!id || mine.asking) return;
  set({ asking: true, error: null, held: null, exported: false, erased: null });
  try {
    Object.assign(mine, { held: await post("api/patients/held", { patient_id: id }, { timeoutMs: 60000 }), of: id });
  } catch (error) {
    mine.error = error;
  }
  mine.asking = false;
  changed();
}

async function exportAll() {
  const mine = shown, stop = new AbortController();
  set({ coming: { done: 0, all: 0, stop }, error: null, exported: false });
  try {
    const file = await fetchFile("api/patients/export", { body: { patient_id: mine.of }, signal: stop.signal, type: "application/zip",
      oncount: (done, all) => { if (mine.coming) Object.assign(mine.coming, { done, all }); changed(); } });
    save(file, FILE);
    mine.exported = true;
    announce(t("patients.export.done", { name: FILE }));
  } catch (error) {
    if (!stop.signal.aborted) mine.error = error;
  }
  mine.coming = null;
  changed();
}

async function erase() {
  const mine = shown;
  Object.assign(mine.erasing, { busy: true, error: null });
  changed();
  try {
    const erased = await post("api/patients/erase", { patient_id: mine.of }, { timeoutMs: ERASING_MS });
    Object.assign(mine, { erased, erasing: null, held: null, id: "", of: "" });
    announce(t(erased.done ? "patients.erased" : "patients.unfinished", { number: erased.number }));
  } catch (error) {
    Object.assign(mine.erasing, { busy: false, error });
  }
  changed();
}

function view() {
  if (!may("administrator")) return h("div", { class: "stack" }, h("h1", {}, t("patients.title")), emptyState({ icon: "lock", title: t("patients.not_yours") }));
  return h("div", { class: "stack patient-page" },
    h("div", { class: "row" }, linkButton({ label: t("core.back"), icon: "back", kind: "quiet", to: ["/system"] })),
    h("header", { class: "desk-head" }, h("h1", {}, t("patients.title")), h("p", { class: "quiet-text" }, t("patients.intro"))),
    h("form", { class: "patient-find", role: "search", onsubmit: (event) => { event.preventDefault(); find(); } },
      field({ id: "patient-id", label: t("patients.id"), value: shown.id, maxlength: "64", "data-first": true, oninput: (id) => set({ id }) }),
      button({ label: t("patients.find"), icon: "search", kind: "primary", type: "submit", busy: shown.asking, disabled: !shown.id, onclick: undefined })),
    errorBanner(shown.error),
    shown.erased ? outcome(shown.erased) : null,
    shown.asking ? skeleton(1, 200) : shown.held ? found(shown.held) : null,
    eraseDialog());
}

const recordWord = (name) => {
  const key = `patients.record.${name}`;
  const word = t(key);
  return word === key ? name.replaceAll("_", " ") : word;
};

function facts(pairs) {
  return h("dl", { class: "desk-facts" }, ...pairs.filter(Boolean).flatMap(([label, value]) => [
    h("dt", { key: `t${label}` }, label), h("dd", { key: `d${label}` }, h("bdi", {}, value))]));
}

function found(held) {
  if (!isHeld(held)) return emptyState({ icon: "user", title: t("patients.nothing"), text: t("patients.nothing.text") });
  const language = languageNow();
  return h("div", { class: "patient-cards" },
    h("section", { class: "card stack", "aria-labelledby": "patient-held" }, h("h2", { id: "patient-held" }, t("patients.held")),
      facts([
        [t("patients.id"), shown.of],
        held.names.length ? [t("patients.names"), held.names.map(personName).join("; ")] : null,
        [t("patients.label.images"), `${t("patients.images", { count: held.images })} ${t("patients.studies", { count: held.studies })}`],
        held.quarantined ? [t("patients.label.quarantined"), t("patients.quarantined", { count: held.quarantined })] : null,
        ...Object.entries(held.records).map(([name, count]) => [recordWord(name), number(count, language)]),
      ])),
    h("section", { class: "card stack", "aria-labelledby": "patient-export" }, h("h2", { id: "patient-export" }, t("patients.export")),
      h("p", {}, t("patients.export.text")),
      shown.coming ? coming(shown.coming) : h("div", { class: "row" }, button({ label: t("patients.export"), icon: "download", onclick: exportAll })),
      shown.exported ? banner({ kind: "good", title: t("patients.export.done", { name: FILE }) }) : null),
    h("section", { class: "card stack", "aria-labelledby": "patient-erase" }, h("h2", { id: "patient-erase" }, t("patients.erase")),
      h("p", {}, t("patients.erase.text")),
      held.reasons.length ? banner({ kind: "warn", title: t("patients.erase.not_now") }) : null,
      held.reasons.length ? h("ul", { class: "patient-reasons" }, ...held.reasons.map((reason) => h("li", { key: reason }, ...withCommands(translated(reason))))) : null,
      h("div", { class: "row" }, button({ label: t("patients.erase"), icon: "trash", kind: "danger", disabled: held.reasons.length > 0 || Boolean(shown.coming),
        onclick: () => set({ erasing: { typed: "", busy: false, error: null } }) }))));
}

function coming({ done, all, stop }) {
  const words_ = all ? t("patients.export.comes", { done: bytes(done, languageNow()), all: bytes(all, languageNow()) }) : t("patients.export.begins");
  return h("div", { class: "row" }, h("progress", { max: "100", value: all ? String(Math.round(100 * done / all)) : undefined, "aria-label": t("patients.export") }),
    h("span", { role: "status" }, words_), button({ label: t("core.cancel"), onclick: () => stop.abort() }));
}

function eraseDialog() {
  if (!shown.erasing) return null;
  const { typed, busy, error } = shown.erasing;
  const close = () => { if (!shown.erasing?.busy) set({ erasing: null }); };
  return dialog({ id: "erase-patient", title: t("patients.erase.title"), onclose: close, actions: [
    button({ label: t("core.cancel"), kind: "quiet", onclick: close, disabled: busy }),
    button({ label: t("patients.erase"), icon: "trash", kind: "danger", busy, disabled: typed !== shown.of, onclick: erase }),
  ] },
  h("p", {}, t("patients.erase.what")),
  field({ id: "erase-typed", label: t("patients.erase.confirm"), value: typed, maxlength: "64", "data-first": true, oninput: (value) => { shown.erasing.typed = value; changed(); } }),
  busy ? h("p", { role: "status" }, t("patients.erase.busy")) : null,
  errorBanner(error));
}

function outcome(erased) {
  const language = languageNow();
  return h("section", { class: "stack" },
    banner({ kind: erased.done ? "good" : "warn", title: t(erased.done ? "patients.erased" : "patients.unfinished", { number: erased.number }),
      text: t(erased.done ? "patients.erased.text" : "patients.unfinished.text") }),
    h("div", { class: "card" }, facts(Object.entries(erased.erased).map(([name, count]) => [recordWord(name), number(count, language)]))),
    erased.unreadable_in_quarantine ? banner({ kind: "warn", title: t("patients.unreadable", { count: erased.unreadable_in_quarantine }) }) : null,
    ...erased.databases_set_aside.map((name) => banner({ key: name, kind: "warn", title: t("patients.set_aside", { name }) })));
}

function leave() {
  shown.coming?.stop.abort();
  shown = empty();
}

export const screen = { name: "patients", route: "/patients", within: "/system", title: "patients.title", enter: () => { shown = empty(); }, leave, view };
