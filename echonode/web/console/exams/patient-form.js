// A patient that a person types: the form, its checks, and the patient that the API takes.
//
// Rules
// - The node checks (model/patient.py); its error names the field and stands under it. Here only what is
//   missing is said, so that a person need not wait for the node to learn that.
// - form: {id, family, given, birth_date, sex, errors}; onchange(form) gets a new one. One that a known
//   patient filled has their issuer and whole name too (other scripts, prefix): sent while it is unchanged.
// - Who was seen before is offered by what is typed as ID or family name, and fills the form.

import { field, fieldWords, select, sexWord } from "../core/parts.js";
import { h } from "../core/render.js";
import { t } from "../core/words.js";
import { forget, knownPatients, look } from "./known-patients.js";

export function emptyForm() {
  forget();
  return blank();
}
const blank = () => ({ id: "", family: "", given: "", birth_date: "", sex: "", errors: {} });

// A form with its errors; hasErrors() of it says whether it may be sent.
export function checked(form) {
  const errors = {};
  if (!form.id.trim()) errors.id = t("exams.type.needed");
  if (!form.family.trim()) errors.family = t("exams.type.needed");
  return { ...form, errors };
}
export const hasErrors = (form) => Object.keys(form.errors).length > 0;

// What the API takes.
export function patientOf(form) {
  const typed = [form.family.trim(), form.given.trim()].join("^").replace(/\^$/, "");
  const isKnown = form.name && form.family === form.name.family && form.given === form.name.given;
  const patient = { id: form.id.trim(), name: isKnown ? form.name.whole : typed };
  if (form.issuer) patient.issuer = form.issuer;
  if (form.birth_date) patient.birth_date = form.birth_date;
  if (form.sex) patient.sex = form.sex;
  return patient;
}

// The form with an ApiError under the field that it names; null where it names none of these.
const FIELDS = { "patient.id": "id", "patient.name": "family", "patient.birth_date": "birth_date", "patient.sex": "sex" };
export function withError(form, error) {
  const name = FIELDS[error.field];
  if (!name) return null;
  return { ...form, errors: { [name]: fieldWords(error) } };
}

export function patientForm(form, onchange) {
  const part = (name, more = {}) => field({
    id: `patient-${name}`, label: t(`exams.type.${name}`), value: form[name], error: form.errors[name],
    oninput: (value) => {
      if (name === "id" || name === "family") look(value);
      const issuer = name === "id" ? "" : form.issuer;
      onchange({ ...form, issuer, [name]: value, errors: { ...form.errors, [name]: "" } });
    }, ...more,
  });
  return h("div", { class: "patient-form" },
    part("id", { needed: true, "data-first": true }),
    part("family", { needed: true, autocapitalize: "words" }),
    part("given", { autocapitalize: "words" }),
    part("birth_date", { type: "date", min: "1850-01-01" }),
    select({ id: "patient-sex", label: t("exams.type.sex"), value: form.sex,
      choices: [["", t("exams.type.sex.unknown")], ...["F", "M", "O"].map((each) => [each, sexWord(each)])],
      onchange: (sex) => onchange({ ...form, sex }) }),
    knownPatients(onchange));
}
