// Every text is there in every language, with the same values.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

import { define, LANGUAGES, languageOf, setLanguage, t } from "./core/words.js";

const HERE = path.dirname(fileURLToPath(import.meta.url));

function files(folder) {
  return readdirSync(folder).flatMap((name) => {
    const found = path.join(folder, name);
    return statSync(found).isDirectory() ? files(found) : [found];
  });
}

const all = files(HERE).filter((name) => name.endsWith(".js") && !name.endsWith(".test.js"));
const tables = await Promise.all(all.filter((name) => /(?:^|[/-])words\.js$/.test(name) && !name.endsWith("core/words.js"))
  .map(async (name) => [name, (await import(name)).words]));

const forms = (text) => (typeof text === "object" ? Object.values(text) : [text]);
const values = (text) => [...new Set(forms(text).flatMap((form) => form.match(/\{\w+\}/g) ?? []))].sort();

test("there are tables of words", () => assert.ok(tables.length >= 2));

for (const [name, words] of tables) {
  test(`${path.relative(HERE, name)} has every language`, () => {
    for (const [key, texts] of Object.entries(words)) {
      assert.deepEqual(Object.keys(texts).sort(), Object.keys(LANGUAGES).sort(), key);
      for (const text of Object.values(texts)) {
        assert.deepEqual(values(text), values(texts.en), key);
        for (const form of forms(text)) assert.ok(form.trim(), key);
        if (typeof text === "object") assert.ok(text.other, key);
      }
    }
  });
}

test("a key stands in one table only", () => {
  const keys = tables.flatMap(([, words]) => Object.keys(words));
  assert.equal(new Set(keys).size, keys.length);
});

test("each key that a script names is there", () => {
  const known = new Set(tables.flatMap(([, words]) => Object.keys(words)));
  for (const name of all) {
    for (const [, key] of readFileSync(name, "utf8").replace(/^\s*\/\/.*$/gm, "").matchAll(/\bt\("([\w.]+)"/g)) assert.ok(known.has(key), `${name}: ${key}`);
  }
});

test("a number decides the form", () => {
  define({ "x.images": { en: { one: "{count} image", other: "{count} images" }, fr: { one: "{count} image", other: "{count} images" } } });
  setLanguage("fr");
  assert.equal(t("x.images", { count: 0 }), "0 image");
  setLanguage("en");
  assert.equal(t("x.images", { count: 0 }), "0 images");
  assert.equal(t("x.images", { count: 1 }), "1 image");
  assert.equal(t("x.unknown"), "x.unknown");
  assert.equal(languageOf(["de-AT", "fr-CA"]), "fr");
});
