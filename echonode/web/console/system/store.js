// What the system's page shows, asked every two seconds while it or the set-up is open; and the preflight.
import { changed } from "../core/state.js";
import { get, post } from "../core/api.js";

const EVERY_MS = 2000;
const STEP_MS = 400; // while a preflight runs, its steps are seen as they come

export const system = { answer: null, error: null, before: null, last: null, preflight: null, preflightError: null, starting: false };

let open = 0;
let timer = 0;
let stepTimer = 0;

export function enter() {
  open += 1;
  loop();
  readPreflight();
}

export function leave() {
  open = Math.max(0, open - 1);
  if (open) return;
  clearTimeout(timer);
  clearTimeout(stepTimer);
}

async function loop() {
  clearTimeout(timer);
  if (!document.hidden) await reload();
  clearTimeout(timer);
  if (open) timer = setTimeout(loop, EVERY_MS);
}

export async function reload() {
  try {
    const answer = await get("api/system");
    const now = performance.now();
    system.before = system.last;
    system.last = new Map(answer.probes.map((probe) => [probe.name, { frames: probe.frames_received, at: now }]));
    Object.assign(system, { answer, error: null });
  } catch (error) {
    system.error = error;
  }
  if (open) changed();
}

export async function startPreflight(peer) {
  if (system.starting || system.preflight?.running) return;
  system.starting = true;
  changed();
  try {
    system.preflight = await post("api/preflight/start", peer ? { peer } : {});
    system.preflightError = null;
  } catch (error) {
    system.preflightError = error;
  }
  system.starting = false;
  changed();
  follow();
}

async function readPreflight() {
  try {
    system.preflight = await get("api/preflight");
    system.preflightError = null;
  } catch (error) {
    system.preflightError = error;
  }
  if (open) changed();
  follow();
}

function follow() {
  clearTimeout(stepTimer);
  if (open && system.preflight?.running) stepTimer = setTimeout(readPreflight, STEP_MS);
}

export async function acknowledge(study) {
  await post(`api/studies/${encodeURIComponent(study)}/acknowledge`, {});
  await reload();
}
