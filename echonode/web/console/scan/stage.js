// The stage: the picture with its scales, or in words why there is none. Black in every theme.
//
// Rules
// - Nothing covers the picture but what a person put there: the pointer of a second pair of eyes, measurements.
// - What is not live never looks live: an old picture is taken away, and words say what happened.

import { button, withCommands } from "../core/parts.js";
import { h } from "../core/render.js";
import { icon } from "../core/icons.js";
import { state } from "../core/state.js";
import { t } from "../core/words.js";
import { translated } from "../core/error-words.js";
import { depthScale } from "./scale.js";
import { gainPoints } from "./geometry.js";
import { flows, ofProbe, scan, tryNow } from "./model.js";
import { isMeasuring, showFigures, takeOverlay } from "./measuring.js";
import { shown, takeCanvas, theGeometry } from "./picture.js";

export function stage() {
  const words = noPicture();
  showFigures();
  return h("div", { key: "stage", class: "stage" },
    h("div", { class: `stage-scale${words ? " off" : ""}`, "aria-hidden": words ? "true" : undefined }, orientation(), depthScale()),
    h("div", { class: "stage-room" },
      h("div", { class: `stage-picture${words ? " off" : ""}` },
        h("canvas", { key: "canvas", width: "1", height: "1", role: "img", "aria-label": t("scan.picture"), ref: takeCanvas, own: true }),
        h("div", { key: "overlay", class: `stage-overlay${isMeasuring() ? " measuring" : ""}`, own: true, ref: takeOverlay, tabindex: isMeasuring() ? "0" : undefined,
          role: isMeasuring() ? "group" : undefined, "aria-label": isMeasuring() ? t("review.layer") : undefined }),
        pointer()),
      words),
    h("div", { class: `stage-gain${words ? " off" : ""}` }, gainCurve()));
}

function says(name, title, text, action) {
  return h("div", { key: "words", class: "stage-words", role: "status" }, icon(name, 32), h("h2", {}, title),
    text && h("p", {}, ...withCommands(text)), action || null);
}

// Why there is no picture, in the order of what to look at first; null while there is one.
function noPicture() {
  const { exam } = scan;
  const name = exam.probe;
  if (scan.ring) return null;
  if (state.stale) return says("alert", t("core.stale.title"), t("scan.state.node.text"));
  if (!state.status) return says("clock", t("scan.state.connecting"));
  const probe = ofProbe();
  if (!probe) return says("alert", t("scan.state.gone", { name }), t("scan.state.gone.text"));
  if (!scan.open) {
    if (!scan.retryAt) return says("clock", t("scan.state.connecting"));
    const seconds = Math.max(1, Math.ceil((scan.retryAt - performance.now()) / 1000));
    return says("refresh", t("scan.state.lost"), t("scan.state.lost.text", { seconds }), button({ label: t("core.again"), icon: "refresh", onclick: tryNow }));
  }
  const connected = scan.heard ? scan.heard.connected : probe.connected;
  if (!connected) return says("probe", t("scan.state.away", { name }), t("scan.state.away.text"));
  if (flows()) return null;
  if (!scan.framesAt && !scan.heard) return says("clock", t("scan.state.connecting"));
  return says("probe", t("scan.state.no_frames", { name }), (probe.problem && translated(probe.problem)) || t("scan.state.no_frames.text"));
}

function orientation() {
  return h("span", { class: "orientation", role: "img", "aria-label": t("scan.mark"), title: t("scan.mark") });
}

function gainCurve() {
  const points = gainPoints(theGeometry(), shown.height);
  if (!points.length) return null;
  return h("div", { class: "gain", role: "img", "aria-label": t("scan.gain"), title: t("scan.gain") },
    h("svg", { viewBox: "0 0 100 1000", preserveAspectRatio: "none", "aria-hidden": "true" },
      h("polyline", { points: points.map(({ x, y }) => `${10 + x * 80},${y * 1000}`).join(" "), fill: "none", stroke: "currentColor", "stroke-width": "2", "vector-effect": "non-scaling-stroke" })));
}

function pointer() {
  const at = scan.heard?.pointer;
  if (!at || scan.ring) return null;
  return h("span", { key: "pointer", class: "pointer", role: "img", "aria-label": t("scan.pointer"), style: { "--x": at.x, "--y": at.y } });
}
