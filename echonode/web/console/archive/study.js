// One study: its series, and the images of each with their proof.
//
// Rules
// - Two patients under one Study Instance UID are two studies (row); only one of them is on the screen.
// - openElsewhere(study) is the one place where a link to a viewer is added.

import { banner, button, emptyState, errorBanner, linkButton, mark, patientLine, proofOf, proofSteps, skeleton } from "../core/parts.js";
import { changed, onStatus, state } from "../core/state.js";
import { clock, day } from "../core/format.js";
import { define, languageNow, t } from "../core/words.js";
import { get, part } from "../core/api.js";
import { h } from "../core/render.js";
import { link } from "../core/router.js";
import { thumbnailOf } from "../review/thumbnails.js";
import { icon } from "../core/icons.js";
import { closeCopies, copiesButton, copiesDialog } from "./copies.js";
import { takeAlongButton, takeAlongFailure } from "./take-along.js";
import { words } from "./words.js";

define(words);

const EVERY_MS = 4000;
let uid = "", row = "", study = null, error = null, askedAt = 0, stop = () => {};

// The viewer has a port of its own on this host, where it is served and installed.
export function openElsewhere(of) {
  const port = state.status?.viewer_port;
  if (!port) return [];
  const address = `${location.protocol}//${location.hostname}:${port}/viewer?StudyInstanceUIDs=${encodeURIComponent(of.study_instance_uid)}`;
  return [h("a", { key: "viewer", class: "button plain", href: address, target: "_blank", rel: "noopener" },
    icon("external"), h("span", { class: "label" }, t("archive.viewer")))];
}

async function load(again = false) {
  const [mine, of] = [uid, row];
  askedAt = performance.now();
  try {
    const found = await get(`api/studies/${part(uid)}${row ? `?row=${part(row)}` : ""}`, { timeoutMs: 30000 });
    if (mine !== uid || of !== row) return;
    study = found;
    error = null;
  } catch (failure) {
    if (mine !== uid || again) return;
    error = failure;
  }
  changed();
}

const images = () => study?.series_list.flatMap((series) => series.instances) ?? [];
const isUnproved = (each) => each.proof.some((one) => one.destination) && proofOf(each.proof).done < proofOf(each.proof).all;

function card(each) {
  const source = thumbnailOf(each);
  const kind = !each.rows ? t("archive.document") : each.frames > 1 ? t("archive.clip", { count: each.frames }) : t("archive.still");
  const inside = [
    h("span", { class: "image-picture" }, source
      ? h("img", { src: source, alt: "", loading: "lazy", decoding: "async", width: "192", height: "144", onerror: (event) => { event.target.hidden = true; } })
      : icon("archive", 32), each.frames > 1 && source ? h("span", { class: "image-cine" }, icon("play", 20)) : null),
    h("span", { class: "image-words" },
      h("strong", {}, kind),
      h("span", { class: "quiet-text" }, [each.number && t("archive.number", { number: each.number }), clock(each.content_time)].filter(Boolean).join(" · ")),
      each.rejected_by ? mark({ kind: "warn", icon: "alert", word: t("archive.rejected") }) : proofSteps(proofOf(each.proof)),
      each.is_here ? null : mark({ kind: "info", icon: "info", word: t("archive.away") })),
  ];
  return h("li", { key: each.sop_instance_uid, class: "image-card" }, each.is_here && each.rows
    ? h("a", { class: "image-link", href: link("/review", each.sop_instance_uid) }, ...inside)
    : h("div", { class: "image-link still-only" }, ...inside));
}

function seriesPart(series) {
  const title = [t("archive.series", { number: series.number || "?" }), series.modality, series.description || series.body_part].filter(Boolean).join(" · ");
  return h("section", { key: series.series_instance_uid, class: "series", "aria-label": title },
    h("h2", {}, title),
    h("ul", { class: "image-grid" }, ...series.instances.map(card)));
}

function view() {
  const back = linkButton({ key: "back", label: t("archive.back"), icon: "back", kind: "quiet", to: ["/archive"] });
  if (error) {
    return h("div", { class: "stack" }, h("div", { class: "row" }, back), h("h1", { class: "unseen" }, t("archive.study")), error.status === 404
      ? emptyState({ icon: "archive", title: t("archive.missing"), text: t("archive.missing.text") })
      : errorBanner(error, [button({ label: t("core.again"), icon: "refresh", onclick: () => load() })]));
  }
  if (!study) return h("div", { class: "stack" }, h("div", { class: "row" }, back), h("h1", { class: "unseen" }, t("archive.study")), skeleton(1, 72), skeleton(3, 160));
  const language = languageNow();
  const patient = { id: study.patient_id, name: study.patient_name, birth_date: study.birth_date, sex: study.sex };
  return h("div", { class: "stack study" },
    h("div", { class: "row study-top" }, back,
      h("div", { class: "row" }, takeAlongButton(study), copiesButton(study), ...openElsewhere(study))),
    takeAlongFailure(study),
    h("div", { class: "study-who" }, patientLine(patient, { accession: study.accession_number }),
      h("p", { class: "quiet-text" }, [study.study_date && day(study.study_date, language), clock(study.study_time), study.description].filter(Boolean).join(" · "))),
    study.other_rows.length ? banner({ kind: "warn", title: t("archive.others"), text: t("archive.others.text") }) : null,
    ...study.series_list.map(seriesPart),
    study.left_out ? banner({ kind: "info", title: t("archive.left_out", { count: study.left_out }) }) : null,
    copiesDialog(study));
}

function enter({ params }) {
  [uid, row, study, error] = [params.study, params.row ?? "", null, null];
  load();
  stop = onStatus(() => { if (performance.now() - askedAt > EVERY_MS && images().some(isUnproved)) load(true); });
}

export const studyScreen = {
  name: "study", route: "/archive/:study", title: "archive.study", within: "/archive", view, enter, leave: () => { stop(); closeCopies(); },
};
export const rowScreen = { ...studyScreen, name: "study-row", route: "/archive/:study/:row" };
