// A patient who was seen before fills the form that a person types.
import assert from "node:assert/strict";
import test from "node:test";
import { formOf } from "./exams/known-patients.js";
import { patientOf } from "./exams/patient-form.js";

const known = { id: "7", issuer: "HOSP", name: "Yamada^Tarou^^Dr=山田^太郎", birth_date: "19700131", sex: "M" };

test("a known patient is sent as known: issuer, other scripts, prefix", () => {
  assert.deepEqual(patientOf(formOf(known)), { id: "7", issuer: "HOSP", name: known.name, birth_date: "1970-01-31", sex: "M" });
});

test("a name that was changed is sent as it was typed", () => {
  const form = { ...formOf(known), given: "Jirou" };
  assert.equal(patientOf(form).name, "Yamada^Jirou");
});
