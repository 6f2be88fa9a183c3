// What every screen knows: the node's state, who is logged in, and the settings. One store, observed.
//
// Rules
// - `state` is read by views and changed by set() alone, which redraws the page.
// - state.status is the last answer of GET api/status, null before the first. state.stale: none came for
//   two seconds; what is shown then is old, and the shell says so.
// - A screen's own values are its module's variables; after a change it calls changed().
// - now() is the node's clock: a tablet's own may be wrong.

import { ApiError, get, setCsrf } from "./api.js";
import { applySettings, readSettings, writeSettings } from "./settings.js";
import { languageOf, setLanguage } from "./words.js";

const POLL_MS = 700; // so that an answer may take a second before the page calls itself stale
const STALE_MS = 1700; // with the 250 ms of `watch` within two seconds
const TIMEOUT_MS = 6000; // a busy node's late answer is shown as late, and is still of use

export const state = {
  status: null,
  stale: false,
  failed: false, // the last question had no answer
  answeredAt: 0, // by performance.now()
  refused: null, // the ApiError where the node answers and refuses the status
  session: { users: false, setup: false, user: null, locked: false, has_pin: false },
  settings: readSettings(),
};

let redraw = () => {};
let onSession = () => {};
let skew = 0; // node's clock less this one, in ms
const listeners = new Set();

export function set(changes) {
  Object.assign(state, changes);
  redraw();
}

export const changed = () => redraw();
export const now = () => new Date(Date.now() + skew);

// run(status) after each answer; gives back what ends it.
export function onStatus(run) {
  listeners.add(run);
  return () => listeners.delete(run);
}

export function setSetting(name, value) {
  state.settings = { ...state.settings, [name]: value };
  writeSettings(state.settings);
  useSettings();
  redraw();
}

function useSettings() {
  const language = state.settings.language || languageOf(navigator.languages);
  setLanguage(language);
  applySettings(state.settings, language);
}

// The session, where the node has log-ins; one without them serves as it is.
export async function readSession() {
  try {
    await askSession();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

async function askSession() {
  const session = await get("api/session", { quiet: true, timeoutMs: TIMEOUT_MS });
  setCsrf(session.csrf ?? "");
  const closed = isClosed(session);
  const opened = isClosed(state.session) && !closed;
  set({ session, ...(closed ? { stale: false, failed: false, refused: null, answeredAt: performance.now() } : {}) });
  onSession(session);
  if (opened) poll();
}

// Nothing but the session is answered: it is to be made or unlocked first.
const isClosed = (session) => session.setup || session.locked || (session.users && !session.user);

// session(session): called with each answer about it.
export function start(draw, session) {
  redraw = draw;
  onSession = session;
  useSettings();
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => setSetting("theme", state.settings.theme));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
  setInterval(watch, 250);
  loop();
}

async function loop() {
  await poll();
  setTimeout(loop, state.failed ? POLL_MS / 2 : POLL_MS);
}

let asking = false;

async function poll() {
  if (asking) return;
  asking = true;
  try {
    if (isClosed(state.session)) {
      await askSession();
      return;
    }
    const status = await get("api/status", { timeoutMs: TIMEOUT_MS });
    skew = new Date(status.now).getTime() - Date.now();
    set({ status, stale: false, failed: false, refused: null, answeredAt: performance.now() });
    for (const run of listeners) run(status);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const answers = error.status !== 0;
    set({ failed: !answers, refused: answers ? error : null });
  } finally {
    asking = false;
  }
}

// Apart from the questions, so that an answer that never comes is seen as well.
function watch() {
  const stale = performance.now() - state.answeredAt > STALE_MS;
  if (stale !== state.stale) set({ stale });
}
