// Review: one image, large. Played, zoomed, windowed, measured; whose it is, and what is proved of it.
//
// Rules
// - The picture's object (viewer.js) and the layer over it (measure.js) live as long as the element they are on.
// - One thing is done with the hand at a time: move, window, or measure.

import { announce, banner, button, emptyState, errorBanner, errorWords, iconButton, linkButton, patientLine, proofOf, proofSteps, skeleton } from "../core/parts.js";
import { changed, state } from "../core/state.js";
import { clock, day } from "../core/format.js";
import { correct, correctDialog } from "./correct.js";
import { define, languageNow, t } from "../core/words.js";
import { askPrint, forgetPrint, printDialog } from "../prints/dialog.js";
import { downloadDialog, offerDownloads } from "./downloads.js";
import { firstValue, secondsWords, valueWords } from "./values.js";
import { go, replace } from "../core/router.js";
import { h } from "../core/render.js";
import { translated } from "../core/error-words.js";
import { handsOn, viewerOn } from "./viewer.js";
import { icon } from "../core/icons.js";
import { identify, identifyDialog } from "../exams/identify.js";
import { documents, keep, leave, open, remove, review, siblings } from "./model.js";
import { measureOn } from "./measure.js";
import { settingsButton, staleBanner } from "../core/app.js";
import { bind } from "../core/keys.js";
import { documentList } from "../report/documents.js";
import { keepView, viewDialog } from "../report/view.js";
import { report, reportDialog } from "../report/dialog.js";
import { SPEEDS } from "./playback.js";
import { thumbnailOf } from "./thumbnails.js";
import { words } from "./words.js";

define(words);

const KINDS = ["distance", "ellipse", "area", "angle"];
let viewer = null, layer = null;
let mode = "move"; // move, window or measure
let chosen = ""; // a measurement that is pointed out
let label = "", saving = false, problem = null;

// A viewer looks, and changes nothing (access/route_table.py).
const mayWork = () => state.session.user?.role !== "viewer";

// Back leads to where a person came from (Scan, a study), where that is a page of ours.
let hops = 0;
addEventListener("hashchange", () => { hops += 1; });

// --- the picture ---

function takeRoom(room) {
  const view = review.view;
  const canvas = room.querySelector("canvas");
  const over = room.querySelector(".viewer-layer");
  viewer = viewerOn(canvas, room, view, () => { layer?.redraw(); figures(); changed(); });
  layer = measureOn(over, {
    place: () => viewer.lies(), view: () => view, source: () => (viewer.isDrawn ? viewer.source : null),
    onchange: changed, named: nameOf,
  });
  layer.onkeep(keepDraft);
  const letGo = handsOn(room, { viewer: () => viewer, mode: () => mode });
  figures();
  changed();
  return () => {
    letGo();
    layer.end();
    viewer.end();
    viewer = layer = null;
  };
}

const nameOf = (each) => [each.label, firstValue(each, languageNow())].filter(Boolean).join(" ");

let figuresOf = "";
function figures() {
  if (!layer || !viewer) return;
  const shown = review.measurements.filter((each) => each.frame === viewer.frame + 1);
  const name = `${chosen}|${languageNow()}|${shown.map((each) => each.id)}`;
  if (name === figuresOf) return;
  figuresOf = name;
  layer.show(shown, chosen);
}

function setMode(next) {
  if (mode === "measure" && next !== "measure") layer?.stop();
  mode = next;
  problem = null;
  changed();
}

function startMeasure(kind) {
  viewer.pause();
  mode = "measure";
  problem = null;
  label = "";
  chosen = "";
  layer.start(kind);
  changed();
  setTimeout(() => document.querySelector(".viewer-layer")?.focus({ preventScroll: true }), 0);
}

async function keepDraft(draft) {
  if (saving || draft.why) return;
  saving = true;
  problem = null;
  changed();
  try {
    const made = await keep(draft, viewer.frame + 1, label.trim());
    layer.stop();
    mode = "move";
    announce(t("review.measured", { value: nameOf(made) }));
  } catch (error) {
    if (error.status === undefined) throw error;
    problem = error;
  } finally {
    saving = false;
    figures();
    changed();
  }
}

// --- controls ---

function tool(name, { icon: of, label: words, pressed, onclick, shortcut }) {
  return button({ key: name, label: words, "aria-label": words, icon: of, kind: "plain", class: pressed ? "tool pressed" : "tool", "aria-pressed": pressed ? "true" : "false", onclick, shortcut, disabled: !viewer });
}

function tools() {
  const draft = mode === "measure" ? layer?.draft() : null;
  if (draft) return draftTools(draft);
  return h("div", { key: "tools", class: "row tools", role: "group", "aria-label": t("review.tools") },
    tool("move", { icon: "hand", label: t("review.move"), pressed: mode === "move", onclick: () => setMode("move") }),
    tool("window", { icon: "brightness", label: t("review.window"), pressed: mode === "window", onclick: () => setMode("window"), shortcut: "b" }),
    ...(mayWork() ? KINDS : []).map((kind) => tool(kind, { icon: kind, label: t(`review.${kind}`), onclick: () => startMeasure(kind), shortcut: kind === "distance" ? "m" : undefined })),
    h("span", { key: "zoom", class: "row zoom-buttons" },
      iconButton({ label: t("review.zoom_in"), icon: "plus", onclick: () => viewer?.zoomBy(1.4) }),
      iconButton({ label: t("review.zoom_out"), icon: "minus", onclick: () => viewer?.zoomBy(1 / 1.4) }),
      canKeepView() ? iconButton({ label: t("report.view.title"), icon: "eye", disabled: !viewer,
        onclick: () => keepView(review.view, viewer, roomBox(), () => documents()) }) : null,
      iconButton({ label: t("review.reset"), icon: "undo", onclick: () => viewer?.reset(), disabled: !viewer?.isChanged })));
}

// A grey image of an exam that has its patient: a presentation state names the patient, and says nothing of colours.
const canKeepView = () => mayWork() && review.view?.samples === 1 && review.exam && review.exam.identity !== "unidentified";

function roomBox() {
  const { clientWidth: width, clientHeight: height } = document.querySelector(".viewer");
  return { width, height };
}

// While something is measured its own buttons stand where the tools do: nothing moves.
function draftTools(draft) {
  return h("div", { key: "draft", class: "row tools", role: "group", "aria-label": t("review.measure") },
    h("strong", { class: "draft-kind" }, icon(draft.kind), t(`review.${draft.kind}`)),
    h("input", { key: "label", id: "measure-label", type: "text", maxlength: "64", "aria-label": t("review.label"), placeholder: t("review.label"), autocomplete: "off", value: label,
      oninput: (event) => { label = event.target.value; }, onkeydown: (event) => { if (event.key === "Enter" && draft.complete) keepDraft(draft); } }),
    button({ label: t("review.discard"), icon: "close", onclick: () => { layer.stop(); setMode("move"); } }),
    button({ needs: "operator", label: t("review.keep"), icon: "check", kind: "primary", busy: saving, disabled: !draft.complete || Boolean(draft.why), onclick: () => keepDraft(draft) }));
}

function cineControls(view) {
  const frame = viewer?.frame ?? 0;
  const language = languageNow();
  return h("div", { key: "cine", class: "cine" },
    h("div", { class: "row cine-buttons" },
      iconButton({ label: t("review.previous"), icon: "back", onclick: () => viewer?.step(-1), disabled: !viewer }),
      button({ key: "play", label: t(viewer?.playing ? "review.pause" : "review.play"), icon: viewer?.playing ? "pause" : "play", kind: "primary", class: "play", "aria-label": t(viewer?.playing ? "review.pause" : "review.play"), onclick: toggle, shortcut: "Space", disabled: !viewer }),
      iconButton({ label: t("review.next"), icon: "chevron", onclick: () => viewer?.step(1), disabled: !viewer })),
    h("div", { class: "cine-slide" },
      h("label", { class: "unseen", for: "frame" }, t("review.frame")),
      h("input", { id: "frame", type: "range", min: "1", max: String(view.frames), step: "1", value: String(frame + 1),
        "aria-valuetext": t("review.frame_of", { frame: frame + 1, frames: view.frames }),
        style: { "--loaded": `${Math.round((100 * (viewer?.loaded ?? 0)) / view.frames)}%` },
        oninput: (event) => { viewer.pause(); viewer.show(Number(event.target.value) - 1); } }),
      h("p", { class: "cine-words" },
        h("span", { class: "cine-frame" }, t("review.frame_of", { frame: frame + 1, frames: view.frames })),
        h("span", {}, `${secondsWords(viewer?.time ?? 0, language)} / ${t("review.time", { time: secondsWords(viewer?.length ?? 0, language) })}`),
        viewer && viewer.loaded < view.frames ? h("span", { class: "quiet-text" }, t("review.loading", { loaded: viewer.loaded, frames: view.frames })) : null)),
    h("div", { class: "row cine-more" },
      h("label", { class: "speed" }, h("span", { class: "unseen" }, t("review.speed")),
        h("select", { onchange: (event) => viewer?.setSpeed(Number(event.target.value)) },
          ...SPEEDS.map((each) => h("option", { key: each, value: String(each), selected: each === (viewer?.speed ?? 1) }, t("review.speed.times", { speed: each }))))),
      tool("loop", { icon: "refresh", label: t("review.loop"), pressed: viewer?.loop ?? true, onclick: () => viewer?.setLoop(!viewer.loop) })));
}

function toggle() {
  if (!viewer) return;
  if (viewer.playing) { viewer.pause(); return; }
  if (mode === "measure") setMode("move");
  viewer.play();
}

// One line under the picture: what the hand does, or what is measured. Always there, so that nothing moves.
function hint() {
  const draft = mode === "measure" ? layer?.draft() : null;
  if (draft?.why) return h("p", { key: "why", class: "viewer-hint wrong-words", role: "status" }, icon("alert", 16), t(`review.why.${draft.why}`));
  if (draft?.results) return h("p", { key: "values", class: "viewer-hint values", role: "status" }, ...valueParts(draft.results));
  if (draft) return h("p", { key: "how", class: "viewer-hint quiet-text" }, t(`review.how.${draft.kind}`));
  if (mode === "window" && viewer) {
    const { center, width } = viewer.window;
    return h("p", { key: "window", class: "viewer-hint values" }, h("strong", {}, t("review.window.value", { center: Math.round(center), width: Math.round(width) })),
      h("span", { class: "quiet-text" }, t("review.window.hint")));
  }
  return h("p", { key: "move", class: "viewer-hint quiet-text" }, t("review.move.hint"));
}

const valueParts = (results) => results.map((each) => h("span", { key: each.name, class: "value" },
  results.length > 1 || each.name !== "length" ? h("span", { class: "fact-label" }, `${t(`review.name.${each.name}`)} `) : null,
  h("strong", {}, valueWords(each, languageNow()))));

// --- next to the picture ---

function section(name, title, ...content) {
  return h("section", { key: name, class: "side-part", "aria-labelledby": `${name}-title` }, h("h2", { id: `${name}-title` }, title), ...content);
}

function measurementList() {
  const rows = review.measurements.map((each) => h("li", { key: each.id, class: each.id === chosen ? "measured chosen" : "measured" },
    h("button", { type: "button", class: "measured-show", title: t("review.show"), onclick: () => point(each) },
      h("span", { class: "measured-name" }, icon(each.kind, 16), h("span", {}, each.label || t(`review.${each.kind}`)),
        review.view.frames > 1 ? h("span", { class: "quiet-text" }, t("review.on_frame", { frame: each.frame })) : null),
      h("span", { class: "values" }, ...valueParts(each.results))),
    mayWork() ? iconButton({ label: `${t("review.delete")}: ${nameOf(each)}`, icon: "trash", onclick: () => forget(each) }) : null));
  return section("measurements", t("review.measurements"),
    rows.length ? h("ul", { class: "measured-list" }, ...rows) : h("p", { class: "quiet-text" }, t("review.measurements.none")));
}

function point(each) {
  viewer?.pause();
  setMode("move");
  chosen = chosen === each.id ? "" : each.id;
  viewer?.show(each.frame - 1);
  figures();
}

async function forget(each) {
  problem = null;
  try {
    await remove(each.id);
    announce(t("review.deleted"));
  } catch (error) {
    if (error.status === undefined) throw error;
    problem = error;
  }
  figures();
  changed();
}

function delivery(view) {
  const rows = view.proof.filter((each) => each.destination);
  return section("delivery", t("review.delivery"),
    rows.length ? h("ul", { class: "side-rows" }, ...rows.map((each) => h("li", { key: each.destination },
      h("div", { class: "row" }, h("strong", {}, each.destination), proofSteps(proofOf([each]))),
      each.last_error ? h("p", { class: "hint" }, translated(each.last_error)) : null)))
      : h("p", { class: "quiet-text" }, t("review.no_archive")));
}

function about(view) {
  const language = languageNow();
  const facts = [
    ["taken", [day(view.content_date, language), clock(view.content_time)].filter(Boolean).join(" ")],
    ["size", t("review.size.value", { columns: view.columns, rows: view.rows })],
    view.frames > 1 && viewer && ["length", t("review.length.value", { frames: view.frames, time: secondsWords(viewer.length, language) })],
    view.depth_mm && ["depth", t("review.depth.value", { depth: Math.round(view.depth_mm) })],
    ["L", "R"].includes(view.laterality) && ["side", t(`review.side.${view.laterality}`)],
    view.comments && ["remarks", view.comments],
  ].filter((each) => each && each[1]);
  return section("about", t("review.about"),
    h("dl", { class: "side-facts" }, ...facts.flatMap(([name, value]) => [
      h("dt", { key: `t${name}` }, t(`review.${name}`)), h("dd", { key: `d${name}` }, value)])),
    view.lossy ? h("p", { class: "hint" }, t("review.lossy")) : null,
    view.frames > 1 && view.timing === "none" ? h("p", { class: "hint" }, t("review.no_times")) : null,
    view.frames > 1 && view.timing === "rate" ? h("p", { class: "hint" }, t("review.rate_times")) : null);
}

function studyStrip(view) {
  const all = siblings();
  if (all.length < 2) return null;
  return section("study", t("review.study"), h("ul", { class: "strip" }, ...all.map((each) => {
    const uid = each.sop_instance_uid;
    const name = t(each.frames > 1 ? "review.clip" : "review.still", { number: each.number || "?" });
    return h("li", { key: uid }, h("a", { href: `#/review/${encodeURIComponent(uid)}`, class: "strip-link", "aria-current": uid === view.sop_instance_uid ? "true" : undefined, "aria-label": name,
      onclick: (event) => { event.preventDefault(); replace("/review", uid); } },
    h("img", { src: thumbnailOf(each), alt: "", loading: "lazy", width: "88", height: "66" }),
    h("span", { class: "strip-words" }, name)));
  })));
}

// --- the screen ---

function top(view) {
  const unidentified = review.exam && review.exam.identity === "unidentified";
  const back = view ? ["/archive", view.study.study_instance_uid] : ["/archive"];
  const onclick = (event) => { if (hops) { event.preventDefault(); history.back(); } };
  return h("header", { class: "review-top" },
    linkButton({ key: "back", label: t("review.back"), icon: "back", kind: "quiet", to: back, onclick }),
    h("div", { class: "review-who" }, view ? patientLine(unidentified ? null : view.patient, { accession: view.study.accession_number }) : h("h1", {}, t("review.title"))),
    view ? h("div", { class: "row review-actions" },
      proofSteps(proofOf(view.proof)),
      review.exam ? button({ needs: "operator", key: "whose", label: t(unidentified ? "review.identify" : "review.correct"), icon: unidentified ? "user" : "undo",
        onclick: () => (unidentified ? identify(review.exam, again) : correct(review.exam, review.uid, corrected)) }) : null,
      review.exam && !unidentified ? button({ needs: "operator", key: "report", label: t("report.report"), icon: "exams", onclick: () => report(review.exam, () => documents()) }) : null,
      mayWork() && view.study?.study_instance_uid ? button({ key: "print", label: t("prints.print"), icon: "outbox", onclick: () => askPrint(view.study.study_instance_uid) }) : null,
      button({ key: "download", label: t("review.download"), icon: "download", onclick: () => viewer && offerDownloads(view, viewer, review.measurements), disabled: !viewer })) : null,
    settingsButton());
}

const again = () => open(review.uid);
function corrected() {
  announce(t("review.correct.done"));
  review.study = null;
  again();
}

function standing(view) {
  if (!view.rejected_by && !view.replaced_by) return null;
  return banner({ kind: "warn", title: t(view.replaced_by ? "review.corrected" : "review.rejected"),
    text: noteAtArchives(view.rejected_by),
    actions: view.replaced_by ? [button({ label: t("review.see_replacement"), onclick: () => go("/review", view.replaced_by) })] : [] });
}

// What each archive made of the rejection note: one that ignores it shows the rejected image to everyone.
function noteAtArchives(uid) {
  const note = review.exam?.instances.find((each) => each.sop_instance_uid === uid);
  return Object.entries(note?.archives ?? {}).map(([name, verdict]) => t(`review.note.${verdict}`, { name })).join(" ");
}

function failed() {
  const missing = review.error.status === 404;
  return h("div", { class: "review" }, top(null),
    h("div", { class: "review-empty" }, missing
      ? emptyState({ icon: "archive", title: t("review.missing"), text: t("review.missing.text") })
      : errorBanner(review.error, [button({ label: t("core.again"), icon: "refresh", onclick: again })])));
}

function picture(view) {
  const error = viewer?.error;
  return h("div", { key: `stage-${view.sop_instance_uid}`, class: `viewer mode-${mode}`, style: { "--shape": (view.rows * (view.pixel_ratio || 1)) / (view.columns || 1) }, ref: takeRoom },
    h("canvas", { own: true, role: "img", "aria-label": t("review.picture", { frame: (viewer?.frame ?? 0) + 1, frames: view.frames }) }),
    h("div", { class: "viewer-layer", own: true, tabindex: mode === "measure" ? "0" : undefined, role: mode === "measure" ? "group" : undefined, "aria-label": mode === "measure" ? t("review.layer") : undefined }),
    error && !viewer.isDrawn ? h("div", { key: "error", class: "viewer-words", role: "status" }, icon("alert", 32), h("h2", {}, t("review.no_picture")), h("p", {}, errorWords(error).title)) : null);
}

function view() {
  if (review.error) return failed();
  const shown = review.view;
  if (!shown) return h("div", { class: "review" }, top(null), h("div", { class: "review-empty" }, skeleton(1, 420)));
  figures();
  return h("div", { class: "review", "data-keys-pass": true },
    top(shown), staleBanner(), standing(shown),
    h("div", { class: "review-main" },
      h("div", { class: "review-stage" },
        picture(shown),
        h("div", { class: "viewer-under" }, hint(), errorBanner(problem)),
        shown.frames > 1 ? cineControls(shown) : null,
        tools()),
      h("aside", { class: "review-side", "aria-label": t("review.about") },
        measurementList(), delivery(shown), documentList(review.documents), studyStrip(shown), about(shown))),
    downloadDialog(), correctDialog(), identifyDialog(), reportDialog(), viewDialog(), printDialog());
}

let unbind = () => {};
const arrows = (run) => () => { if (viewer) run(); };
const windowed = (dc, dw) => () => { const { center, width } = viewer.window; viewer.setWindow({ center: center + dc * Math.max(1, width / 64), width: width + dw * Math.max(1, width / 64) }); };

export const screen = {
  name: "review",
  route: "/review/:uid",
  title: "review.title",
  within: "/archive",
  bare: true,
  view,
  enter({ params }) {
    mode = "move";
    chosen = figuresOf = label = "";
    problem = null;
    open(params.uid);
    const cine = () => Boolean(viewer) && review.view?.frames > 1 && mode === "move";
    const window_ = () => Boolean(viewer) && mode === "window";
    unbind = bind([
      { key: " ", label: "review.key.play", run: toggle, when: () => Boolean(viewer) && review.view?.frames > 1 },
      { key: "ArrowLeft", label: "review.key.back", run: arrows(() => viewer.step(-1)), when: cine, repeats: true },
      { key: "ArrowRight", label: "review.key.on", run: arrows(() => viewer.step(1)), when: cine, repeats: true },
      { key: "m", label: "review.key.measure", run: () => startMeasure("distance"), when: () => Boolean(viewer) && mayWork() },
      { key: "b", label: "review.key.window", run: () => setMode("window"), when: () => Boolean(viewer) },
      { key: "ArrowUp", label: "review.key.brighter", run: arrows(windowed(-2, 0)), when: window_, repeats: true },
      { key: "ArrowDown", label: "review.key.darker", run: arrows(windowed(2, 0)), when: window_, repeats: true },
      { key: "ArrowRight", label: "review.window", run: arrows(windowed(0, 2)), when: window_, repeats: true },
      { key: "ArrowLeft", label: "review.window", run: arrows(windowed(0, -2)), when: window_, repeats: true },
      { key: "+", label: "review.key.zoom", run: arrows(() => viewer.zoomBy(1.4)) },
      { key: "-", label: "review.key.out", run: arrows(() => viewer.zoomBy(1 / 1.4)) },
      { key: "0", label: "review.key.reset", run: arrows(() => viewer.reset()) },
    ]);
  },
  leave() {
    unbind();
    leave();
    forgetPrint();
  },
};
