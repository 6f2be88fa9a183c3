// Reports: what is chosen already, what a press changes, and what is sent.
import assert from "node:assert/strict";
import test from "node:test";

import { emptyForm, flipped, framesOf, isChosen, isEmpty, requestOf, standing, toggled, visiblePart } from "./report/form.js";
import { images, summaryOf } from "./scan/summary.js";

const image = (uid, number, more = {}) => ({ sop_instance_uid: uid, instance_number: number, kind: "capture", replaces: "", replaced_by: "", rejected_by: "", ...more });
const EXAM = { instances: [image("1.1", 1), image("1.2", 2), image("1.3", 3, { kind: "report" })] };
const MEASURED = [{ id: "M1", sop_instance_uid: "1.2", frame: 7, kind: "distance", deleted_at: null }, { id: "M2", sop_instance_uid: "1.1", frame: 1, kind: "area", deleted_at: "2026" }];

test("measurements that stand and the frames that they are on are chosen already", () => {
  const there = standing(MEASURED, EXAM);
  assert.deepEqual(there.map((each) => each.id), ["M1"]);
  const frames = framesOf(EXAM, there);
  assert.deepEqual(frames.map((each) => each.key), ["1.1/1", "1.2/1", "1.2/7"]);
  const form = emptyForm("fast", frames, there);
  assert.deepEqual([...form.keys], ["1.2/7"]);
  assert.equal(isEmpty(form), false);
  assert.deepEqual(requestOf(form, frames, "fr"), { template: "fast", language: "fr", findings: {}, conclusion: "", key_images: [{ sop_instance_uid: "1.2", frame: 7 }], measurements: ["M1"] });
});

test("where nothing was measured the first images are chosen, and there is nothing to send yet", () => {
  const many = { instances: [1, 2, 3, 4, 5, 6].map((number) => image(`1.${number}`, number)) };
  const form = emptyForm("fast", framesOf(many, []), []);
  assert.deepEqual([...form.keys], ["1.1/1", "1.2/1", "1.3/1", "1.4/1"]);
  assert.equal(isEmpty(form), true);
  assert.equal(isEmpty({ ...form, findings: { pelvis: " x" } }), false);
});

test("what was measured on an image that a correction replaced is of the one in its place", () => {
  const corrected = { instances: [image("1.1", 1, { replaced_by: "1.9", rejected_by: "1.8" }), image("1.9", 1, { kind: "corrected", replaces: "1.1" })] };
  const [one] = standing([{ id: "M1", sop_instance_uid: "1.1", frame: 1, deleted_at: null }], corrected);
  assert.equal(one.sop_instance_uid, "1.9");
});

test("a choice goes in and out of a text, and typed words stay", () => {
  assert.equal(toggled("", "free fluid"), "free fluid");
  assert.equal(toggled("about 2 cm", "free fluid"), "about 2 cm, free fluid");
  assert.equal(toggled("about 2 cm, free fluid", "free fluid"), "about 2 cm");
  assert.equal(toggled("No free fluid.", "Seen twice.", " "), "No free fluid. Seen twice.");
  assert.equal(isChosen("no free fluid", "free fluid"), false);
  assert.deepEqual([...flipped(new Set(["a"]), "b")], ["a", "b"]);
  assert.deepEqual([...flipped(new Set(["a"]), "a")], []);
});

test("a zoomed picture says which part of the image is seen", () => {
  const view = { columns: 200, rows: 100 };
  assert.equal(visiblePart({ left: 0, top: 50, sx: 1, sy: 1 }, { width: 200, height: 200 }, view), null);
  assert.deepEqual(visiblePart({ left: -100, top: -50, sx: 2, sy: 2 }, { width: 200, height: 100 }, view), [50, 25, 150, 75]);
});

test("a report is no image, and the tablet waits for its proof too", () => {
  const pacs = { name: "pacs", commitment: "required", contact: "reached", problem: "", commitment_problem: "" };
  const sent = (state) => ({ deliveries: [{ destination: "pacs", state, last_error: "" }] });
  const whole = (state) => ({ patient: { id: "1" }, held: false, instances: [image("1.1", 1, sent("committed")), image("1.3", 1, { kind: "report", ...sent(state) })] });
  assert.equal(images(whole("sent")).length, 1);
  assert.equal(summaryOf(whole("sent"), [pacs]).done, false);
  assert.equal(summaryOf(whole("committed"), [pacs]).done, true);
});
