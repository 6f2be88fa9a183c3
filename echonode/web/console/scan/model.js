// What the Scan screen knows of its exam, and what its buttons do.
//
// Rules
// - `scan` is read by the views; each change calls changed(). Frames do not pass here (picture.js).
// - A still or clip is shown as waiting until the node says that it is durable; an error stands where the
//   buttons are, with what to do.
// - A capture of a frozen picture names its sequence and its freeze: what was seen is what is stored.

import { get, part, post } from "../core/api.js";
import { changed, onStatus, state } from "../core/state.js";
import { announce, errorWords } from "../core/parts.js";
import { t } from "../core/words.js";
import { freeze as freezeRing } from "./frozen.js";
import { clear, draw, setGeometry, shown } from "./picture.js";
import { openLive } from "./live.js";

const READ_EVERY_MS = 5000;
const NO_FRAMES_MS = 2000;
const DOCUMENTS = ["report", "presentation"];

const fresh = (id) => ({
  id, exam: null, failure: null, // of reading the exam
  documents: [], // reports and kept views, of api/exams/ID/reports
  open: false, retryAt: 0, heard: null, // the WebSocket, and the last state it told
  framesAt: 0, // when the last frame was drawn, by performance.now()
  ring: null, freezing: false,
  waiting: [], // captures that the node has not answered: {id, kind, seconds}
  said: null, // {kind, text, error?}: what stands next to the buttons
  ending: false,
  clip: { seconds: 5, past: true },
});

export let scan = fresh("");
let live = null;
let probe = "";
let timers = [];
let unwatch = () => {};
let counts = "";
let lock = null;

export function enter(id) {
  scan = { ...fresh(id), clip: scan.clip };
  counts = "";
  read();
  timers = [setInterval(read, READ_EVERY_MS), setInterval(watch, 500)];
  unwatch = onStatus((status) => {
    const now = JSON.stringify(status.destinations.map((each) => [each.deliveries, each.contact]));
    if (counts && now !== counts) read();
    counts = now;
  });
  stayAwake();
}

export function leave() {
  timers.forEach(clearInterval);
  timers = [];
  unwatch();
  scan.ring?.end();
  stopLive();
  lock?.release().catch(() => {});
  lock = null;
}

// A tablet on its stand must not go dark in an exam (only where the browser allows it: HTTPS).
async function stayAwake() {
  try {
    lock = await navigator.wakeLock?.request("screen");
  } catch { /* the battery is low, or the page is not in front */ }
}

export const isOpen = () => scan.exam && scan.exam.progress !== "ended";
export const ofProbe = () => state.status?.probes.find((each) => each.name === scan.exam?.probe) ?? null;

let reading = false;
let again = false;

export async function read() {
  if (reading) { again = true; return; }
  reading = true;
  const { id } = scan;
  try {
    const exam = await get(`api/exams/${part(id)}`);
    if (id === scan.id) {
      scan.exam = exam;
      scan.failure = null;
      if (exam.instances.some((each) => DOCUMENTS.includes(each.kind))) scan.documents = await get(`api/exams/${part(id)}/reports`);
      follow();
    }
  } catch (error) {
    if (error.status === undefined) throw error;
    if (id === scan.id && error.status !== 0) scan.failure = error;
  } finally {
    reading = false;
    changed();
  }
  if (again) { again = false; read(); }
}

// The picture runs while the exam is open at a probe of this node.
function follow() {
  const wanted = isOpen() && !scan.exam.unattended ? scan.exam.probe : "";
  if (wanted === probe) return;
  stopLive();
  probe = wanted;
  if (probe) live = openLive(probe, { onframe, ongeometry, onstate, onconnection });
}

function stopLive() {
  live?.close();
  live = null;
  probe = "";
}

const geometries = new Map();

function ongeometry(geometry) {
  geometries.set(geometry.id, geometry);
  if (!scan.ring) setGeometry(geometry);
  changed();
}

let geometryShown = null;

function onframe(head, bitmap) {
  const before = scan.framesAt;
  scan.framesAt = performance.now();
  if (scan.ring || scan.freezing) return;
  if (head.geometry !== geometryShown) {
    geometryShown = head.geometry;
    if (geometries.has(head.geometry)) setGeometry(geometries.get(head.geometry));
  }
  draw(head, bitmap);
  if (!before || scan.framesAt - before > NO_FRAMES_MS) changed();
}

function onstate(message) {
  scan.heard = message;
  changed();
}

function onconnection({ open, retryAt }) {
  scan.open = open;
  scan.retryAt = retryAt;
  if (!open) {
    geometries.clear();
    geometryShown = null;
  }
  changed();
}

// Whether the probe's frames arrive just now.
export const flows = () => scan.open && scan.framesAt > 0 && performance.now() - scan.framesAt < NO_FRAMES_MS;
let flowed = false;

function watch() {
  const now = flows();
  if (flowed && !now && !scan.ring) clear();
  if (now !== flowed || !scan.open) changed();
  flowed = now;
}

export const fps = () => (flows() && scan.heard?.fps ? Math.round(scan.heard.fps) : undefined);
export const tryNow = () => live?.now();

// --- what the buttons do ---

export const canFreeze = () => isOpen() && (scan.ring !== null || flows()) && !scan.freezing;
// Why no still can be taken: a key of words.js; "" where it can.
export function captureRefusal() {
  const status = ofProbe();
  if (!isOpen()) return "scan.refusal.ended";
  if (state.stale) return "scan.refusal.node";
  if (status && !status.on_request) return "scan.refusal.automatic";
  if (status?.connected && status.refusal) return "scan.refusal.not_recording";
  if (!scan.ring && !flows()) return "scan.refusal.no_picture";
  return "";
}

function say(kind, text, error = null) {
  scan.said = { kind, text, error };
  announce(text || errorWords(error).title);
  changed();
}

export async function toggleFreeze() {
  if (scan.ring) {
    const { ring } = scan;
    scan.ring = null;
    scan.said = null;
    const geometry = geometries.get(geometryShown);
    if (geometry) setGeometry(geometry);
    changed();
    announce(t("scan.live"));
    await ring.end();
    return;
  }
  if (!canFreeze()) return;
  scan.freezing = true; // from here on the picture stands still
  scan.said = null;
  changed();
  try {
    scan.ring = await freezeRing(scan.id, changed);
    announce(t("scan.frozen"));
  } catch (error) {
    if (error.status === undefined) throw error;
    say("bad", "", error);
  } finally {
    scan.freezing = false;
    changed();
  }
}

export const still = () => capture("still", 0, (fields) => post(`api/exams/${part(scan.id)}/stills`, fields), stillFields());

function stillFields() {
  const fields = shown.sequence === null ? {} : { sequence: shown.sequence };
  return scan.ring ? { ...fields, freeze: scan.ring.id } : fields;
}

export function clip() {
  const { seconds, past } = scan.clip;
  const fields = scan.ring
    ? { seconds, from: "past", last_sequence: shown.sequence ?? scan.ring.frame.sequence, freeze: scan.ring.id }
    : { seconds, from: past ? "past" : "now" };
  return capture("clip", seconds, (sent) => post(`api/exams/${part(scan.id)}/clips`, sent, { timeoutMs: (seconds + 60) * 1000 }), fields);
}

let captureNumber = 0;

async function capture(kind, seconds, ask, fields) {
  if (captureRefusal()) return;
  captureNumber += 1;
  const mine = { id: captureNumber, kind, seconds, now: fields.from === "now" };
  scan.waiting = [mine, ...scan.waiting];
  scan.said = null;
  changed();
  try {
    await ask(fields);
    say("good", t(`scan.stored.${kind}`));
  } catch (error) {
    if (error.status === undefined) throw error;
    say("bad", "", error);
  } finally {
    scan.waiting = scan.waiting.filter((each) => each !== mine);
    await read();
  }
}

export function setClip(changes) {
  scan.clip = { ...scan.clip, ...changes };
  changed();
}

export async function end() {
  scan.ending = true;
  changed();
  try {
    await post(`api/exams/${part(scan.id)}/end`);
    scan.ring?.end();
    scan.ring = null;
    scan.said = null;
    await read();
  } catch (error) {
    if (error.status === undefined) throw error;
    say("bad", "", error);
  } finally {
    scan.ending = false;
    changed();
  }
}

export async function reopen() {
  scan.ending = true;
  changed();
  try {
    await post(`api/exams/${part(scan.id)}/reopen`);
    await read();
  } catch (error) {
    if (error.status === undefined) throw error;
    say("bad", "", error);
  } finally {
    scan.ending = false;
    changed();
  }
}
