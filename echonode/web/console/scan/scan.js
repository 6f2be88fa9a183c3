// Scan: the picture is the page. Its header has the patient, its strip the captures, its thumb zone the buttons.
//
// Rules
// - One patient on the screen, always in sight. An unidentified exam is striking, and calm.
// - An exam that has ended shows its summary at the same address.

import { may } from "../access/session.js";
import { banner, button, emptyState, errorWords, linkButton, patientLine } from "../core/parts.js";
import { bind } from "../core/keys.js";
import { define, t } from "../core/words.js";
import { h } from "../core/render.js";
import { translated } from "../core/error-words.js";
import { icon } from "../core/icons.js";
import { leads, link } from "../core/router.js";
import { settingsButton, staleBanner, statusLine } from "../core/app.js";
import { state } from "../core/state.js";
import { identify, identifyDialog } from "../exams/identify.js";
import { report, reportDialog } from "../report/dialog.js";
import { captures } from "./captures.js";
import { controls, toggleMeasure } from "./controls.js";
import { endOfExam, isReportable } from "./end.js";
import { canFreeze, clip, enter, fps, isOpen, leave, ofProbe, read, scan, still, toggleFreeze } from "./model.js";
import { closeShare, share, shareDialog } from "./share.js";
import { noScaleDialog } from "./scale.js";
import { stage } from "./stage.js";
import { words } from "./words.js";

define(words);

let unbind = () => {};
const isFrozen = () => scan.ring !== null;

const examines = () => isOpen() && may("operator");

export const screen = {
  name: "scan",
  route: "/scan/:exam",
  title: "scan.title",
  bare: true,
  enter({ params }) {
    enter(params.exam);
    unbind = bind([
      { key: " ", label: "scan.freeze", run: toggleFreeze, when: examines },
      { key: "s", label: "scan.still", run: still, when: examines },
      { key: "c", label: "scan.clip", run: clip, when: examines },
      { key: "m", label: "scan.measure", run: toggleMeasure, when: () => examines() && canFreeze() },
      { key: "ArrowLeft", label: "scan.keys.back", run: () => scan.ring.step(-1), when: isFrozen, repeats: true },
      { key: "ArrowRight", label: "scan.keys.on", run: () => scan.ring.step(1), when: isFrozen, repeats: true },
    ]);
  },
  leave() {
    unbind();
    closeShare();
    leave();
  },
  view,
};

function view() {
  const { exam, failure } = scan;
  if (!exam) return h("div", { key: "scan", class: "scan-page" }, header(null), h("div", { class: "scan-center" }, reading(failure)));
  if (exam.unattended || !isOpen()) {
    return h("div", { key: "scan", class: "scan-page over" }, header(exam), staleBanner(), endOfExam(), identifyDialog(), reportDialog());
  }
  return h("div", { key: "scan", class: `scan-page${exam.patient ? "" : " nameless"}` },
    header(exam), notRecording(), stage(), captures(exam, scan.waiting), controls(), identifyDialog(), shareDialog(), reportDialog(), noScaleDialog());
}

function reading(failure) {
  if (!failure && !state.stale) return emptyState({ icon: "clock", title: t("scan.state.reading") });
  if (!failure) return staleBanner();
  const { title, text } = errorWords(failure);
  return emptyState({ icon: "alert", title: failure.status === 404 ? t("scan.state.unknown") : title, text: failure.status === 404 ? title : text,
    actions: [linkButton({ label: t("scan.exams"), icon: "exams", to: ["/exams"], kind: "primary" }), button({ label: t("core.again"), icon: "refresh", onclick: read })] });
}

function header(exam) {
  return h("header", { class: "scan-head" },
    h("a", { class: "button quiet back", href: link("/exams") }, icon("back"), h("span", { class: "label" }, t("scan.exams"))),
    exam ? h("div", { class: "scan-patient" }, patientLine(exam.patient, { accession: exam.accession_number }),
      exam.patient ? null : button({ needs: "operator", label: t("scan.identify"), icon: "user", onclick: () => identify(exam, read) })) : h("h1", { class: "unseen" }, t("scan.title")),
    statusLine(exam && isOpen() ? fps() : undefined),
    exam && examines() && isReportable(exam) ? button({ label: t("report.report"), icon: "exams", kind: "quiet", class: "report", "aria-haspopup": "dialog", onclick: () => report(exam, read) }) : null,
    exam && examines() && leads("/watch", "x") ? button({ label: t("scan.share.word"), "aria-label": t("scan.share"), title: t("scan.share"), icon: "share", kind: "quiet", class: "share", "aria-haspopup": "dialog", onclick: share }) : null,
    settingsButton());
}

// Red, above the picture, as long as nothing of it could be stored.
function notRecording() {
  const probe = ofProbe();
  if (state.stale || !probe?.connected || !probe.refusal) return null;
  return banner({ key: "not-recording", kind: "bad", class: "not-recording", title: t("scan.not_recording"), text: translated(probe.refusal) });
}
