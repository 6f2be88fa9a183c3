// Every text that a person reads, in each language of the console.
//
// Rules
// - A screen's words.js exports `words`: {"scan.freeze": {en: "Freeze", fr: "Figer"}}; the key begins with
//   the screen's name. A test holds that each key has every language and the same {values}.
// - The screen calls define(words) once, as it is imported; then t("scan.freeze").
// - {name} in a text is replaced by values.name, made harmless (plain-text.js). Where a number decides the form, the text is
//   {one: "{count} image", other: "{count} images"} and values.count chooses.
// - Say what happened, what it means, what to do. The field's own words: Stored, Sent, Committed, Held.

import { isolated } from "./plain-text.js";

export const LANGUAGES = { en: "English", fr: "Français" };

const known = new Map();
let language = "en";

export function define(words) {
  for (const [key, texts] of Object.entries(words)) known.set(key, texts);
}

export function setLanguage(name) {
  language = name in LANGUAGES ? name : "en";
}

export const languageNow = () => language;

// The browser's own language where the console has it.
export function languageOf(preferred) {
  for (const each of preferred ?? []) {
    const name = String(each).slice(0, 2).toLowerCase();
    if (name in LANGUAGES) return name;
  }
  return "en";
}

export function t(key, values = {}) {
  const texts = known.get(key);
  if (!texts) return key;
  let text = texts[language] ?? texts.en;
  if (typeof text === "object") {
    const form = new Intl.PluralRules(language).select(Number(values.count ?? 0));
    text = text[form] ?? text.other;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? isolated(values[name]) : whole));
}
