// The status line: green means proved, red means NOT RECORDING or not reachable.
import assert from "node:assert/strict";
import test from "node:test";

import { archiveHealth, backlog, diskHealth, healthLine, probeHealth } from "./core/health.js";

const PROBE = { name: "handheld", connected: true, refusal: "", problem: "" };
const PACS = { name: "pacs", commitment: "required", deliveries: { committed: 3 }, contact: "reached", problem: "", commitment_problem: "" };
const STATUS = { ae_title: "ECHONODE", probes: [PROBE], destinations: [PACS], minutes_of_cine: 130, refusing: "" };

test("what is refused is red, and says so first", () => {
  assert.equal(probeHealth({ ...PROBE, refusal: "no room" }).kind, "bad");
  assert.equal(probeHealth({ ...PROBE, connected: false, refusal: "no room" }).kind, "warn");
  assert.equal(probeHealth(PROBE, 20).values.fps, 20);
});

test("an archive that is away is amber: the images wait safely", () => {
  const away = archiveHealth({ ...PACS, contact: "not_reached", deliveries: { queued: 2, committed: 1 } });
  assert.deepEqual([away.kind, away.key, away.values.count], ["warn", "core.archive.away_waiting", 2]);
  assert.equal(archiveHealth({ ...PACS, deliveries: { held: 1 } }).kind, "bad");
  assert.equal(archiveHealth(PACS).kind, "good");
  assert.equal(archiveHealth({ ...PACS, contact: "not_tried", deliveries: {} }).kind, "info");
});

test("what is on its way depends on the proof wanted", () => {
  assert.equal(backlog({ ...PACS, deliveries: { sent: 4 } }).waiting, 4);
  assert.equal(backlog({ ...PACS, commitment: "none", deliveries: { sent: 4 } }).waiting, 0);
});

test("the worst probe and the worst archive are shown", () => {
  const line = healthLine({ stale: false, status: { ...STATUS, probes: [PROBE, { ...PROBE, refusal: "x" }] } });
  assert.deepEqual(line.map((each) => each.kind), ["good", "bad", "good", "info"]);
  assert.deepEqual(healthLine({ stale: true, status: STATUS }).map((each) => each.kind), ["bad"]);
  assert.equal(diskHealth({ ...STATUS, minutes_of_cine: 12 }).kind, "warn");
});
