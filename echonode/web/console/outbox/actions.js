// Hold, release and retry: asked first where many are concerned, done part by part, and told.
import { actOnAll, NOTHING_DONE, shortUid } from "./model.js";
import { announce, banner, button, dialog, errorBanner } from "../core/parts.js";
import { changed } from "../core/state.js";
import { h } from "../core/render.js";
import { outbox, reload, select } from "./store.js";
import { post } from "../core/api.js";
import { t } from "../core/words.js";
import { translated } from "../core/error-words.js";

// The action that is asked about or done: {action, archive, count, body, remedy, busy, outcome, error}.
let asked = null;
// What came of the last one: {title, outcome}.
let result = null;

// body: what api/outbox/ACTION gets. remedy: what a person does before.
export function ask({ action, archive, count, body, remedy = "" }) {
  asked = { action, archive, count, body, remedy, busy: false, outcome: NOTHING_DONE, error: null };
  result = null;
  changed();
}

// Without a question: an archive is called, or one image is tried again.
export async function callNow(archive) {
  asked = null;
  result = null;
  try {
    await actOnAll((body) => post("api/outbox/retry", body), { destination: archive, all: true }, () => {});
    result = { title: t("outbox.done.called", { name: archive }), outcome: NOTHING_DONE };
  } catch (error) {
    result = { error };
  }
  await told();
}

async function confirm() {
  Object.assign(asked, { busy: true, error: null });
  changed();
  const { action, body } = asked;
  try {
    const outcome = await actOnAll((part) => post(`api/outbox/${action}`, part, { timeoutMs: 60000 }), body, (sofar) => {
      asked.outcome = sofar;
      changed();
    });
    result = { title: t(`outbox.done.${action}`, { count: outcome.done }), outcome };
    asked = null;
    select([...outbox.selected], false);
    await told();
  } catch (error) {
    Object.assign(asked, { busy: false, error });
    changed();
  }
}

async function told() {
  if (result.title) announce(result.title);
  await reload();
  changed();
}

function close() {
  if (asked?.busy) return;
  asked = null;
  changed();
}

export function actionDialog() {
  if (!asked) return null;
  const { action, archive, count, remedy, busy, outcome, error } = asked;
  return dialog({
    id: "outbox-action", title: t(`outbox.confirm.${action}`, { count, name: archive }), onclose: close,
    actions: [
      button({ label: t("core.cancel"), kind: "quiet", onclick: close, disabled: busy }),
      button({ label: t(`outbox.action.${action}`), kind: "primary", busy, onclick: confirm, "data-first": true }),
    ],
  },
  remedy && h("p", {}, t("outbox.what.remedy", { remedy: translated(remedy) })),
  h("p", {}, t(`outbox.what.${action}`)),
  busy && h("p", { role: "status" }, t("outbox.working", { done: outcome.done + outcome.refused, count })),
  errorBanner(error));
}

export function actionResult() {
  if (!result) return null;
  const dismiss = button({ label: t("core.close"), kind: "quiet", onclick: () => { result = null; changed(); } });
  if (result.error) return h("div", { class: "outbox-result" }, errorBanner(result.error, [dismiss]));
  const { title, outcome } = result;
  return h("div", { class: "outbox-result" },
    banner({ kind: outcome.refused ? "warn" : "good", title, actions: [dismiss] }),
    outcome.refused ? h("div", { class: "card" },
      h("p", {}, t("outbox.refused", { count: outcome.refused })),
      h("ul", { class: "outbox-refusals" }, ...outcome.errors.map((each) =>
        h("li", { key: `${each.destination} ${each.sop_instance_uid}` }, h("code", { title: each.sop_instance_uid }, shortUid(each.sop_instance_uid)), ` ${translated(each.error)}`)))) : null);
}

// Leaves nothing behind for the next visit.
export function forget() {
  asked = null;
  result = null;
}
