// What is asked of the audit trail, and how a record is told.
import assert from "node:assert/strict";
import test from "node:test";

import { goesOn, instancesOf, joined, queryOf, whatOf } from "./audit/model.js";
import { translated } from "./core/error-words.js";

const NOTHING = { from: "", to: "", user: "", patient: "", kind: "" };

test("what is not filled in is not asked for", () => {
  assert.deepEqual(queryOf(NOTHING), {});
  assert.deepEqual(queryOf({ ...NOTHING, user: " ada ", patient: " 4711", kind: "query" }), { user: "ada", patient: " 4711", kind: "query" });
});

test("a day is from this screen's midnight to the next", () => {
  const { since, until } = queryOf({ ...NOTHING, from: "2026-03-29", to: "2026-03-29" });
  assert.equal(new Date(since).getTime(), new Date(2026, 2, 29).getTime());
  assert.equal(new Date(until).getTime(), new Date(2026, 2, 30).getTime());
  assert.equal(new Date(queryOf({ ...NOTHING, to: "2026-12-31" }).until).getTime(), new Date(2027, 0, 1).getTime());
});

test("older records push out the newest, and none is counted twice", () => {
  assert.deepEqual(joined([9, 8], [7, 6], 10), { records: [9, 8, 7, 6], dropped: 0 });
  assert.deepEqual(joined([9, 8], [7, 6], 3), { records: [8, 7, 6], dropped: 1 });
});

test("the search goes on by itself until a page is full or the trail ends", () => {
  assert.equal(goesOn({ next: 40, found: 0, wanted: 100 }), true);
  assert.equal(goesOn({ next: 40, found: 99, wanted: 100 }), true);
  assert.equal(goesOn({ next: 40, found: 100, wanted: 100 }), false);
  assert.equal(goesOn({ next: null, found: 0, wanted: 100 }), false);
});

test("a record says what it was, then what it was about", () => {
  const studies = [{ uid: "1.2", instances: { a: ["1", "2"], b: ["3"] } }, { uid: "1.3", instances: {} }];
  assert.deepEqual(whatOf({ type: "", description: "looked at", subject: "", studies, query: null }), ["looked at", "1.2, 1.3"]);
  assert.equal(instancesOf({ studies }), 3);
  assert.deepEqual(whatOf({ studies: [], query: { of: "/api/studies/search", keys: "{\"text\": \"x\"}" } }), ["{\"text\": \"x\"}"]);
  assert.deepEqual(whatOf({ studies: [], query: { of: "1.2.840.10008.5.1.4.1.2.2.1", keys: "binary" } }), ["1.2.840.10008.5.1.4.1.2.2.1"]);
});

test("what keeps a patient from being erased is told in French", () => {
  assert.equal(translated("the exam E12 is open: end it first", "fr"), "l’examen E12 est ouvert : terminez-le d’abord");
  assert.equal(translated("2 deliveries to pacs are queued", "fr"), "livraisons vers pacs à l’état « en file » : 2");
  for (const reason of ["3 commitments that a peer asked for are not reported yet", "1 images are being rewritten or corrected",
    "1 procedure steps are not reported yet", "2 results wait for the RIS"]) assert.notEqual(translated(reason, "fr"), reason);
});
