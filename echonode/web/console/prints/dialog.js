// Print a study: printer, layout and copies; then where to see how it stands.
import { banner, button, choice, dialog, emptyState, errorBanner, field, linkButton, select } from "../core/parts.js";
import { changed } from "../core/state.js";
import { define, t } from "../core/words.js";
import { get, part, post } from "../core/api.js";
import { h } from "../core/render.js";
import { words } from "./words.js";

define(words);

// Those of a film that are used; the API takes each up to 3x4.
const LAYOUTS = ["1x1", "1x2", "2x2", "2x3", "3x4"];
const MOST_COPIES = 10;
// {study, printers, printer, layout, copies, busy, error, job}; null while it is closed.
let asked = null;

export async function askPrint(study) {
  const mine = asked = { study, printers: null, printer: "", layout: "2x2", copies: "1", busy: false, error: null, job: null };
  changed();
  try {
    const { printers } = await get("api/prints");
    Object.assign(mine, { printers, printer: printers[0]?.name ?? "" });
  } catch (error) {
    Object.assign(mine, { printers: [], error });
  }
  changed();
}

function close() {
  if (asked?.busy) return;
  asked = null;
  changed();
}

async function order() {
  const mine = asked;
  Object.assign(mine, { busy: true, error: null });
  changed();
  try {
    mine.job = await post(`api/studies/${part(mine.study)}/print`, { printer: mine.printer, layout: mine.layout, copies: Number(mine.copies) }, { timeoutMs: 60000 });
  } catch (error) {
    mine.error = error;
  }
  mine.busy = false;
  changed();
}

const set = (changes) => { Object.assign(asked, changes); changed(); };
const copiesFit = () => /^\d+$/.test(asked.copies) && Number(asked.copies) >= 1 && Number(asked.copies) <= MOST_COPIES;

export function printDialog() {
  if (!asked) return null;
  const { printers, job, busy, error } = asked;
  const ready = Boolean(printers?.length) && !job;
  return dialog({ id: "print", title: t("prints.dialog.title"), onclose: close, actions: [
    button({ label: t(job ? "core.close" : "core.cancel"), kind: "quiet", onclick: close, disabled: busy }),
    job ? linkButton({ label: t("prints.queue"), icon: "outbox", kind: "primary", to: ["/prints"] }) : null,
    ready ? button({ label: t("prints.print"), kind: "primary", busy, disabled: !copiesFit(), onclick: order, "data-first": true }) : null,
  ].filter(Boolean) },
  job ? banner({ kind: "good", role: "status", title: t("prints.ordered", { id: job.id, printer: job.printer }), text: t("prints.ordered.text", { count: job.films }) })
    : printers === null ? h("p", { role: "status" }, t("core.loading"))
      : printers.length ? form() : error ? null : emptyState({ icon: "outbox", title: t("prints.none_configured"), text: t("prints.none_configured.text") }),
  errorBanner(error));
}

function form() {
  return h("div", { class: "stack" },
    h("p", {}, t("prints.dialog.text")),
    select({ id: "print-printer", label: t("prints.printer"), value: asked.printer, choices: asked.printers.map((each) => [each.name, `${each.name} (${each.ae_title})`]), onchange: (printer) => set({ printer }) }),
    choice({ name: "print-layout", label: t("prints.layout"), value: asked.layout, choices: LAYOUTS.map((each) => [each, each]), onchange: (layout) => set({ layout }) }),
    field({ id: "print-copies", label: t("prints.copies.label"), type: "number", min: "1", max: String(MOST_COPIES), value: asked.copies, oninput: (copies) => set({ copies }) }));
}

// Leaves nothing behind for the next screen.
export const forgetPrint = () => { asked = null; };
