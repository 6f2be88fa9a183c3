// Shared components. Each is a function that describes elements; none holds state.
//
// Rules
// - Words are given ready (t(...)); a part knows only the words of the shell.
// - Three marks tell a state: word, icon, colour (mark, banner, proofSteps). Never colour alone.
// - There are no toasts: what happened stands where it was asked for (banner), and announce() tells a
//   screen reader of it.
// - Each button is at least 44 px high; buttons in a row stand 8 px apart (class "row").

import { link } from "./router.js";
import { h } from "./render.js";
import { icon } from "./icons.js";
import { problemBelow, problemOf, translated } from "./error-words.js";
import { languageNow, t } from "./words.js";
import { age, ago, day, duration, instant, personName } from "./format.js";
import { may } from "../access/session.js";
import { now } from "./state.js";

// kind: primary (one on a screen), plain, quiet (no border), danger. busy: it works just now.
// needs: the role that may do it; where the user has less, there is no button.
export function button({ needs, label, icon: name, kind = "plain", busy = false, disabled = false, onclick, shortcut, ...more }) {
  if (needs && !may(needs)) return null;
  return h("button", {
    type: "button", ...more, class: ["button", kind, more.class].filter(Boolean).join(" "),
    disabled: disabled || busy, "aria-busy": busy ? "true" : undefined, onclick,
    "aria-keyshortcuts": shortcut,
  }, name && icon(name), h("span", { class: "label" }, label));
}

// A button that changes the address, as a link does.
export function linkButton({ label, icon: name, kind = "plain", to, ...more }) {
  return h("a", { ...more, class: ["button", kind, more.class].filter(Boolean).join(" "), href: link(...to) },
    name && icon(name), h("span", { class: "label" }, label));
}

// A button of an icon alone; label is its name.
export function iconButton({ label, icon: name, onclick, ...more }) {
  return h("button", { type: "button", title: label, "aria-label": label, ...more,
    class: ["button quiet square", more.class].filter(Boolean).join(" "), onclick }, icon(name));
}

// Word, icon and colour of a state. kind: good, info, warn, bad.
export function mark({ kind = "info", icon: name, word, title, ...more }) {
  return h("span", { ...more, class: ["mark", kind, more.class].filter(Boolean).join(" "), title }, name && icon(name, 16), h("span", {}, word));
}

// What happened, what it means, what to do. actions: buttons. kind: good, info, warn, bad.
export function banner({ kind = "info", icon: name, title, text, actions = [], role, ...more }) {
  const icons = { good: "check", info: "info", warn: "alert", bad: "alert" };
  return h("div", { ...more, class: ["banner", kind, more.class].filter(Boolean).join(" "), role: role ?? (kind === "bad" ? "alert" : undefined) },
    icon(name ?? icons[kind], 20),
    h("div", { class: "banner-words" }, title && h("strong", {}, ...withCommands(title)), text && h("p", {}, ...withCommands(text))),
    actions.length ? h("div", { class: "row banner-actions" }, ...actions) : null);
}

// The words of an ApiError (or of any other), ready for a banner or a field.
export function errorWords(error) {
  if (!error) return { title: "", text: "" };
  if (error.status === 0) return { title: t("core.node.away"), text: t("core.error.node") };
  if (!error.error) return { title: t("core.error.unexplained", { status: error.status ?? "?" }), text: "" };
  return { title: sentence(problemOf(error)), text: error.remedy ? sentence(translated(error.remedy)) : "" };
}

// The words of an ApiError that names a field, to stand under that field.
export function fieldWords(error) {
  return [problemBelow(error), error.remedy && translated(error.remedy)].filter(Boolean).map(sentence).join(" ");
}

export function errorBanner(error, actions = []) {
  return error ? banner({ kind: "bad", ...errorWords(error), actions }) : null;
}

const sentence = (text) => {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
};

// What stands between backticks is a command: shown as one.
export function withCommands(text) {
  return String(text).split("`").map((part, index) => (index % 2 ? h("code", {}, part) : part));
}

// A labelled input. error: what is wrong with it, in words. oninput(value, event).
export function field({ id, label, value = "", oninput, error = "", hint = "", needed = false, type = "text", ...more }) {
  const described = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(" ");
  return h("div", { class: `field${error ? " wrong" : ""}` },
    h("label", { for: id }, label, needed && h("span", { class: "quiet" }, ` (${t("core.field.needed")})`)),
    h("input", {
      id, type, value, autocomplete: "off", spellcheck: "false", ...more, "aria-invalid": error ? "true" : undefined,
      "aria-describedby": described || undefined, "aria-required": needed ? "true" : undefined,
      oninput: oninput && ((event) => oninput(event.target.value, event)),
    }),
    hint && h("p", { id: `${id}-hint`, class: "hint" }, hint),
    error && h("p", { id: `${id}-error`, class: "wrong-words" }, icon("alert", 16), error));
}

// A choice of few: radio buttons in one bar. choices: [[value, word], ...].
export function choice({ name, label, value, choices, onchange }) {
  return h("fieldset", { class: "choice" },
    h("legend", {}, label),
    h("div", { class: "choice-bar" }, ...choices.map(([each, word]) =>
      h("label", { key: each, class: each === value ? "chosen" : "" },
        h("input", { type: "radio", name, value: each, checked: each === value, onchange: () => onchange(each) }),
        h("span", {}, word)))));
}

// A choice of many.
export function select({ id, label, value, choices, onchange }) {
  return h("div", { class: "field" }, h("label", { for: id }, label),
    h("select", { id, onchange: (event) => onchange(event.target.value) },
      ...choices.map(([each, word]) => h("option", { key: each, value: each, selected: each === value }, word))));
}

// columns: [{key, label, cell(row), numeric?}]; rows: any; keyOf(row). caption names it for screen readers.
export function table({ caption, columns, rows, keyOf, onrow }) {
  return h("div", { class: "table-frame", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {},
      h("caption", { class: "unseen" }, caption),
      h("thead", {}, h("tr", {}, ...columns.map((each) =>
        h("th", { key: each.key, scope: "col", class: each.numeric ? "numeric" : "" }, each.label)))),
      h("tbody", {}, ...rows.map((row) => h("tr", { key: keyOf(row), class: onrow ? "pressable" : "", onclick: onrow && (() => onrow(row)) },
        ...columns.map((each) => h("td", { key: each.key, class: each.numeric ? "numeric" : "", "data-label": each.label }, each.cell(row))))))));
}

export function emptyState({ icon: name, title, text, actions = [] }) {
  return h("div", { class: "empty" }, icon(name, 32), h("h2", {}, title), text && h("p", {}, ...withCommands(text)),
    actions.length ? h("div", { class: "row" }, ...actions) : null);
}

// Grey bars of the final size while rows are awaited.
export function skeleton(count, height = 64) {
  return h("div", { class: "skeletons", "aria-hidden": "true" },
    ...Array.from({ length: count }, (_, index) => h("div", { key: index, class: "skeleton", style: { height: `${height}px` } })));
}

// A modal dialog; the browser keeps the focus in it and Escape closes it. Draw it while it is open. The focus goes back
// to what had it, or to the screen where that is gone, hidden or disabled by then.
export function dialog({ id, title, onclose, actions = [], wide = false }, ...content) {
  return h("dialog", {
    key: `dialog-${id}`, class: wide ? "wide" : "", "aria-labelledby": `${id}-title`, "data-dialog": id,
    oncancel: (event) => { event.preventDefault(); onclose(); },
    onclick: (event) => { if (event.target === event.currentTarget) onclose(); },
    ref: (element) => {
      const before = document.activeElement;
      element.showModal();
      element.querySelector("[data-first]")?.focus();
      return () => {
        element.close();
        before?.focus();
        if (document.activeElement !== before) document.getElementById("content")?.focus({ preventScroll: true });
      };
    },
  }, h("div", { class: "dialog-body" },
    h("header", {}, h("h2", { id: `${id}-title` }, title), iconButton({ label: t("core.close"), icon: "close", onclick: onclose })),
    h("div", { class: "dialog-content" }, ...content),
    actions.length ? h("footer", { class: "row" }, ...actions) : null));
}

// How long ago, with the time in full as its title.
export function timeAgo(at) {
  if (!at) return null;
  return h("time", { datetime: at, title: instant(at, languageNow()) }, ago(at, now(), languageNow()));
}

// The steps of proof that an instance has, of the ledger's rows for it.
// Pure: [{state, destination, last_error}] -> {done 0..3, all, held, word}; the slowest archive counts.
const STEP_OF = { captured: 1, queued: 1, sending: 1, held: 1, sent: 2, commit_requested: 2, verified: 3, committed: 3 };
export function proofOf(rows, commitmentOf = () => "required") {
  if (!rows.length) return { done: 0, all: 3, held: false, state: "" };
  const marked = rows.map((row) => {
    const all = commitmentOf(row.destination) === "none" ? 2 : 3;
    return { done: Math.min(STEP_OF[row.state] ?? 1, all), all, held: row.state === "held", state: row.state, row };
  });
  const [least] = marked.sort((one, other) => other.held - one.held || (one.done / one.all) - (other.done / other.all));
  return { ...least, held: marked.some((each) => each.held) };
}

// Three small steps that fill: Stored, Sent, Committed. proof.word: said in place of the step reached.
export function proofSteps(proof, { words = true } = {}) {
  const names = ["stored", "sent", proof.state === "verified" ? "verified" : "committed"].slice(0, proof.all);
  const reached = proof.word ? proof.word : proof.held ? t("core.proof.held") : proof.done ? t(`core.proof.${names[proof.done - 1]}`) : t("core.busy");
  return h("span", { class: `proof${proof.held ? " held" : ""}${proof.done === proof.all ? " whole" : ""}` },
    h("span", { class: "steps", role: "img", "aria-label": t("core.proof.label", { done: proof.done, all: proof.all, word: reached }) },
      ...names.map((each, index) => h("span", { key: each, class: index < proof.done ? "step done" : "step", title: t(`core.proof.${each}`) },
        index < proof.done && icon("check", 12)))),
    words && h("span", { class: "proof-word" }, proof.held && icon("held", 16), reached));
}

// Who is examined: name, sex, birth date, age, ID, accession number; or Unidentified. h1 on its screen.
export function patientLine(patient, { accession = "", level = "h1" } = {}) {
  if (!patient) {
    return h("div", { class: "patient unidentified" }, icon("unknown", 24), h(level, { class: "patient-name" }, t("core.patient.unidentified")));
  }
  const years = age(patient.birth_date, now());
  const fact = (label, value) => value && h("span", { class: "fact" }, h("span", { class: "fact-label" }, label), " ", h("span", {}, value));
  return h("div", { class: "patient" },
    h(level, { class: "patient-name", title: nameOf(patient) }, nameOf(patient)),
    h("span", { class: "facts" },
      patient.sex && h("span", { class: "fact" }, sexWord(patient.sex)),
      patient.birth_date && h("span", { class: "fact" }, h("span", { class: "fact-label" }, t("core.patient.born")), ` ${day(patient.birth_date, languageNow())}`,
        years === null ? "" : ` (${t("core.patient.years", { age: years })})`),
      fact(t("core.patient.id"), patient.id ?? patient.patient_id),
      fact(t("core.patient.accession"), accession)));
}

const nameOf = (patient) => personName(patient.name ?? patient.patient_name) || patient.id;

export const sexWord = (sex) => (["F", "M", "O"].includes(sex) ? t(`core.sex.${sex}`) : "");

// The words of an entry of health.js.
export function healthWords({ key, values }) {
  const more = values.minutes === undefined ? {} : { time: duration(values.minutes * 60, languageNow()) };
  return t(key, { ...values, ...more });
}

// Tells a screen reader what happened; `kind: "alert"` interrupts it.
export function announce(text) {
  const place = document.getElementById("announcements");
  if (!place) return;
  place.textContent = "";
  setTimeout(() => { place.textContent = text; }, 50); // a change of text is what is read
}
