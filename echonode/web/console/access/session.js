// One's own session: log in and out, lock and unlock, PIN and password; and who may do what.
//
// Rules
// - 401 and 429 of these are the form's own, which shows them; they do not lead to the log-in.
// - A role hides what it may not do; the node refuses it as well.

import { ApiError, post } from "../core/api.js";
import { readSession, state } from "../core/state.js";

const RANK = { viewer: 1, operator: 2, service: 2, administrator: 3 };

// Where the node has no users, everyone who reaches it may do everything.
export const may = (role, session = state.session) => (session.user ? RANK[session.user.role] >= RANK[role] : !session.users);

// What stands in place of the screens: "setup", "login", "lock" or "".
export function gateOf(session) {
  if (session.setup) return "setup";
  if (session.users && !session.user) return "login";
  return session.locked ? "lock" : "";
}

const own = (path, body) => post(`api/${path}`, body, { quiet: true });

export async function logIn(name, password) {
  await own("login", { name, password });
  await readSession();
}

export async function setUp(code, name, password) {
  await own("setup", { code, name, password });
  await readSession();
}

export async function unlock(by) {
  try {
    await own("session/unlock", by);
  } finally {
    await readSession(); // after too many tries the PIN is gone
  }
}

export async function lock() {
  if (!state.session.user || state.session.locked) return;
  try {
    await own("session/lock", {});
  } catch (error) {
    // The log-in has ended, or the node does not answer; where the page is left, it is asked again.
    if (!(error instanceof ApiError)) throw error;
  } finally {
    await readSession();
  }
}

export async function logOut() {
  try {
    await own("logout", {});
  } finally {
    await readSession();
  }
}

export async function setPin(pin) {
  await own("session/pin", { pin });
  await readSession();
}

export const setPassword = (before, after) => own("session/password", { old: before, new: after });
