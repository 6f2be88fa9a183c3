// What the system's page concludes from the node's answer: the one line above all, and each card's state. Pure.
//
// Rules
// - The line says the worst first: what is not recorded, what cannot be stored, then what waits for a person.
// - Text of the node (an alarm, a problem) is shown once.
import { archiveHealth, backlog } from "../core/health.js";

const entry = (kind, icon, key, values = {}) => ({ kind, icon, key, values });
const names = (all) => all.map((each) => each.name).join(", ");

export const notRecording = (probe) => Boolean(probe.connected && probe.refusal);

export function verdict(system) {
  const { probes, archives } = system;
  const dead = probes.filter(notRecording);
  const frameless = probes.filter((each) => each.connected && each.problem);
  const away = probes.filter((each) => !each.connected);
  const held = archives.reduce((total, each) => total + backlog(each).held, 0);
  const waiting = archives.reduce((total, each) => total + backlog(each).waiting, 0);
  const unreachable = archives.filter((each) => each.contact === "not_reached");
  const refusing = archives.filter((each) => each.commitment_problem);
  const failing = archives.filter((each) => each.problem && !each.commitment_problem && each.contact !== "not_reached");
  if (dead.length) return entry("bad", "alert", "system.verdict.dead", { names: names(dead) });
  if (system.problems.length) return entry("bad", "alert", "system.verdict.not_ready");
  if (system.captures_lost) return entry("bad", "alert", "system.verdict.lost", { count: system.captures_lost });
  if (frameless.length) return entry("bad", "probe", "system.verdict.frameless", { names: names(frameless) });
  if (held) return entry("bad", "held", "system.verdict.held", { count: held });
  if (failing.length) return entry("bad", "pacs", "system.verdict.failing", { names: names(failing) });
  if (refusing.length) return entry("bad", "pacs", "system.verdict.not_committing", { names: names(refusing) });
  if (unreachable.length) return entry("warn", "pacs", "system.verdict.away", { names: names(unreachable) });
  if (system.alarms.length) return entry("bad", "alert", "system.verdict.alarms", { count: system.alarms.length });
  if (!probes.length) return entry("warn", "probe", "system.verdict.no_probe");
  if (!archives.length) return entry("warn", "pacs", "system.verdict.no_archive");
  if (away.length) return entry("warn", "probe", "system.verdict.probe_away", { names: names(away) });
  if (waiting) return entry("info", "sent", "system.verdict.waiting", { count: waiting });
  return entry("good", "check", "system.verdict.well");
}

export function probeState(probe) {
  if (notRecording(probe)) return entry("bad", "alert", "system.probe.refused");
  if (!probe.connected) return entry("warn", "probe", "system.probe.away");
  if (probe.problem) return entry("bad", "alert", "system.probe.frameless");
  return entry("good", "probe", "system.probe.connected");
}

export const archiveState = archiveHealth;

// Reasons of dropped frames that have occurred: [[reason, count], ...].
export const drops = (probe) => Object.entries(probe.frames_dropped_by ?? {}).filter(([, count]) => count > 0);

// Frames a second between two answers; null where that is not known yet.
export function framesPerSecond(before, probe, now) {
  const known = before?.get(probe.name);
  if (!known) return null;
  const seconds = (now - known.at) / 1000;
  const frames = probe.frames_received - known.frames;
  return seconds > 0 && frames >= 0 ? frames / seconds : null;
}

// What needs a person: alarms with what may be done here, then problems without an alarm.
export function matters(system) {
  const told = new Set(system.alarms.map((each) => each.text));
  const alarms = system.alarms.map((each) => {
    const [name, subject] = split(each.name);
    return { id: each.name, kind: "alarm", text: each.text, actions: actionsOf(name, subject, system.conflicts) };
  });
  const problems = system.problems.filter((each) => !told.has(each)).map((text) => ({ id: text, kind: "problem", text, actions: [] }));
  return [...alarms, ...problems];
}

function split(name) {
  const at = name.indexOf(":");
  return at < 0 ? [name, ""] : [name.slice(0, at), name.slice(at + 1)];
}

const CONFLICTS = { patient_conflict: "study", series_conflict: "series", name_conflict: "patient" };

function actionsOf(name, subject, conflicts) {
  if (name in CONFLICTS) {
    const studies = conflicts.filter((each) => each.kind === CONFLICTS[name]).map((each) => each.study_instance_uid);
    return [...new Set(studies)].map((study) => ({ do: "acknowledge", study }));
  }
  if (["held", "late", "stored_with_warning"].includes(name)) return [{ do: "outbox" }];
  if (["unreachable", "commitment", "unreported"].includes(name)) return [{ do: "preflight", peer: subject }];
  return [];
}

// A step of a preflight: done, failed, skipped (an earlier one failed), next (tried just now) or planned.
export function stepState(steps, index, running) {
  const step = steps[index];
  if (step.ok === true) return "done";
  if (step.ok === false) return "failed";
  if (step.detail) return "skipped";
  const before = steps.slice(0, index).every((each) => each.ok !== null || each.detail);
  return running && before ? "next" : "planned";
}

// How the peer as a whole stands; the first peer without an end is the one that is tried.
export function peerState(peer, running, isFirstOpen) {
  if (peer.steps.some((step) => step.ok === false)) return "failed";
  if (!peer.steps.length) return "nothing";
  if (peer.steps.every((step) => step.ok)) return "done";
  return running && isFirstOpen ? "next" : "planned";
}

export const isOpen = (peer) => peer.steps.some((step) => step.ok === null && !step.detail) && !peer.steps.some((step) => step.ok === false);
