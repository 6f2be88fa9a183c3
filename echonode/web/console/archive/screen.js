// Archive: the studies that are kept here, searched by name, number and date.
import { button, emptyState, errorBanner, field, skeleton } from "../core/parts.js";
import { clock, day, personName } from "../core/format.js";
import { define, languageNow, t } from "../core/words.js";
import { isFiltered, list, more, rangeOf, rangeText, search, typed } from "./studies.js";
import { go, link, replace } from "../core/router.js";
import { h } from "../core/render.js";
import { words } from "./words.js";

define(words);

const addressOf = (study) => (study.row ? ["/archive", study.study_instance_uid, study.row] : ["/archive", study.study_instance_uid]);

function dates(changes) {
  typed(changes);
  const range = rangeText(list.from, list.to);
  if (range) replace("/archive/dates", range);
  else replace("/archive");
}

function filters() {
  return h("form", { class: "filters", role: "search", onsubmit: (event) => { event.preventDefault(); search(); } },
    h("div", { class: "filter-text" }, field({ id: "archive-text", type: "search", label: t("archive.search"), value: list.text, maxlength: "128", "data-first": true, oninput: (text) => typed({ text }) })),
    field({ id: "archive-from", type: "date", label: t("archive.from"), value: list.from, oninput: (from) => dates({ from }) }),
    field({ id: "archive-to", type: "date", label: t("archive.to"), value: list.to, oninput: (to) => dates({ to }) }),
    h("div", { class: "filter-buttons row" },
      h("button", { type: "submit", class: "button primary" }, t("archive.find")),
      isFiltered() ? button({ label: t("archive.clear"), kind: "quiet", onclick: () => dates({ text: "", from: "", to: "" }) }) : null));
}

function row(study) {
  const language = languageNow();
  const when = study.study_date ? `${day(study.study_date, language)} ${clock(study.study_time)}`.trim() : t("archive.no_date");
  const cell = (name, label, ...content) => h("td", { key: name, class: name, "data-label": label }, ...content);
  return h("tr", { key: `${study.study_instance_uid}/${study.row}`, class: "pressable", onclick: (event) => { if (!event.target.closest("a")) go(...addressOf(study)); } },
    cell("when", t("archive.date"), when),
    cell("who", t("archive.patient"), h("a", { href: link(...addressOf(study)), class: "study-link" }, personName(study.patient_name) || t("archive.nameless"))),
    cell("id", t("archive.id"), study.patient_id),
    cell("accession", t("archive.accession"), study.accession_number),
    cell("what", t("archive.what"), study.description),
    cell("modality", t("archive.modality"), study.modalities.join(", ")),
    cell("numeric", t("archive.images"), String(study.instances)));
}

function table() {
  const heads = ["date", "patient", "id", "accession", "what", "modality", "images"];
  return h("div", { class: "table-frame studies-frame", tabindex: "0", role: "region", "aria-label": t("archive.studies") },
    h("table", { class: "studies" },
      h("caption", { class: "unseen" }, t("archive.studies")),
      h("thead", {}, h("tr", {}, ...heads.map((each) => h("th", { key: each, scope: "col", class: each === "images" ? "numeric" : "" }, t(`archive.${each}`))))),
      h("tbody", {}, ...list.studies.map(row))));
}

function found() {
  if (list.studies.length) {
    return h("div", { class: "stack" },
      h("p", { class: "quiet-text", role: "status" }, list.next ? t("archive.count.more", { count: list.studies.length }) : t("archive.count", { count: list.studies.length })),
      table(),
      list.next ? h("div", { class: "row centred" }, button({ label: t("archive.more"), icon: "down", busy: list.loading, onclick: more })) : null);
  }
  if (list.loading || !list.asked) return skeleton(6, 48);
  if (list.next) return emptyState({ icon: "search", title: t("archive.none_yet"), text: t("archive.none_yet.text"), actions: [button({ label: t("archive.further"), icon: "down", onclick: more })] });
  if (isFiltered()) return emptyState({ icon: "search", title: t("archive.none"), text: t("archive.none.text"), actions: [button({ label: t("archive.clear"), onclick: () => dates({ text: "", from: "", to: "" }) })] });
  return emptyState({ icon: "archive", title: t("archive.empty"), text: t("archive.empty.text") });
}

function view() {
  return h("div", { class: "stack archive" },
    h("h1", {}, t("archive.title")),
    filters(),
    errorBanner(list.error, [button({ label: t("core.again"), icon: "refresh", onclick: search })]),
    list.error ? null : found());
}

export const screen = {
  name: "archive",
  route: "/archive",
  title: "archive.title",
  nav: { icon: "archive", order: 20 },
  view,
  enter: () => { Object.assign(list, { from: "", to: "" }); search(); },
};

// The same with dates in the address: they name no one.
export const datedScreen = {
  name: "archive-dates",
  route: "/archive/dates/:range",
  title: "archive.title",
  within: "/archive",
  view,
  enter: ({ params }) => { Object.assign(list, rangeOf(params.range)); search(); },
};
