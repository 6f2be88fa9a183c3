// Reports an exam: findings picked or typed, measurements and key images chosen. A dialog of Scan and Review.
//
// Rules
// - One press sends it: what is measured is chosen already, and a template offers the usual words.
// - Templates and measurements are read when it opens; what is typed is lost only by closing it.
// - done(document) gets the report as the node keeps it.

import { announce, button, dialog, errorBanner, select, skeleton } from "../core/parts.js";
import { get, part, post } from "../core/api.js";
import { changed } from "../core/state.js";
import { define, languageNow, t } from "../core/words.js";
import { h } from "../core/render.js";
import { firstValue } from "../review/values.js";
import { emptyForm, flipped, framesOf, isChosen, isEmpty, requestOf, standing, toggled } from "./form.js";
import { words } from "./words.js";

define(words);

const TIMEOUT_MS = 60000; // pictures are drawn, and three objects are stored
let asked = null;
let templates = null; // they do not change while the page is open
let last = "fast"; // the template that was used last

const close = () => { asked = null; changed(); };
const set = (changes) => { asked = { ...asked, ...changes }; changed(); };
const setForm = (changes) => set({ form: { ...asked.form, ...changes }, error: null });

export async function report(exam, done = () => {}) {
  const mine = { exam, done, form: null, measurements: [], frames: [], error: null, busy: false };
  asked = mine;
  changed();
  try {
    const [whole, made, known] = await Promise.all([
      get(`api/exams/${part(exam.id)}`), get(`api/exams/${part(exam.id)}/measurements`), templates ?? get("api/report-templates")]);
    if (asked !== mine) return;
    templates = known;
    const measurements = standing(made, whole);
    const frames = framesOf(whole, measurements);
    const template = templates.some((each) => each.code === last) ? last : templates[0].code;
    set({ measurements, frames, form: emptyForm(template, frames, measurements) });
  } catch (error) {
    if (error.status === undefined) throw error;
    if (asked === mine) set({ error });
  }
}

async function send() {
  const { exam, form, frames, done } = asked;
  last = form.template;
  set({ busy: true, error: null });
  try {
    const made = await post(`api/exams/${part(exam.id)}/report`, requestOf(form, frames, languageNow()), { timeoutMs: TIMEOUT_MS });
    close();
    announce(t("report.sent"));
    done(made);
  } catch (error) {
    if (error.status === undefined) throw error;
    if (asked) set({ busy: false, error });
  }
}

export function reportDialog() {
  if (!asked) return null;
  const { form, error, busy } = asked;
  return dialog({ id: "report", title: t("report.title"), wide: true, onclose: close, actions: [
    button({ label: t("core.cancel"), kind: "quiet", onclick: close }),
    button({ label: t("report.send"), icon: "sent", kind: "primary", busy, disabled: !form || isEmpty(form), onclick: send })] },
  h("p", { class: "quiet-text" }, t("report.text")),
  errorBanner(error),
  ...(form ? content(form) : [error ? null : skeleton(3)]));
}

function content(form) {
  const language = languageNow();
  const template = templates.find((each) => each.code === form.template);
  return [
    select({ id: "report-template", label: t("report.template"), value: form.template, choices: templates.map((each) => [each.code, each.title[language]]),
      onchange: (value) => setForm({ template: value, findings: {}, conclusion: "" }) }),
    h("section", { key: `findings-${template.code}`, class: "report-part", "aria-labelledby": "report-findings" }, h("h3", { id: "report-findings" }, t("report.findings")),
      ...template.fields.map((each) => finding(each, form, language))),
    h("section", { key: `conclusion-${template.code}`, class: "report-part", "aria-labelledby": "report-conclusion-title" }, h("h3", { id: "report-conclusion-title" }, t("report.conclusion")),
      chips(template.conclusions, form.conclusion, language, t("report.conclusion"), (choice) => setForm({ conclusion: toggled(form.conclusion, choice, " ") })),
      area("report-conclusion", t("report.conclusion"), form.conclusion, (value) => setForm({ conclusion: value }))),
    measured(form), keyImages(form),
  ];
}

function finding(each, form, language) {
  const value = form.findings[each.code] ?? "";
  const write = (text) => setForm({ findings: { ...form.findings, [each.code]: text } });
  const label = each.label[language];
  if (!each.choices.length) {
    return h("div", { key: each.code, class: "report-finding" }, area(`report-${each.code}`, label, value, write, true));
  }
  return h("div", { key: each.code, class: "report-finding" },
    chips(each.choices, value, language, label, (choice) => write(toggled(value, choice)), true),
    h("div", { class: "field" }, h("label", { for: `report-${each.code}`, class: "unseen" }, `${label}: ${t("report.own_words")}`),
      h("input", { id: `report-${each.code}`, type: "text", value, placeholder: t("report.own_words"), maxlength: "2000", autocomplete: "off", oninput: (event) => write(event.target.value) })));
}

function chips(choices, value, language, label, onpress, shown = false) {
  if (!choices.length) return null;
  return h("div", { class: "chips", role: "group", "aria-label": label },
    shown ? h("span", { class: "chips-label", "aria-hidden": "true" }, label) : null,
    ...choices.map((each) => h("button", { key: each.en, type: "button", class: "chip", "aria-pressed": String(isChosen(value, each[language])), onclick: () => onpress(each[language]) }, each[language])));
}

function area(id, label, value, oninput, shown = false) {
  return h("div", { class: "field" }, h("label", { for: id, class: shown ? "" : "unseen" }, label),
    h("textarea", { id, rows: "3", maxlength: "8000", spellcheck: "true", value, oninput: (event) => oninput(event.target.value) }));
}

function measured(form) {
  const rows = asked.measurements.map((each) => h("li", { key: each.id }, h("label", { class: "report-check" },
    h("input", { type: "checkbox", checked: form.measurements.has(each.id), onchange: () => setForm({ measurements: flipped(form.measurements, each.id) }) }),
    h("span", {}, each.label || t(`review.${each.kind}`)), h("strong", {}, firstValue(each, languageNow())))));
  return h("section", { key: "measured", class: "report-part", "aria-labelledby": "report-measured" }, h("h3", { id: "report-measured" }, t("report.measurements")),
    rows.length ? h("ul", {}, ...rows) : h("p", { class: "quiet-text" }, t("report.measurements.none")));
}

function keyImages(form) {
  if (!asked.frames.length) return null;
  return h("section", { key: "keys", class: "report-part", "aria-labelledby": "report-keys" }, h("h3", { id: "report-keys" }, t("report.key_images")),
    h("ul", { class: "report-images" }, ...asked.frames.map((each) => {
      const name = each.frame > 1 ? t("report.image_frame", each) : t("report.image", each);
      return h("li", { key: each.key }, h("label", { class: "report-image" },
        h("input", { type: "checkbox", checked: form.keys.has(each.key), onchange: () => setForm({ keys: flipped(form.keys, each.key) }) }),
        h("img", { src: `api/instances/${part(each.uid)}/frames/${each.frame}?quality=60`, alt: "", loading: "lazy", decoding: "async", width: "120", height: "90" }),
        h("span", {}, name)));
    })));
}

