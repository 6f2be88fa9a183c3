// What a stranger named a patient or a probe can neither hide nor turn what stands around it.
import assert from "node:assert/strict";
import test from "node:test";

import { isolated, LONGEST, plain, shown } from "./core/plain-text.js";
import { define, setLanguage, t } from "./core/words.js";

test("what turns or hides text is shown as a mark", () => {
  assert.equal(plain("Doe\u202eenaJ"), "Doe\ufffdenaJ");
  for (const mark of ["\u0000", "\u0007", "\u001b", "\u007f", "\u0085", "\u200b", "\u202d", "\u2066", "\u2069", "\ufeff"]) {
    assert.equal(plain(`a${mark}b`), "a\ufffdb", escape(mark));
  }
});

test("letters of every script, joiners, tabs and lines stay", () => {
  for (const text of ["Müller", "山田太郎", "שלום", "محمد", "क्\u200dष", "a\tb\nc", "😀"]) assert.equal(plain(text), text);
});

test("a text without end is cut", () => {
  assert.equal(plain("x".repeat(65536)).length, LONGEST + 1);
  assert.equal(shown("x".repeat(65536)).length, LONGEST + 1);
});

test("a value from right to left is isolated in its sentence, and cannot end that", () => {
  define({ "x.away": { en: "{name} is away: {count} images", fr: "{name}" } });
  setLanguage("en");
  assert.equal(t("x.away", { name: "pacs", count: 2 }), "pacs is away: 2 images");
  assert.equal(t("x.away", { name: "שלום", count: 2 }), "\u2068שלום\u2069 is away: 2 images");
  assert.equal(isolated("שלום\u2069\u202e"), "\u2068שלום\ufffd\ufffd\u2069");
});

test("the page keeps the isolates and nothing else that turns", () => {
  assert.equal(shown("\u2068שלום\u2069\u202e"), "\u2068שלום\u2069\ufffd");
});
