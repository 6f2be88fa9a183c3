// An order that a person enters into the worklist: its patient, and what is to be examined when.
//
// Rules
// - The node checks (exam/entering.py), and its error stands under the field that it names.
// - What is left empty is as the node plans it: now, at this clinic's stations.

import { field, fieldWords } from "../core/parts.js";
import { h } from "../core/render.js";
import { t } from "../core/words.js";
import { checked, emptyForm, patientForm, patientOf, withError } from "./patient-form.js";

const OPTIONAL = ["accession_number", "start_date", "start_time"];
const TYPES = { start_date: "date", start_time: "time" };

export const emptyOrder = () => ({ ...emptyForm(), requested_procedure: "", accession_number: "", start_date: "", start_time: "" });

export function checkedOrder(form) {
  const made = checked(form);
  if (!form.requested_procedure.trim()) made.errors.requested_procedure = t("exams.order.needed");
  return made;
}

// What the API takes.
export function orderOf(form) {
  const order = { patient: patientOf(form), requested_procedure: form.requested_procedure.trim() };
  for (const name of OPTIONAL) if (form[name].trim()) order[name] = form[name].trim();
  return order;
}

// The form with an ApiError under the field that it names; null where it names none of these.
export function withOrderError(form, error) {
  if (!["requested_procedure", ...OPTIONAL].includes(error.field)) return withError(form, error);
  return { ...form, errors: { [error.field]: fieldWords(error) } };
}

export function orderForm(form, onchange) {
  const part = (name, more = {}) => field({
    id: `order-${name}`, label: t(`exams.order.${name}`), value: form[name], error: form.errors[name], type: TYPES[name] ?? "text",
    oninput: (value) => onchange({ ...form, [name]: value, errors: { ...form.errors, [name]: "" } }), ...more,
  });
  return [
    // A patient seen before fills the patient's fields alone.
    patientForm(form, (patient) => onchange({ ...form, ...patient })),
    h("div", { class: "patient-form" },
      part("requested_procedure", { needed: true, autocapitalize: "sentences" }),
      ...OPTIONAL.map((name) => part(name))),
  ];
}
