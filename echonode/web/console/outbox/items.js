// The images of an archive's list: each with its state, why, what to do, and its action.
import { ask } from "./actions.js";
import { button, errorBanner, iconButton, mark, skeleton, timeAgo, withCommands } from "../core/parts.js";
import { changed } from "../core/state.js";
import { h } from "../core/render.js";
import { instant } from "../core/format.js";
import { keyOf, outbox, select, showMore } from "./store.js";
import { languageNow, t } from "../core/words.js";
import { shortUid } from "./model.js";
import { translated } from "../core/error-words.js";

const MARKS = {
  queued: ["info", "clock"], sending: ["info", "sent"], sent: ["info", "sent"],
  commit_requested: ["info", "clock"], held: ["bad", "held"],
};
const MOST_SELECTED = 200; // what one request takes (web/outbox.py)

let copied = "";

export function itemList(archive, list) {
  if (list.error) return errorBanner(list.error);
  if (!list.items) return skeleton(3, 72);
  if (!list.items.length) return h("p", { class: "quiet-text outbox-list-none" }, t("outbox.list.none"));
  const keys = list.items.map((item) => keyOf(archive.name, item)).slice(0, MOST_SELECTED);
  const all = keys.every((key) => outbox.selected.has(key));
  return h("div", { class: "outbox-list" },
    h("label", { class: "outbox-check outbox-select-all" },
      h("input", { type: "checkbox", checked: all, onchange: (event) => select(keys, event.target.checked) }),
      h("span", {}, t("outbox.select_all"))),
    h("ul", { "aria-label": t("outbox.list.label", { name: archive.name }) }, ...list.items.map((item) => itemRow(archive, item))),
    list.next !== null && button({ label: t("outbox.list.more"), icon: "down", onclick: () => showMore(archive.name) }));
}

function itemRow(archive, item) {
  const key = keyOf(archive.name, item);
  const [kind, icon] = MARKS[item.state] ?? ["info", "info"];
  const reason = item.held_for;
  const calm = reason && !reason.needs_person;
  return h("li", { key: item.sop_instance_uid, class: "outbox-item", "data-uid": item.sop_instance_uid },
    h("label", { class: "outbox-check", title: t("outbox.column.select") },
      h("input", { type: "checkbox", checked: outbox.selected.has(key), onchange: (event) => select([key], event.target.checked),
        "aria-label": t("outbox.item.select", { at: instant(item.acquired_at, languageNow()) }) })),
    h("div", { class: "outbox-item-what" },
      h("strong", {}, kindWords(item)),
      h("span", { class: "quiet-text" }, timeAgo(item.acquired_at)),
      item.exam_id && h("span", { class: "quiet-text" }, t("outbox.exam", { id: item.exam_id })),
      h("span", { class: "outbox-uid" }, h("code", { title: item.sop_instance_uid }, shortUid(item.sop_instance_uid)), copyButton(item.sop_instance_uid))),
    h("div", { class: "outbox-item-why" },
      mark({ kind: calm ? "info" : kind, icon, word: t(`outbox.item.${item.state}`) }),
      item.attempts > 0 && h("span", { class: "quiet-text" }, ` ${t("outbox.column.tries")}: ${item.attempts}`),
      item.last_error && h("p", {}, h("bdi", {}, ...withCommands(translated(item.last_error)))),
      reason && h("p", { class: "quiet-text" }, ...withCommands(translated(reason.remedy)), "."),
      !reason && item.next_attempt_at && new Date(item.next_attempt_at) > Date.now()
        && h("p", { class: "quiet-text" }, t("outbox.item.next", { at: instant(item.next_attempt_at, languageNow()) }))),
    h("div", { class: "row outbox-item-actions" }, item.actions.filter((action) => action !== "hold").map((action) => button({
      needs: "operator", key: action, label: t(`outbox.action.${action}`),
      "aria-label": `${t(`outbox.action.${action}`)}: ${kindWords(item)}, ${instant(item.acquired_at, languageNow())}`,
      onclick: () => ask({ action, archive: archive.name, count: 1, remedy: reason?.remedy, body: { destination: archive.name, uids: [item.sop_instance_uid] } }),
    }))));
}

const kindWords = (item) => t(`outbox.kind.${item.kind}`, { count: item.frames });

function copyButton(uid) {
  const done = copied === uid;
  return iconButton({ label: t(done ? "outbox.uid.copied" : "outbox.uid.copy"), icon: done ? "check" : "copy", onclick: async () => {
    try {
      await navigator.clipboard.writeText(uid);
      copied = uid;
    } catch {
      copied = ""; // the browser does not allow it; the UID stands in the title
    }
    changed();
  } });
}
