// Names, dates and spans as a person reads them.
import assert from "node:assert/strict";
import test from "node:test";

import * as format from "./core/format.js";

test("a DICOM name is read as people write it", () => {
  assert.equal(format.personName("Doe^Jane^Ann"), "DOE, Jane Ann");
  assert.equal(format.personName("Yamada^Tarou=山田^太郎=やまだ^たろう"), "YAMADA, Tarou (山田 太郎)");
  assert.equal(format.personName("=山田^太郎"), "山田 太郎");
  assert.equal(format.personName("UNIDENTIFIED"), "UNIDENTIFIED");
  assert.equal(format.personName(undefined), "");
});

test("a date that is none is shown as it came", () => {
  assert.equal(format.day("19700102", "en"), "02 Jan 1970");
  assert.equal(format.day("19700102", "fr"), "02 janv. 1970");
  assert.equal(format.day("20260230", "en"), "20260230");
  assert.equal(format.day("", "en"), "");
});

test("a person's age is in whole years", () => {
  assert.equal(format.age("19700102", new Date(2026, 0, 1)), 55);
  assert.equal(format.age("19700102", new Date(2026, 0, 2)), 56);
  assert.equal(format.age("20300101", new Date(2026, 0, 1)), null);
  assert.equal(format.age("", new Date(2026, 0, 1)), null);
});

test("a moment is told by how long ago it was", () => {
  const now = new Date("2026-11-20T09:00:00Z");
  assert.equal(format.ago("2026-11-20T08:59:55Z", now, "en"), "just now");
  assert.equal(format.ago("2026-11-20T08:57:30Z", now, "en"), "2 min ago");
  assert.equal(format.ago("2026-11-20T06:00:00Z", now, "fr"), "il y a 3 h");
  assert.equal(format.ago("2026-11-20T09:00:09Z", now, "en"), "just now");
  assert.match(format.ago("2026-11-01T06:00:00Z", now, "en"), /^01 Nov 2026/);
});

test("spans and amounts carry their units", () => {
  assert.equal(format.duration(59, "en"), "59 s");
  assert.equal(format.duration(7800, "en"), "2 h 10 min");
  assert.equal(format.duration(3 * 86400, "fr"), "3 j");
  assert.equal(format.bytes(3_240_000, "en"), "3.2 MB");
  assert.equal(format.bytes(999, "en"), "999 B");
  assert.equal(format.clock("140500"), "14:05");
});
