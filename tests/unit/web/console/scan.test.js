// Scan: what a frame's head says, where millimetres are, and what the end of an exam says.
import assert from "node:assert/strict";
import test from "node:test";

import { depthMarks, fitted, gainPoints, noScaleKey, scaleOf, stretch } from "./scan/geometry.js";
import { words as scanWords } from "./scan/words.js";
import { readHead } from "./scan/live.js";
import { summaryOf } from "./scan/summary.js";

const REGION = { x0: 0, y0: 0, x1: 99, y1: 199, physical_delta_x_mm: 0.5, physical_delta_y_mm: 0.5 };
const GEOMETRY = { regions: [REGION], depth_mm: 90, gain_curve: [[0, 0], [90, 20]] };

test("a head of 24 bytes is read, big-endian", () => {
  const buffer = new ArrayBuffer(30);
  const view = new DataView(buffer);
  view.setBigUint64(0, 4711n);
  view.setBigUint64(8, 1_700_000_000_500_000n);
  view.setUint32(16, 3);
  view.setUint16(20, 640);
  view.setUint16(22, 480);
  assert.deepEqual(readHead(buffer), { sequence: 4711, capturedAt: 1_700_000_000.5, geometry: 3, width: 640, height: 480 });
  assert.equal(readHead(new ArrayBuffer(24)), null);
});

test("a picture fits with square pixels", () => {
  assert.deepEqual(fitted(null, 400, 200, { width: 100, height: 100 }), { width: 100, height: 50 });
  const tall = { regions: [{ ...REGION, physical_delta_y_mm: 1 }] };
  assert.deepEqual(stretch(tall), { x: 1, y: 2 });
  assert.deepEqual(fitted(tall, 400, 200, { width: 100, height: 100 }), { width: 100, height: 100 });
  assert.deepEqual(fitted(null, 0, 0, { width: 100, height: 100 }), { width: 0, height: 0 });
});

test("the depth scale hangs from the deepest row", () => {
  const marks = depthMarks(GEOMETRY, 200);
  assert.equal(marks.length, 10);
  assert.deepEqual(marks[0], { mm: 0, y: 0.1, major: true });
  assert.deepEqual(marks.at(-1), { mm: 90, y: 1, major: false });
  assert.deepEqual(depthMarks({ regions: [], depth_mm: 90 }, 200), []);
});

test("a picture that says no depth has a scale from its top, by the size of its pixels", () => {
  const region = { x0: 0, y0: 0, x1: 99, y1: 99, physical_delta_x_mm: 0.5, physical_delta_y_mm: 0.4 };
  const geometry = { regions: [region], depth_mm: null };
  assert.deepEqual(scaleOf(geometry), { mm: 40, from: "top" });
  const marks = depthMarks(geometry, 100);
  assert.deepEqual(marks.map((mark) => mark.mm), [0, 5, 10, 15, 20, 25, 30, 35, 40]);
  assert.equal(marks[0].y, 0);
  assert.ok(Math.abs(marks[4].y - 0.5) < 1e-9);
  assert.deepEqual(scaleOf(GEOMETRY), { mm: 90, from: "face" });
  assert.equal(scaleOf({ regions: [], depth_mm: 90 }), null);
  assert.equal(scaleOf({ regions: [{ ...region, physical_delta_y_mm: 0 }], depth_mm: 90 }), null);
  const [first, last] = gainPoints(GEOMETRY, 200);
  assert.deepEqual([first, last], [{ x: 0, y: 0.1 }, { x: 1, y: 1 }]);
});

const PACS = { name: "pacs", commitment: "required", contact: "reached", problem: "", commitment_problem: "" };
const image = (...states) => ({ kind: "capture", deliveries: states.map((state) => ({ destination: "pacs", state, last_error: "A900" })) });
const exam = (...instances) => ({ patient: { id: "1" }, held: false, instances });
const says = (one, ...destinations) => summaryOf(one, destinations).title.replace("scan.end.", "");

test("the tablet may be put away once every archive has proved every image", () => {
  assert.equal(says(exam(image("committed"), image("committed")), PACS), "committed");
  assert.equal(summaryOf(exam(image("committed")), [PACS]).done, true);
  assert.equal(says(exam(image("verified")), { ...PACS, commitment: "verify" }), "verified");
  assert.equal(says(exam(image("sent")), { ...PACS, commitment: "none" }), "received");
  assert.equal(says(exam(image("sent")), PACS), "under_way");
  assert.equal(says(exam(image()), PACS), "under_way");
});

test("what is missing is said by its reason", () => {
  assert.equal(says(exam(), PACS), "empty");
  assert.equal(says({ ...exam(image("held")), patient: null, held: true }, PACS), "unidentified");
  assert.equal(says(exam(image()), ...[]), "no_archive");
  const held = summaryOf(exam(image("held"), image("committed")), [PACS]);
  assert.deepEqual([held.values.count, held.values.reason, held.action], [1, "A900", "outbox"]);
  assert.equal(says(exam(image("queued")), { ...PACS, contact: "not_reached" }), "away");
  assert.equal(says(exam(image("sent")), { ...PACS, commitment_problem: "no answer" }), "problem");
});

test("what a correction replaced does not count", () => {
  const old = { ...image("held"), replaced_by: "1.2.3" };
  const note = { ...image("queued"), kind: "rejection_note" };
  assert.equal(says(exam(old, note, image("committed")), PACS), "committed");
});

test("each reason why there is no scale has its words", () => {
  for (const no_scale of ["not_given", "not_believed", "skewed", "too_large"]) {
    const key = noScaleKey({ regions: [], no_scale });
    assert.equal(key, `scan.no_scale.${no_scale}`);
    assert.ok(scanWords[key].fr);
  }
  assert.equal(noScaleKey({ regions: [] }), "scan.no_scale.unknown");
  assert.equal(noScaleKey({ regions: [], no_scale: "__proto__" }), "scan.no_scale.unknown");
});
