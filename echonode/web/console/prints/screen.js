// The print queue: each job with its printer, its films and its state; retry and cancel.
import { button, dialog, emptyState, errorBanner, linkButton, mark, skeleton, table, timeAgo, withCommands } from "../core/parts.js";
import { changed, onStatus } from "../core/state.js";
import { define, languageNow, t } from "../core/words.js";
import { get, part, post } from "../core/api.js";
import { h } from "../core/render.js";
import { instant } from "../core/format.js";
import { may } from "../access/session.js";
import { translated } from "../core/error-words.js";
import { words } from "./words.js";

define(words);

const MARKS = {
  waiting: ["info", "clock"], printing: ["info", "sent"], printed: ["good", "check"],
  held: ["bad", "held"], unknown: ["bad", "unknown"], cancelled: ["info", "close"],
};
const ACTIONS = { waiting: ["retry", "cancel"], held: ["retry", "cancel"], unknown: ["again", "came-out", "cancel"] };
const ICONS = { retry: "refresh", again: "refresh", "came-out": "check", cancel: "close" };

let queue = null, failure = null, asked = null, busy = 0, refused = null, stop = () => {};

async function load() {
  try {
    queue = await get("api/prints");
    failure = null;
  } catch (error) {
    failure = error;
  }
  changed();
}

async function act(job, action) {
  busy = job.id;
  refused = null;
  changed();
  try {
    await post(`api/prints/${part(job.id)}/${action === "again" ? "retry" : action}`, {});
  } catch (error) {
    refused = error;
  }
  busy = 0;
  asked = null;
  await load();
}

function view() {
  const back = linkButton({ label: t("core.back"), icon: "back", kind: "quiet", to: ["/system"] });
  return h("div", { class: "stack prints-page" }, h("div", { class: "row" }, back),
    h("header", { class: "desk-head" }, h("h1", {}, t("prints.title")), h("p", { class: "quiet-text" }, t("prints.intro")),
      queue?.printers.length ? h("p", {}, t("prints.printers", { names: queue.printers.map((each) => `${each.name} (${each.ae_title})`).join(", ") })) : null),
    errorBanner(refused),
    queue ? content() : failure ? errorBanner(failure, [button({ label: t("core.again"), icon: "refresh", onclick: load })]) : skeleton(4),
    cancelDialog());
}

function content() {
  if (!queue.jobs.length) {
    return queue.printers.length ? emptyState({ icon: "outbox", title: t("prints.none"), text: t("prints.none.text") })
      : emptyState({ icon: "outbox", title: t("prints.none_configured"), text: t("prints.none_configured.text") });
  }
  return table({ caption: t("prints.title"), rows: queue.jobs, keyOf: (job) => job.id, columns: [
    { key: "state", label: t("prints.column.state"), cell: state },
    { key: "what", label: t("prints.column.what"), cell: what },
    { key: "when", label: t("prints.column.when"), cell: (job) => h("div", { class: "prints-cell" }, timeAgo(job.made_at),
      job.by ? h("span", { class: "hint" }, h("bdi", {}, t("prints.by", { name: job.by }))) : null) },
    { key: "do", label: t("prints.column.do"), cell: actions },
  ] });
}

function state(job) {
  const [kind, icon] = MARKS[job.state] ?? ["info", "info"];
  const later = job.state === "waiting" && job.problem && new Date(job.next_attempt_at) > Date.now();
  return h("div", { class: "prints-cell" }, mark({ kind: job.state === "waiting" && job.problem ? "warn" : kind, icon, word: t(`prints.state.${job.state}`) }),
    job.film_in_doubt ? h("span", { class: "prints-why" }, t("prints.in_doubt", { film: job.film_in_doubt }))
      : job.problem ? h("span", { class: "prints-why" }, ...withCommands(translated(job.problem))) : null,
    later ? h("span", { class: "hint" }, t("prints.next", { at: instant(job.next_attempt_at, languageNow()) })) : null);
}

function what(job) {
  return h("div", { class: "prints-cell" },
    h("strong", {}, t("prints.job", { id: job.id }), " · ", h("bdi", {}, job.printer)),
    h("span", {}, t("prints.films", { done: job.films_done, count: job.films })),
    h("span", { class: "hint" }, t("prints.pictures", { count: job.pictures, layout: job.layout }), job.copies > 1 ? ` · ${t("prints.copies", { count: job.copies })}` : ""));
}

function actions(job) {
  const named = (action) => t("prints.of", { action: t(`prints.${action}`), id: job.id });
  const mine = may("operator") ? ACTIONS[job.state] ?? [] : [];
  return h("div", { class: "row" },
    ...mine.map((action) => button({ key: action, label: t(`prints.${action}`), icon: ICONS[action], "aria-label": named(action), busy: busy === job.id,
      onclick: () => { if (action !== "cancel") act(job, action); else { asked = job; changed(); } } })),
    linkButton({ key: "study", label: t("prints.study"), kind: "quiet", to: ["/archive", job.study_instance_uid], "aria-label": t("prints.of", { action: t("prints.study"), id: job.id }) }));
}

function cancelDialog() {
  if (!asked) return null;
  const close = () => { asked = null; changed(); };
  const now = queue?.jobs.find((job) => job.id === asked.id);
  if (!now || !(ACTIONS[now.state] ?? []).includes("cancel")) { // meanwhile: it began to print, or someone else ended it
    return dialog({ id: "cancel-print", title: t("prints.cancel.title", { id: asked.id }), onclose: close, actions: [button({ label: t("core.close"), kind: "primary", onclick: close, "data-first": true })] },
      h("p", { role: "status" }, t("prints.cancel.late", { state: t(`prints.state.${now?.state ?? "printed"}`) })));
  }
  return dialog({ id: "cancel-print", title: t("prints.cancel.title", { id: asked.id }), onclose: close, actions: [
    button({ label: t("prints.keep"), kind: "quiet", onclick: close, "data-first": true }),
    button({ label: t("prints.cancel"), icon: "close", kind: "danger", busy: busy === asked.id, onclick: () => act(asked, "cancel") }),
  ] }, h("p", {}, t("prints.cancel.text")));
}

function enter() {
  [queue, failure, asked, refused, busy] = [null, null, null, null, 0];
  load();
  stop = onStatus(load);
}

export const screen = { name: "prints", route: "/prints", within: "/system", title: "prints.title", enter, leave: () => stop(), view };
