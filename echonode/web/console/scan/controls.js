// The thumb zone: Freeze, Still, Clip, Measure; the scrub bar of a frozen picture; End exam far from them.
//
// Rules
// - Nothing moves when a button is pressed: each keeps its width, and the place of the scrub bar is always kept.
// - What a button cannot do just now is said in words next to it.

import { button, choice, dialog, errorWords, iconButton } from "../core/parts.js";
import { may } from "../access/session.js";
import { changed } from "../core/state.js";
import { h } from "../core/render.js";
import { icon } from "../core/icons.js";
import { languageNow, t } from "../core/words.js";
import { number } from "../core/format.js";
import { valueWords } from "../review/values.js";
import { draft, isMeasuring, keep, KINDS, measuring, startMeasure, stopMeasure } from "./measuring.js";
import { canFreeze, captureRefusal, clip, end, scan, setClip, still, toggleFreeze } from "./model.js";

const LENGTHS = [3, 5, 10, 20];
let choosing = false;

const choose = (open) => { choosing = open; changed(); };

export function controls() {
  if (!may("operator")) return h("div", { key: "controls", class: "controls" }, h("p", { class: "said info" }, icon("eye", 20), h("span", {}, t("scan.watching"))));
  const refusal = captureRefusal();
  const frozen = scan.ring !== null;
  return h("div", { key: "controls", class: "controls", "data-keys-pass": "" },
    h("div", { class: "controls-end" }, button({ label: t("scan.end"), icon: "end", class: "end", busy: scan.ending, onclick: end })),
    h("div", { class: "controls-middle" }, isMeasuring() ? measureRow() : frozen ? scrub() : said(refusal)),
    h("div", { class: "controls-thumb" },
      thumb({ key: "freeze", name: frozen ? "play" : "freeze", label: frozen ? t("scan.unfreeze") : t("scan.freeze"), shortcut: "Space",
        pressed: frozen, disabled: !canFreeze(), onclick: toggleFreeze }),
      thumb({ key: "still", name: "camera", label: t("scan.still"), shortcut: "s", disabled: refusal !== "", onclick: still, primary: true }),
      h("span", { key: "clip", class: "clip-pair" },
        thumb({ name: "clip", label: t("scan.clip.seconds", { seconds: scan.clip.seconds }), shortcut: "c", disabled: refusal !== "", onclick: clip }),
        h("button", { type: "button", class: "thumb-button clip-choose", "aria-label": t("scan.clip.choose"), title: t("scan.clip.choose"),
          "aria-haspopup": "dialog", onclick: () => choose(true) }, icon("down", 20))),
      thumb({ key: "measure", name: "measure", label: t("scan.measure"), shortcut: "m", pressed: isMeasuring(), disabled: !canFreeze(), onclick: toggleMeasure })),
    choosing ? clipDialog() : null);
}

export const toggleMeasure = () => (isMeasuring() ? stopMeasure() : startMeasure());

// In the place of the scrub bar while something is measured.
function measureRow() {
  const now = draft();
  const ready = now?.complete && !now.why;
  let words = t(`review.how.${now.kind}`);
  if (measuring.error) words = errorWords(measuring.error).title;
  else if (now.why) words = t(`review.why.${now.why}`);
  const wrong = Boolean(measuring.error || now.why);
  return h("div", { class: "measure-row" },
    h("p", { class: `measure-words${wrong ? " bad" : ""}`, role: "status", title: words }, !wrong && now.results
      ? now.results.map((each) => h("span", { key: each.name }, now.results.length > 1 ? `${t(`review.name.${each.name}`)} ` : "", h("strong", {}, valueWords(each, languageNow())))) : words),
    h("div", { class: "measure-tools", role: "group", "aria-label": t("scan.measure") },
      ...KINDS.map((kind) => h("button", { key: kind, type: "button", class: "measure-kind", title: t(`review.${kind}`), "aria-label": t(`review.${kind}`), "aria-pressed": String(kind === now.kind), onclick: () => startMeasure(kind) }, icon(kind, 20))),
      iconButton({ label: t("review.discard"), icon: "close", onclick: stopMeasure }),
      button({ label: t("review.keep"), icon: "check", kind: ready ? "primary" : "plain", disabled: !ready, busy: measuring.busy, onclick: keep })));
}

function thumb({ key, name, label, shortcut, pressed, disabled, onclick, primary = false }) {
  return h("button", { key, type: "button", class: `thumb-button${primary ? " main" : ""}`, disabled, onclick,
    "aria-pressed": pressed === undefined ? undefined : String(pressed), "aria-keyshortcuts": shortcut }, icon(name, 24), h("span", {}, label));
}

const mark = (kind, name, ...words) =>
  h("p", { class: `said ${kind}`, role: kind === "bad" ? "alert" : undefined }, icon(name, 20), h("span", {}, ...words));

function said(refusal) {
  const { said: one } = scan;
  if (one?.error) {
    const { title, text } = errorWords(one.error);
    return mark("bad", "alert", h("strong", {}, title), text ? ` ${text}` : "");
  }
  if (refusal) return mark("info", "info", t(refusal));
  if (one) return mark(one.kind, "check", one.text);
  return null;
}

function scrub() {
  const { ring } = scan;
  const seconds = number(ring.secondsBack, languageNow(), 1);
  const words = { seconds, at: ring.at + 1, all: ring.frames.length };
  return h("div", { class: "scrub" },
    h("div", { class: "scrub-top" }, h("strong", {}, t("scan.frozen")),
      h("label", { for: "scrub", class: "scrub-seconds" }, t("scan.scrub.back", words)),
      ring.problem ? mark("bad", "alert", errorWords(ring.problem).title) : said("")),
    h("input", { id: "scrub", type: "range", min: "0", max: String(ring.frames.length - 1), step: "1", value: String(ring.at),
      "aria-label": t("scan.scrub"), "aria-valuetext": t("scan.scrub.at", words), oninput: (event) => ring.show(Number(event.target.value)) }));
}

function clipDialog() {
  const close = () => choose(false);
  return dialog({ id: "clip", title: t("scan.clip.choose"), onclose: close, actions: [button({ label: t("core.close"), kind: "primary", onclick: close })] },
    choice({ name: "seconds", label: t("scan.clip.length"), value: scan.clip.seconds, choices: LENGTHS.map((each) => [each, t("scan.capture.clip_s", { seconds: each })]),
      onchange: (seconds) => setClip({ seconds }) }),
    choice({ name: "past", label: t("scan.clip.which"), value: scan.clip.past, choices: [[true, t("scan.clip.past")], [false, t("scan.clip.now")]],
      onchange: (past) => setClip({ past }) }),
    h("p", { class: "hint" }, t("scan.clip.of_frozen")));
}
