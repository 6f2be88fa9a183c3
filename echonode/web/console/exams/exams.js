// The start: scan at once, find a patient, see who is scheduled and what waits for a person.
//
// Rules
// - Two taps to the first still without a patient: Scan now, Still. Four with one of the worklist:
//   the patient, Start the exam, Still.
// - What needs a person comes before what is only information.

import { banner, button, emptyState, errorBanner, errorWords, linkButton, mark, select, skeleton, timeAgo } from "../core/parts.js";
import { clock, day, duration, personName } from "../core/format.js";
import { define, languageNow, t } from "../core/words.js";
import { h } from "../core/render.js";
import { severally } from "../core/error-words.js";
import { icon } from "../core/icons.js";
import { leads } from "../core/router.js";
import { bind } from "../core/keys.js";
import { changed, state } from "../core/state.js";
import { may } from "../access/session.js";
import { canScan } from "./barcode.js";
import { confirmItem, dialogs, enterOrder, scanBarcode, start, typePatient } from "./dialogs.js";
import { identify, identifyDialog } from "./identify.js";
import {
  chosenProbe, enter, exactly, isOpen, leave, matching, model, pending, readExams, refreshWorklist, searchRis, setText, worklistAge,
} from "./model.js";
import { words } from "./words.js";

define(words);

const RECENT = 8;
let unbind = () => {};

export const screen = {
  name: "exams",
  route: "/exams",
  title: "exams.title",
  nav: { icon: "exams", order: 10 },
  enter() {
    enter();
    unbind = bind([
      { key: "n", label: "exams.scan_now", run: () => start({}), when: () => may("operator") },
      { key: "/", label: "exams.search", run: () => document.getElementById("search")?.focus() },
      { key: "r", label: "exams.worklist.refresh", run: refreshWorklist, when: () => model.worklist?.configured && may("operator") },
    ]);
  },
  leave() {
    leave();
    unbind();
  },
  view,
};

function view() {
  const { status } = state;
  return [
    h("h1", { class: "unseen" }, t("exams.title")),
    notices(status),
    may("operator") ? h("section", { class: "begin", "aria-label": t("exams.scan_now") },
      h("div", { class: "begin-actions" },
        button({ needs: "operator", label: t("exams.scan_now"), icon: "probe", kind: "primary", class: "large", busy: model.busy,
          disabled: !chosenProbe(), shortcut: "n", onclick: () => start({}) }),
        button({ needs: "operator", label: t("exams.new_patient"), icon: "user", class: "large", disabled: !chosenProbe(), onclick: typePatient }),
        probes(status)),
      h("p", { class: "hint" }, t("exams.scan_now.hint"))) : null,
    errorBanner(model.failures.start),
    search(),
    h("div", { key: "body", class: "exams-body" },
      h("div", { key: "list", class: "exams-main" }, model.found ? foundSection() : worklistSection()),
      h("div", { key: "side", class: "exams-side" }, pendingSection(), recentSection())),
    dialogs(),
    identifyDialog(),
  ];
}

// --- what keeps a person from scanning ---

function notices(status) {
  if (!status) return null;
  const found = status.probes.filter((probe) => probe.connected && probe.refusal).map((probe) =>
    banner({ key: `p-${probe.name}`, kind: "bad", title: t("exams.not_recording", { name: probe.name }), text: sentence(probe.refusal) }));
  if (!status.probes.length) found.push(banner({ key: "no-probe", kind: "warn", title: t("exams.no_probe"), text: t("exams.no_probe.text"), actions: setUp() }));
  if (!status.destinations.length) found.push(banner({ key: "no-archive", kind: "warn", title: t("exams.no_archive"), text: t("exams.no_archive.text"), actions: setUp() }));
  return found.length ? h("div", { key: "notices", class: "exams-notices" }, ...found) : null;
}

const setUp = () => (leads("/first-start") ? [linkButton({ label: t("exams.set_up"), icon: "settings", to: ["/first-start"] })] : []);

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

function probes(status) {
  const all = status?.probes ?? [];
  if (all.length < 2) return null;
  return h("div", { class: "probe-choice" }, select({ id: "probe", label: t("exams.probe"), value: chosenProbe()?.name,
    choices: all.map((probe) => [probe.name, probe.connected ? probe.name : t("exams.probe.away", { name: probe.name })]),
    onchange: (name) => { model.probe = name; changed(); } }));
}

// --- search ---

function search() {
  const onread = (text) => { setText(text); entered(); };
  return h("form", { key: "search", class: "search-row", role: "search", onsubmit: (event) => { event.preventDefault(); entered(); } },
    h("label", { for: "search", class: "unseen" }, t("exams.search")),
    h("span", { class: "search-field" }, icon("search"),
      h("input", { id: "search", type: "search", value: model.text, placeholder: t("exams.search.hint"), autocomplete: "off",
        spellcheck: "false", enterkeyhint: "search", oninput: (event) => setText(event.target.value) })),
    model.text ? button({ label: t("exams.search.clear"), icon: "close", kind: "quiet", onclick: () => setText("") }) : null,
    canScan() ? button({ label: t("exams.search.camera"), icon: "barcode", onclick: () => scanBarcode(onread) }) : null,
    model.worklist?.configured && model.text.trim()
      ? button({ needs: "operator", label: t("exams.search.ris"), icon: "search", busy: model.searching, onclick: searchRis }) : null);
}

// Enter, which a barcode reader types after the number: the one whose number it is, else the RIS.
function entered() {
  const one = exactly(model.worklist?.items ?? [], model.text);
  if (one) confirmItem(one);
  else if (model.worklist?.configured) searchRis().then(() => { if (model.found?.items.length === 1) confirmItem(model.found.items[0]); });
}

function foundSection() {
  const { text, items } = model.found;
  return h("section", { key: "found", class: "stack" },
    h("div", { class: "section-head" }, h("h2", {}, t("exams.search.of_ris")), h("span", { class: "quiet-text" }, t("exams.search.found", { count: items.length }))),
    items.length ? itemList(items) : emptyState({ icon: "search", title: t("exams.search.none_ris", { text }), text: t("exams.search.none.text"),
      actions: [button({ needs: "operator", label: t("exams.new_patient"), icon: "user", onclick: typePatient })] }));
}

// --- worklist ---

function worklistSection() {
  const list = model.worklist;
  return h("section", { key: "worklist", class: "stack", "aria-labelledby": "worklist-title" },
    h("div", { class: "section-head" }, h("h2", { id: "worklist-title" }, t("exams.worklist")), listAge(),
      h("div", { class: "row" },
        button({ needs: "operator", label: t("exams.order.add"), icon: "plus", kind: "quiet", onclick: enterOrder }),
        list?.configured ? button({ label: model.refreshing ? t("exams.worklist.refreshing") : t("exams.worklist.refresh"), icon: "refresh",
          needs: "operator", kind: "quiet", busy: model.refreshing, onclick: refreshWorklist }) : null)),
    list?.problem ? banner({ kind: "warn", title: t("exams.worklist.problem"), text: t("exams.worklist.problem.text", { problem: severally(list.problem) }) }) : null,
    list?.missing ? banner({ kind: "warn", title: t("exams.worklist.missing", { count: list.missing }) }) : null,
    errorBanner(model.failures.search), worklistFailure(), listBody());
}

const worklistFailure = () => (model.failures.worklist && !state.stale
  ? banner({ kind: "bad", ...errorWords(model.failures.worklist), actions: [button({ label: t("core.again"), onclick: refreshWorklist })] }) : null);

function listAge() {
  if (!model.worklist?.configured) return null;
  const age = worklistAge();
  const old = age === null || age > 15 * 60;
  return mark({ kind: old ? "warn" : "info", icon: "clock", word: age === null ? t("exams.worklist.never")
    : t("exams.worklist.age", { ago: spanAgo(age) }) });
}

const spanAgo = (seconds) => {
  const span = duration(seconds, languageNow());
  return languageNow() === "fr" ? `il y a ${span}` : `${span} ago`;
};

function listBody() {
  const list = model.worklist;
  if (!list) return skeleton(5, 68);
  const items = matching(list.items, model.text);
  if (items.length) return itemList(items);
  if (model.text.trim()) {
    return emptyState({ icon: "search", title: t("exams.search.none_here", { text: model.text.trim() }), text: t("exams.search.none.text"),
      actions: [list.configured ? button({ needs: "operator", label: t("exams.search.ris"), icon: "search", busy: model.searching, onclick: searchRis }) : null,
        button({ needs: "operator", label: t("exams.new_patient"), icon: "user", onclick: typePatient })] });
  }
  if (!list.configured && !list.items.length) return emptyState({ icon: "exams", title: t("exams.worklist.none"), text: t("exams.worklist.none.text") });
  return emptyState({ icon: "exams", title: t("exams.worklist.empty"), text: t("exams.worklist.empty.text") });
}

function itemList(items) {
  return h("ul", { class: "orders" }, ...items.map((item) => {
    const name = personName(item.patient_name) || item.patient_id;
    return h("li", { key: item.id }, h("button", { type: "button", class: "order", onclick: () => confirmItem(item) },
      h("span", { class: "order-time" }, clock(item.start_time)),
      h("span", { class: "order-who" }, h("strong", {}, name),
        h("span", { class: "quiet-text" }, [item.sex && t(`core.sex.${["F", "M", "O"].includes(item.sex) ? item.sex : "O"}`), day(item.birth_date, languageNow()), item.patient_id].filter(Boolean).join(" · "))),
      h("span", { class: "order-what" }, h("span", {}, item.requested_procedure || item.scheduled_step), h("span", { class: "quiet-text" }, item.accession_number)),
      icon("chevron")));
  }));
}

// --- exams ---

function pendingSection() {
  if (model.failures.exams && !model.exams && !state.stale) {
    return banner({ kind: "bad", title: t("exams.failed"), text: errorWords(model.failures.exams).title, actions: [button({ label: t("core.again"), onclick: readExams })] });
  }
  if (!model.exams) return skeleton(2, 108);
  const waiting = pending(model.exams);
  if (!waiting.length) return null;
  return h("section", { key: "pending", class: "stack", "aria-labelledby": "pending-title" },
    h("h2", { id: "pending-title" }, t("exams.open")),
    h("ul", { class: "stack" }, ...waiting.map((exam) => h("li", { key: exam.id, class: `card exam-card${exam.patient ? "" : " unnamed"}` },
      h("div", { class: "exam-head" }, examName(exam),
        isOpen(exam) ? mark({ kind: "good", icon: "probe", word: t("exams.open.now"), class: "filled" })
          : mark({ kind: "warn", icon: "unknown", word: t("exams.open.unidentified"), class: "filled" })),
      h("p", { class: "quiet-text" }, examFacts(exam)),
      h("div", { class: "row" },
        isOpen(exam) && !exam.unattended && may("operator") ? linkButton({ label: t("exams.continue"), icon: "probe", kind: "primary", to: ["/scan", exam.id] })
          : linkButton({ label: t("exams.look"), icon: "eye", to: ["/scan", exam.id] }),
        exam.identity === "unidentified" && exam.captures ? button({ needs: "operator", label: t("exams.identify"), icon: "user", onclick: () => identify(exam, readExams) }) : null)))));
}

const examName = (exam) => h("h3", { class: exam.patient ? "" : "no-name" }, exam.patient ? personName(exam.patient.name) || exam.patient.id : t("core.patient.unidentified"));

function examFacts(exam) {
  const when = exam.ended_at ?? exam.opened_at;
  const key = exam.ended_at ? "exams.ended" : "exams.begun";
  const [before, after] = t(key, { ago: "\ue000" }).split("\ue000");
  return [`${t("exams.captures", { count: exam.captures })} · ${t("exams.at_probe", { probe: exam.probe })} · `, before, timeAgo(when), after];
}

function recentSection() {
  const shown = new Set(pending(model.exams ?? []).map((exam) => exam.id));
  const recent = (model.exams ?? []).filter((exam) => exam.captures && !shown.has(exam.id)).slice(0, RECENT);
  if (!recent.length) return null;
  return h("section", { key: "recent", class: "stack", "aria-labelledby": "recent-title" },
    h("h2", { id: "recent-title" }, t("exams.recent")),
    h("ul", { class: "recent" }, ...recent.map((exam) => h("li", { key: exam.id },
      h("a", { class: "recent-exam", href: `#/scan/${encodeURIComponent(exam.id)}` },
        h("strong", {}, exam.patient ? personName(exam.patient.name) || exam.patient.id : t("core.patient.unidentified")),
        h("span", { class: "quiet-text" }, examFacts(exam)))))));
}
