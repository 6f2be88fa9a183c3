// The dialogs of Exams: is this the patient, type one, the probe is busy, scan a barcode.
//
// Rules
// - One is open at a time: `open` is null or {name, ...}. dialogs() draws it.
// - An error stands in the dialog whose button failed; what was typed stays.

import { banner, button, dialog, errorBanner, patientLine } from "../core/parts.js";
import { changed, state } from "../core/state.js";
import { clock, day, personName } from "../core/format.js";
import { go } from "../core/router.js";
import { h } from "../core/render.js";
import { languageNow, t } from "../core/words.js";
import { checked, emptyForm, hasErrors, patientForm, patientOf, withError } from "./patient-form.js";
import { addOrder, endExam, model, openAt, chosenProbe, startExam, takeBack } from "./model.js";
import { checkedOrder, emptyOrder, orderForm, orderOf, withOrderError } from "./order-form.js";
import { cameraDialog } from "./barcode.js";

let open = null;

export function show(next) {
  open = next;
  changed();
}

export const close = () => show(null);
export const confirmItem = (item) => show({ name: "confirm", item, error: null });
export const typePatient = () => show({ name: "type", form: emptyForm(), error: null });
export const enterOrder = () => show({ name: "order", form: emptyOrder(), error: null });
export const scanBarcode = (onread) => show({ name: "camera", onread });

// Opens an exam; where the probe has one, asks first what is to become of it.
export async function start(whose) {
  const probe = chosenProbe();
  const other = probe && openAt(probe.name);
  if (other) {
    show({ name: "busy", other, whose, error: null });
    return;
  }
  await startOrSay(whose);
}

async function startOrSay(whose) {
  try {
    await startExam(whose);
    open = null;
    delete model.failures.start;
  } catch (error) {
    if (error.status === undefined) throw error;
    if (open) open = { ...open, error };
    else model.failures.start = error;
  }
  changed();
}

export function dialogs() {
  if (!open) return null;
  return { confirm: confirmDialog, type: typeDialog, order: orderDialog, busy: busyDialog, camera: () => cameraDialog(open.onread, close) }[open.name]();
}

function confirmDialog() {
  const { item } = open;
  const fact = (label, value) => value && [h("dt", { key: `${label}-t` }, label), h("dd", { key: `${label}-d` }, value)];
  const off = async () => { if (await attempted(() => takeBack(item.id))) close(); };
  return dialog({ id: "confirm", title: t("exams.confirm.title"), onclose: close, actions: [
    item.source === "entered" ? button({ needs: "operator", label: t("exams.order.take_back"), icon: "close", kind: "quiet", busy: model.busy, onclick: off }) : null,
    button({ label: t("core.cancel"), kind: "quiet", onclick: close }),
    button({ needs: "operator", label: t("exams.confirm.start"), icon: "probe", kind: "primary", busy: model.busy, "data-first": true,
      onclick: () => start({ worklist_item: item.id }) })] },
    errorBanner(open.error),
    h("div", { class: "confirm-patient" }, patientLine({
      id: item.patient_id, name: item.patient_name, birth_date: item.birth_date, sex: item.sex,
    }, { accession: item.accession_number, level: "h3" })),
    h("dl", { class: "pairs" },
      fact(t("exams.confirm.procedure"), item.requested_procedure || item.scheduled_step),
      fact(t("exams.confirm.scheduled"), [day(item.start_date, languageNow()), clock(item.start_time)].filter(Boolean).join(", ")),
      fact(t("exams.confirm.referring"), personName(item.referring_physician))));
}

// Whether it was done; its error stands in the dialog.
async function attempted(work) {
  try {
    await work();
    return true;
  } catch (error) {
    if (error.status === undefined) throw error;
    show({ ...open, error });
    return false;
  }
}

function orderDialog() {
  const save = async () => {
    const form = checkedOrder(open.form);
    show({ ...open, form, error: null });
    if (hasErrors(form)) return;
    if (await attempted(() => addOrder(orderOf(form)))) {
      close();
      return;
    }
    const at = withOrderError(open.form, open.error);
    if (at) show({ ...open, form: at, error: null });
  };
  return dialog({ id: "order", title: t("exams.order.title"), onclose: close, actions: [
    button({ label: t("core.cancel"), kind: "quiet", onclick: close }),
    button({ needs: "operator", label: t("exams.order.save"), icon: "check", kind: "primary", busy: model.busy, onclick: save })] },
    errorBanner(open.error),
    h("form", { onsubmit: (event) => { event.preventDefault(); save(); } },
      orderForm(open.form, (form) => show({ ...open, form })),
      h("input", { type: "submit", class: "unseen", tabindex: "-1", "aria-hidden": "true", value: "" })));
}

function typeDialog() {
  const save = async () => {
    const form = checked(open.form);
    show({ ...open, form, error: null });
    if (hasErrors(form)) return;
    await start({ patient: patientOf(form) });
    const at = open?.name === "type" && open.error && withError(open.form, open.error);
    if (at) show({ ...open, form: at, error: null });
  };
  return dialog({ id: "type", title: t("exams.type.title"), onclose: close, actions: [
    button({ label: t("core.cancel"), kind: "quiet", onclick: close }),
    button({ needs: "operator", label: t("exams.confirm.start"), icon: "probe", kind: "primary", busy: model.busy, onclick: save })] },
    errorBanner(open.error),
    h("form", { onsubmit: (event) => { event.preventDefault(); save(); } },
      patientForm(open.form, (form) => show({ ...open, form })),
      h("input", { type: "submit", class: "unseen", tabindex: "-1", "aria-hidden": "true", value: "" })));
}

function busyDialog() {
  const { other, whose } = open;
  const name = other.patient ? personName(other.patient.name) : t("core.patient.unidentified");
  const end = async () => {
    try {
      await endExam(other.id);
    } catch (error) {
      if (error.status === undefined) throw error;
      show({ ...open, error });
      return;
    }
    await startOrSay(whose);
  };
  return dialog({ id: "busy", title: t("exams.busy.title"), onclose: close, actions: [
    button({ label: t("exams.busy.end"), busy: model.busy, onclick: end }),
    button({ label: t("exams.busy.continue"), kind: "primary", onclick: () => { close(); go("/scan", other.id); } })] },
    errorBanner(open.error),
    banner({ kind: "warn", title: t("exams.busy.text", { name, captures: t("exams.captures", { count: other.captures }) }) }),
    state.stale ? banner({ kind: "bad", title: t("core.node.away") }) : null);
}
