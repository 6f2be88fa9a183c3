// What the system's page concludes, and the lines of the set-up.
import assert from "node:assert/strict";
import test from "node:test";

import { framesPerSecond, isOpen, matters, peerState, stepState, verdict } from "./system/model.js";
import { archiveLines, checkArchive, checkProbe, isFirstStart, probeLines, scalar, stepStates } from "./start/yaml.js";

const PROBE = { name: "handheld", connected: true, refusal: "", problem: "", frames_received: 10 };
const PACS = { name: "pacs", commitment: "required", deliveries: { committed: 3 }, contact: "reached", problem: "", commitment_problem: "" };
const WELL = { probes: [PROBE], archives: [PACS], problems: [], alarms: [], captures_lost: 0, conflicts: [] };
const said = (changes) => { const line = verdict({ ...WELL, ...changes }); return [line.kind, line.key.replace("system.verdict.", "")]; };

test("the worst is said first", () => {
  assert.deepEqual(said({}), ["good", "well"]);
  assert.deepEqual(said({ probes: [{ ...PROBE, refusal: "disk" }], problems: ["disk"], captures_lost: 1 }), ["bad", "dead"]);
  assert.deepEqual(said({ problems: ["2 captures wait in memory"] }), ["bad", "not_ready"]);
  assert.deepEqual(said({ captures_lost: 1 }), ["bad", "lost"]);
  assert.deepEqual(said({ probes: [{ ...PROBE, problem: "no frame for 9 s" }] }), ["bad", "frameless"]);
  assert.deepEqual(said({ archives: [{ ...PACS, deliveries: { held: 2 } }] }), ["bad", "held"]);
  assert.deepEqual(said({ archives: [{ ...PACS, contact: "not_reached", problem: "refused" }] }), ["warn", "away"]);
  assert.deepEqual(said({ archives: [{ ...PACS, problem: "stalled" }] }), ["bad", "failing"]);
  assert.deepEqual(said({ archives: [{ ...PACS, problem: "0122", commitment_problem: "0122" }] }), ["bad", "not_committing"]);
  assert.deepEqual(said({ alarms: [{ name: "quarantine", text: "x" }] }), ["bad", "alarms"]);
  assert.deepEqual(said({ probes: [] }), ["warn", "no_probe"]);
  assert.deepEqual(said({ archives: [] }), ["warn", "no_archive"]);
  assert.deepEqual(said({ probes: [{ ...PROBE, connected: false, refusal: "old" }] }), ["warn", "probe_away"]);
  assert.deepEqual(said({ archives: [{ ...PACS, deliveries: { queued: 2 } }] }), ["info", "waiting"]);
});

test("each matter is told once, with what may be done here", () => {
  const found = matters({ ...WELL, problems: ["disk is full", "other"],
    alarms: [{ name: "disk", text: "disk is full" }, { name: "held:pacs", text: "a" }, { name: "unreachable:pacs", text: "b" }, { name: "patient_conflict", text: "c" }],
    conflicts: [{ kind: "study", study_instance_uid: "1.2.3" }, { kind: "series", study_instance_uid: "1.2.4" }] });
  assert.deepEqual(found.map((each) => each.actions), [[], [{ do: "outbox" }], [{ do: "preflight", peer: "pacs" }], [{ do: "acknowledge", study: "1.2.3" }], []]);
});

test("a preflight's steps are done, tried or still to come", () => {
  const steps = [{ ok: true, detail: "x" }, { ok: null, detail: "" }, { ok: null, detail: "" }];
  assert.deepEqual(steps.map((_, index) => stepState(steps, index, true)), ["done", "next", "planned"]);
  const failed = [{ ok: false, detail: "x" }, { ok: null, detail: "skipped: fix the step above first" }];
  assert.deepEqual(failed.map((_, index) => stepState(failed, index, false)), ["failed", "skipped"]);
  assert.equal(isOpen({ steps }), true);
  assert.equal(peerState({ steps }, true, true), "next");
  assert.equal(peerState({ steps }, true, false), "planned");
  assert.equal(peerState({ steps: failed }, false, false), "failed");
  assert.equal(peerState({ steps: [] }, false, false), "nothing");
});

test("frames a second are of two answers", () => {
  const before = new Map([["handheld", { frames: 0, at: 1000 }]]);
  assert.equal(framesPerSecond(before, PROBE, 1500), 20);
  assert.equal(framesPerSecond(null, PROBE, 1500), null);
  assert.equal(framesPerSecond(new Map([["handheld", { frames: 99, at: 1000 }]]), PROBE, 1500), null);
});

test("values that YAML would take for something else are quoted", () => {
  assert.deepEqual(["pacs", "192.168.1.2:104", "yes", "0815", "A B", '"'].map(scalar), ["pacs", "192.168.1.2:104", '"yes"', '"0815"', '"A B"', '"\\""']);
  assert.ok(probeLines({ name: "handheld", kind: "kit", address: "192.168.128.3:7538" }).includes("    dialect: kit"));
  assert.ok(archiveLines({ name: "pacs", ae_title: "A B", host: "pacs.local", port: "104", commitment: "verify" })[1].includes('ae_title: "A B"'));
});

test("what cannot be right is said at its field", () => {
  assert.deepEqual(Object.keys(checkProbe({ name: "A B", address: "nowhere" })), ["name", "address"]);
  assert.deepEqual(checkProbe({ name: "a", address: "[::1]:7538".slice(1).replace("]", "") }), {});
  assert.deepEqual(Object.keys(checkArchive({ name: "pacs", ae_title: " ", host: "a b", port: "0" })), ["ae_title", "host", "port"]);
  assert.deepEqual(checkArchive({ name: "pacs", ae_title: "PACS", host: "10.0.0.2", port: "104" }), {});
});

test("the three steps turn green by what is so", () => {
  assert.deepEqual(stepStates({ probes: [], archives: [] }, { number: 0 }), { probe: "todo", archive: "todo", check: "todo" });
  assert.deepEqual(stepStates({ probes: [PROBE], archives: [PACS] }, { number: 1, running: false, ok: true, peers: [{}] }), { probe: "done", archive: "done", check: "done" });
  assert.deepEqual(stepStates({ probes: [{ ...PROBE, connected: false }], archives: [{ ...PACS, contact: "not_tried" }] }, { number: 1, running: true }), { probe: "wait", archive: "wait", check: "wait" });
  assert.equal(stepStates({ probes: [], archives: [{ ...PACS, problem: "x" }] }, { number: 1, ok: false, peers: [] }).archive, "trouble");
  assert.equal(isFirstStart({ probes: [], destinations: [] }), true);
});
