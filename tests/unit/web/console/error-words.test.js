// What the node says in English is shown in the console's language, and never worse than as it was said.
import assert from "node:assert/strict";
import test from "node:test";

import { problemBelow, problemOf, translated, words } from "./core/error-words.js";
import { setLanguage } from "./core/words.js";

const FIELD = { error: "patient.birth_date is in the future: correct the year", field: "patient.birth_date", remedy: "correct the year" };

test("a sentence, with what it names", () => {
  setLanguage("fr");
  assert.equal(translated("there is no exam A1"), "il n’y a pas d’examen A1");
  assert.equal(translated("the probe is not connected"), "la sonde n’est pas connectée");
});

test("a captured text that is one of the sentences is translated too", () => {
  assert.equal(translated("1.2.3 is not released: its exam has no patient yet: identify the exam", "fr"),
    "1.2.3 n’est pas libérée : son examen n’a pas encore de patient : identifiez l’examen");
  assert.equal(translated("this is for the role operator, and vera is viewer", "fr"), "c’est réservé au rôle opérateur, et vera est lecteur");
});

test("the most exact pattern decides", () => {
  assert.equal(translated("give 1 to 7", "fr"), "indiquez 1 à 7");
  assert.equal(translated("give still, clip", "fr"), "indiquez still, clip");
});

test("a field is the subject, but not below itself", () => {
  assert.equal(problemOf(FIELD, "fr"), "la date de naissance est dans le futur");
  assert.equal(problemBelow(FIELD, "fr"), "est dans le futur");
  assert.equal(problemOf({ error: "x is missing", field: "x", remedy: "" }, "fr"), "« x » manque");
});

test("English and what is not known stay as they are", () => {
  assert.equal(problemOf(FIELD, "en"), "patient.birth_date is in the future");
  assert.equal(translated("there is no exam A1", "en"), "there is no exam A1");
  for (const odd of ["", "something new", "give", "{}", "there is no exam "]) assert.equal(translated(odd, "fr"), odd);
});

test("what a stranger wrote is no pattern, and cannot make one", () => {
  assert.equal(translated("there is no exam {exam}$&$1(.*)", "fr"), "il n’y a pas d’examen {exam}$&$1(.*)");
  const nested = "1 is not released: ".repeat(200) + "x";
  assert.ok(translated(nested, "fr").endsWith("x"));
});

test("no sentence stands twice", () => {
  const english = Object.entries(words).filter(([key]) => !key.startsWith("error.field.")).map(([, texts]) => texts.en);
  assert.equal(new Set(english).size, english.length);
});
