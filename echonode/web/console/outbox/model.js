// What the outbox says of an archive and of an action on many. Pure.
//
// Rules
// - Red is what stays until a person acts; amber is an archive that is away while images wait safely here.
// - An action on many goes on with the answer's `next` until it is null; what was refused is kept with its words.

const entry = (kind, icon, key, values = {}) => ({ kind, icon, key, values });

// What is held and waits for a person; an image that waits for its patient's data, or was rejected, does not.
export function heldForPerson(archive) {
  return archive.held_for.filter((each) => each.needs_person).reduce((total, each) => total + each.count, 0);
}

export function archiveState(archive) {
  const underway = archive.waiting + archive.sending;
  const held = heldForPerson(archive);
  if (archive.contact === "not_reached") {
    return entry("warn", "pacs", underway ? "outbox.state.away_waiting" : "outbox.state.away", { count: underway });
  }
  if (archive.commitment_problem) return entry("bad", "pacs", "outbox.state.not_committing");
  if (archive.problem) return entry("bad", "alert", "outbox.state.problem");
  if (held) return entry("bad", "held", "outbox.state.held", { count: held });
  if (archive.retry_in_s) return entry("warn", "clock", "outbox.state.paused");
  if (underway) return entry("info", "sent", "outbox.state.sending", { count: underway });
  if (archive.sent_not_proved) return entry("info", "clock", "outbox.state.proof", { count: archive.sent_not_proved });
  if (archive.contact === "not_tried") return entry("info", "pacs", "outbox.state.not_tried");
  return entry("good", "check", "outbox.state.well");
}

// Whether pressing "Call now" does anything: it is away, paused, or something waits for a later try.
export function mayCall(archive) {
  return archive.contact === "not_reached" || Boolean(archive.retry_in_s) || archive.waiting > 0;
}

// How long until what waits there is sent at the present rate, in seconds; null where that is not known.
export function sentIn(archive) {
  const left = archive.waiting + archive.sending;
  return left && archive.sent_per_minute >= 0.5 ? Math.ceil((left / archive.sent_per_minute) * 60) : null;
}

// Seconds of a pause that are left, `passed` seconds after the answer that named it.
export const pauseLeft = (archive, passed) => Math.max(0, Math.ceil((archive.retry_in_s ?? 0) - passed));

export const LISTS = ["held", "waiting", "sent"];

// How many are in a list of an archive.
export function listCount(archive, name) {
  return { held: archive.held, waiting: archive.waiting + archive.sending, sent: archive.sent_not_proved }[name];
}

// The actions that each chosen item has; hold, release and retry in that order.
export function commonActions(items) {
  if (!items.length) return [];
  return ["release", "retry", "hold"].filter((action) => items.every((item) => item.actions.includes(action)));
}

// The outcome of an action on many, part by part.
export const NOTHING_DONE = Object.freeze({ done: 0, refused: 0, errors: Object.freeze([]) });
const MOST_ERRORS = 20;

export function added(outcome, answer) {
  const errors = answer.results.filter((each) => each.error);
  return {
    done: outcome.done + answer.done,
    refused: outcome.refused + answer.refused,
    errors: [...outcome.errors, ...errors].slice(0, MOST_ERRORS),
  };
}

// Does it to all of `body`, part by part; told(outcome) after each. act(body) asks the node.
export async function actOnAll(act, body, told) {
  let outcome = NOTHING_DONE;
  let after;
  for (;;) {
    const answer = await act(after === undefined ? body : { ...body, after });
    outcome = added(outcome, answer);
    told(outcome);
    if (answer.next === null) return outcome;
    after = answer.next;
  }
}

// The end of a UID tells two of one study apart.
export const shortUid = (uid) => (uid.length > 18 ? `…${uid.slice(-16)}` : uid);
