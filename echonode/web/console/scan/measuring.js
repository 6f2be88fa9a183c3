// Measuring on a frozen picture, with the tools of review/measure.js.
//
// Rules
// - Measure freezes a live picture first: nothing is measured on one that moves.
// - What is kept is kept with an image: the frame is stored as a still, once, and the node computes the value.
// - Figures belong to one frame: another frame of the ring shows its own.

import { announce } from "../core/parts.js";
import { changed } from "../core/state.js";
import { part, post } from "../core/api.js";
import { languageNow, t } from "../core/words.js";
import { KINDS } from "../review/geometry.js";
import { measureOn } from "../review/measure.js";
import { firstValue } from "../review/values.js";
import { captureRefusal, read, scan, toggleFreeze } from "./model.js";
import { onLayout, shown, theCanvas, theGeometry } from "./picture.js";

export { KINDS };

let layer = null;
let overlay = null;
let kept = new Map(); // "freeze sequence" -> {uid, measurements}
export const measuring = { busy: false, error: null };

const frameName = () => `${scan.ring?.id} ${shown.sequence}`;
const nameOf = (each) => firstValue(each, languageNow());

// Called as the layer comes onto the page, over the canvas and as large.
export function takeOverlay(element) {
  overlay = element;
  layer = measureOn(element, {
    place: () => ({ left: 0, top: 0, sx: element.clientWidth / shown.width, sy: element.clientHeight / shown.height }),
    view: () => ({ columns: shown.width, rows: shown.height, regions: theGeometry()?.regions ?? [] }),
    source: () => (shown.sequence === null ? null : theCanvas()),
    onchange: changed, named: nameOf,
  });
  layer.onkeep(keep);
  const unwatch = onLayout(() => layer.redraw());
  return () => {
    unwatch();
    layer.end();
    layer = overlay = null;
    kept = new Map();
  };
}

export const isMeasuring = () => Boolean(layer?.kind);
export const draft = () => layer?.draft() ?? null;

export async function startMeasure(kind = "distance") {
  if (!layer) return;
  if (!scan.ring) await toggleFreeze();
  if (!scan.ring || !layer) return;
  measuring.error = null;
  showFigures();
  layer.start(kind);
  setTimeout(() => overlay?.focus({ preventScroll: true }), 0); // once it may take the focus
}

export function stopMeasure() {
  if (isMeasuring()) layer.stop();
}

let frameShown = "", drawn = "";

// The figures of the frame that is shown; called with each drawing of the page.
export function showFigures() {
  if (!layer) return;
  const name = scan.ring ? frameName() : "";
  const figures = kept.get(name)?.measurements ?? [];
  const now = `${name}|${figures.length}|${languageNow()}`;
  if (now === drawn) return;
  if (name !== frameShown && isMeasuring()) layer.stop();
  frameShown = name;
  drawn = now;
  layer.show(figures);
}

export async function keep() {
  const figure = draft();
  if (!figure?.complete || figure.why || measuring.busy || captureRefusal()) return;
  const name = frameName();
  const fields = { sequence: shown.sequence, freeze: scan.ring.id };
  measuring.busy = true;
  measuring.error = null;
  changed();
  try {
    const known = kept.get(name) ?? { uid: (await post(`api/exams/${part(scan.id)}/stills`, fields)).sop_instance_uid, measurements: [] };
    kept.set(name, known);
    const made = await post(`api/instances/${part(known.uid)}/measurements`, { kind: figure.kind, points: figure.points, frame: 1, label: "" });
    known.measurements = [...known.measurements, made];
    layer?.stop();
    announce(t("scan.measure.kept", { value: nameOf(made) }));
    scan.said = { kind: "good", text: t("scan.measure.kept", { value: nameOf(made) }), error: null };
  } catch (error) {
    if (error.status === undefined) throw error;
    measuring.error = error;
  } finally {
    measuring.busy = false;
    await read();
  }
}
