// The audit trail, for administrators: searched page by page, exported, its chain verified.
//
// Rules
// - What is looked for is in no address: it may be a patient's number.
// - The newest first, until a page is full. The page says how far it has looked, and a person may stop it.
// - It holds a bounded number of records: as older ones come, the newest go.
import { announce, banner, button, emptyState, errorBanner, field, linkButton, mark, select, skeleton, table } from "../core/parts.js";
import { bytes, instant, number, personName } from "../core/format.js";
import { changed } from "../core/state.js";
import { define, languageNow, t } from "../core/words.js";
import { fetchFile } from "../core/fetch-file.js";
import { h } from "../core/render.js";
import { may } from "../access/session.js";
import { post } from "../core/api.js";
import { goesOn, instancesOf, joined, queryOf, whatOf } from "./model.js";
import { save } from "../core/save.js";
import { translated } from "../core/error-words.js";
import { words } from "./words.js";

define(words);

const KINDS = ["login", "logout", "query", "access", "begin-transfer", "transfer", "delete", "export", "import", "alert", "order", "patient", "procedure", "audit", "start", "stop"];
const NOTHING = Object.freeze({ from: "", to: "", user: "", patient: "", kind: "" });
const VERIFYING_MS = 1800000;
const FILE = "audit.jsonl";
const PAGE = 100; // records that a press brings
const SHOWN = 1000; // records on the page: more of them make a tablet slow

let asked = { ...NOTHING };
let list = null; // {query, records, dropped, next, looked, of, reached, stopped}
let busy = "", failure = null, verified = null, coming = null, exported = false, turn = 0;

// Part by part: an answer passes over so many records at most, and a person may stop between two.
async function search(more = false) {
  if (busy === "search") return;
  const mine = turn += 1;
  if (!more) [list, exported] = [{ query: queryOf(asked), records: [], dropped: 0, next: null, looked: 0, of: 0, reached: null }, false];
  [busy, failure, list] = ["search", null, { ...list, stopped: false }];
  changed();
  try {
    for (let found = 0, on = true; on && mine === turn;) {
      const body = list.next === null ? list.query : { ...list.query, before: list.next };
      const part = await post("api/audit/search", body, { timeoutMs: 60000 });
      if (mine !== turn) return;
      const { records, dropped } = joined(list.records, part.records, SHOWN);
      list = { ...list, records, dropped: list.dropped + dropped, next: part.next, looked: part.looked, of: part.of, reached: part.reached };
      found += part.records.length;
      on = goesOn({ next: part.next, found, wanted: PAGE });
      changed();
    }
  } catch (error) {
    if (mine === turn) failure = error;
  }
  if (mine === turn) busy = "";
  changed();
}

function stop() {
  turn += 1;
  [busy, list] = ["", { ...list, stopped: true }];
  changed();
}

async function verify() {
  const mine = turn;
  [busy, failure, verified] = ["verify", null, null];
  changed();
  try {
    const found = await post("api/audit/verify", {}, { timeoutMs: VERIFYING_MS });
    if (mine === turn) verified = found;
  } catch (error) {
    if (mine === turn) failure = error;
  }
  if (mine === turn) busy = "";
  changed();
}

async function exportAll() {
  const stop = new AbortController();
  const mine = coming = { count: 0, stop };
  [failure, exported] = [null, false];
  changed();
  try {
    const file = await fetchFile("api/audit/export", { body: list.query, signal: stop.signal, type: "application/x-ndjson", oncount: (count) => { mine.count = count; changed(); } });
    save(file, FILE);
    exported = true;
    announce(t("audit.export.done", { name: FILE }));
  } catch (error) {
    if (!stop.signal.aborted) failure = error;
  }
  coming = null;
  changed();
}

function view() {
  if (!may("administrator")) return h("div", { class: "stack" }, h("h1", {}, t("audit.title")), emptyState({ icon: "lock", title: t("audit.not_yours") }));
  return h("div", { class: "stack audit-page" },
    h("div", { class: "row" }, linkButton({ label: t("core.back"), icon: "back", kind: "quiet", to: ["/system"] })),
    h("header", { class: "desk-head" }, h("h1", {}, t("audit.title")), h("p", { class: "quiet-text" }, t("audit.intro"))),
    filters(),
    h("div", { class: "row" },
      button({ label: t("audit.verify"), icon: "check", busy: busy === "verify", disabled: Boolean(busy), onclick: verify }),
      coming ? h("span", { class: "row" }, h("span", { role: "status" }, t("audit.export.busy", { size: bytes(coming.count, languageNow()) })), button({ label: t("core.cancel"), onclick: () => coming?.stop.abort() }))
        : button({ label: t("audit.export"), icon: "download", disabled: !list?.records.length || Boolean(busy), onclick: exportAll })),
    busy === "verify" ? h("p", { role: "status" }, t("audit.verify.busy")) : null,
    verified ? chain(verified) : null,
    exported ? banner({ kind: "good", title: t("audit.export.done", { name: FILE }) }) : null,
    errorBanner(failure),
    list ? records() : failure ? null : skeleton(6));
}

const type = (name) => (value) => { asked[name] = value; changed(); };

function filters() {
  const text = (name, label) => field({ id: `audit-${name}`, label, value: asked[name], maxlength: "64", oninput: type(name) });
  const date = (name, label) => field({ id: `audit-${name}`, type: "date", label, value: asked[name], oninput: type(name) });
  return h("form", { class: "audit-filters", role: "search", onsubmit: (event) => { event.preventDefault(); search(); } },
    date("from", t("audit.from")), date("to", t("audit.to")), text("user", t("audit.user")), text("patient", t("audit.patient")),
    select({ id: "audit-kind", label: t("audit.kind"), value: asked.kind, choices: [["", t("audit.kind.any")], ...KINDS.map((each) => [each, t(`audit.kind.${each}`)])], onchange: type("kind") }),
    h("div", { class: "row" },
      button({ label: t("audit.find"), icon: "search", kind: "primary", type: "submit", busy: busy === "search", onclick: undefined }),
      Object.values(asked).some(Boolean) ? button({ label: t("audit.clear"), kind: "quiet", onclick: () => { asked = { ...NOTHING }; search(); } }) : null));
}

function records() {
  const language = languageNow();
  const more = list.next !== null && busy !== "search" ? h("div", { class: "row centred" },
    button({ label: t(list.records.length ? "audit.more" : "audit.on"), icon: "down", disabled: Boolean(busy), onclick: () => search(true) })) : null;
  const far = h("div", { class: "row centred audit-far" }, h("span", { role: "status", class: "hint" }, progress(language)),
    busy === "search" ? button({ label: t("audit.stop"), icon: "close", onclick: stop }) : null);
  const foot = h("div", { class: "stack" }, far, more);
  if (!list.records.length) {
    if (busy === "search") return h("div", { class: "stack" }, skeleton(6), foot);
    if (failure && !list.of) return null;
    if (list.stopped && !list.of) return emptyState({ icon: "search", title: t("audit.stopped") });
    return h("div", { class: "stack" }, list.next !== null ? emptyState({ icon: "search", title: t("audit.so_far", { at: instant(list.reached, language) }) })
      : emptyState({ icon: "search", title: t("audit.none"), text: t("audit.none.text") }), foot);
  }
  const newest = list.dropped ? h("div", { class: "row centred" }, h("span", { class: "hint" }, t("audit.dropped", { count: list.dropped })),
    button({ label: t("audit.newest"), icon: "refresh", disabled: Boolean(busy), onclick: () => search() })) : null;
  return h("div", { class: "stack" }, newest, table({ caption: t("audit.title"), rows: list.records, keyOf: (each) => each.seq, columns: [
    { key: "at", label: t("audit.column.at"), cell: (each) => h("div", { class: "audit-cell" }, h("span", { class: "audit-time" }, instant(each.at, language)), h("span", { class: "hint" }, t("audit.number", { seq: each.seq }))) },
    { key: "kind", label: t("audit.column.kind"), cell: (each) => h("div", { class: "audit-cell" }, h("strong", {}, t(`audit.kind.${each.kind}`)),
      each.outcome ? mark({ kind: "warn", icon: "alert", word: t("audit.failed") }) : null) },
    { key: "who", label: t("audit.column.who"), cell: (each) => h("bdi", {}, each.user) },
    { key: "patient", label: t("audit.column.patient"), cell: patient },
    { key: "what", label: t("audit.column.what"), cell: (each) => h("div", { class: "audit-cell" }, ...whatOf(each).map((line, index) => h("span", { key: index, class: index ? "hint" : "" }, h("bdi", {}, line))),
      instancesOf(each) ? h("span", { class: "hint" }, t("audit.instances", { count: instancesOf(each) })) : null) },
  ] }), foot);
}

function progress(language) {
  if (!list.of) return "";
  const count = (value) => number(value, language);
  return t(list.next === null ? "audit.looked.all" : "audit.looked", { looked: count(list.looked), of: count(list.of), at: list.reached ? instant(list.reached, language) : "" });
}

function patient(each) {
  if (each.erased) return h("span", { class: "quiet-text" }, t("audit.erased"));
  if (!each.patient) return "";
  return h("div", { class: "audit-cell" }, h("bdi", {}, personName(each.patient.name) || each.patient.id),
    each.patient.name ? h("span", { class: "hint" }, h("bdi", {}, each.patient.id)) : null);
}

function chain(found) {
  if (found.broken) {
    return banner({ kind: "bad", title: t("audit.broken", { seq: found.broken.seq }), text: t("audit.broken.text", { reason: translated(found.broken.reason) }) });
  }
  return banner({ kind: "good", role: "status", title: t("audit.whole", { count: found.records, last: found.last }),
    text: [found.erased ? t("audit.whole.erased", { count: found.erased }) : "", t("audit.whole.text", { checkpoint: found.checkpoint })].filter(Boolean).join(" ") });
}

function enter() {
  asked = { ...NOTHING };
  [list, failure, verified, busy, exported] = [null, null, null, "", false];
  if (may("administrator")) search();
}

function leave() {
  coming?.stop.abort();
  turn += 1;
  [list, verified, busy] = [null, null, ""];
  asked = { ...NOTHING };
}

export const screen = { name: "audit", route: "/audit", within: "/system", title: "audit.title", enter, leave, view };
