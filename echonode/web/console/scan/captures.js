// The strip of captures: newest first, each with its picture and its way to the proof.
//
// A capture has its place in the exam before its object is durable. Until then it is shown as being stored, once:
// by this page's own request where there is one.

import { leads, link } from "../core/router.js";
import { proofOf, proofSteps } from "../core/parts.js";
import { h } from "../core/render.js";
import { icon } from "../core/icons.js";
import { instant, number, timeOfDay } from "../core/format.js";
import { languageNow, t } from "../core/words.js";
import { state } from "../core/state.js";
import { images, isStored } from "./summary.js";

const MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"; // Ultrasound Multi-frame Image Storage
const broken = new Set(); // instances whose thumbnail did not come

export const policyOf = (name) => state.status?.destinations.find((each) => each.name === name)?.commitment ?? "required";

// waiting: captures that the node has not answered yet.
export function captures(exam, waiting = []) {
  const all = images(exam).filter((each) => isStored(each) || !waiting.length).reverse();
  return h("section", { key: "captures", class: "captures", "aria-label": t("scan.captures") },
    all.length || waiting.length ? null : h("p", { class: "captures-none" }, t("scan.captures.none")),
    h("ul", { tabindex: all.length > 3 ? "0" : undefined, "aria-label": t("scan.captures") }, ...waiting.map(awaited), ...all.map((each) => (isStored(each) ? card(each, !exam.patient && exam.held) : unstored(each)))));
}

function awaited(each) {
  return h("li", { key: `waiting-${each.id}`, class: "capture waiting" },
    h("span", { class: "thumb empty" }, icon(each.kind === "clip" ? "clip" : "still", 24)),
    h("span", { class: "capture-words" }, h("strong", {}, t(`scan.${each.kind}`)),
      h("span", { class: "quiet-text" }, each.now ? t("scan.capture.recording", { seconds: each.seconds }) : t("scan.capture.storing"))));
}

// Another page's, or one that the probe's own button took: the object will say whether it is a clip.
function unstored(each) {
  return h("li", { key: each.sop_instance_uid, class: "capture waiting" },
    h("span", { class: "thumb empty" }, icon("still", 24)),
    h("span", { class: "capture-words" }, h("span", { class: "quiet-text" }, t("scan.capture.storing"))));
}

// waits: the exam has no patient yet; that holds its images here, and it is not a fault.
function card(each, waits) {
  const isClip = each.sop_class_uid === MULTI_FRAME || (each.frames ?? 1) > 1;
  const time = timeOfDay(each.captured_at, languageNow());
  const uid = each.sop_instance_uid;
  const proof = waits ? { done: 1, all: 3, held: false, word: t("scan.capture.waits") } : proofOf(each.deliveries, policyOf);
  const inside = [
    h("span", { class: `thumb${each.thumbnail && !broken.has(uid) ? "" : " empty"}` },
      each.thumbnail && !broken.has(uid)
        ? h("img", { key: uid, src: `api/instances/${encodeURIComponent(uid)}/thumbnail`, alt: "", width: "96", height: "72", decoding: "async", onerror: () => broken.add(uid) })
        : icon(isClip ? "clip" : "still", 24),
      isClip && each.duration_s ? h("span", { class: "thumb-word" }, t("scan.capture.clip_s", { seconds: number(each.duration_s, languageNow(), 1) })) : null),
    h("span", { class: "capture-words" },
      h("strong", { title: instant(each.captured_at, languageNow()) }, t(isClip ? "scan.capture.clip" : "scan.capture.still", { time })),
      proofSteps(proof)),
  ];
  return h("li", { key: uid, class: "capture", "data-uid": uid },
    leads("/review", uid) ? h("a", { href: link("/review", uid), class: "capture-link" }, ...inside) : h("div", { class: "capture-link" }, ...inside));
}
