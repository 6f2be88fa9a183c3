// One archive: its state, its figures, what is held there and why, and its lists.
import { archiveState, commonActions, LISTS, listCount, mayCall, pauseLeft, sentIn } from "./model.js";
import { ask, callNow } from "./actions.js";
import { banner, button, linkButton, mark, withCommands } from "../core/parts.js";
import { duration, number } from "../core/format.js";
import { h } from "../core/render.js";
import { itemList } from "./items.js";
import { languageNow, t } from "../core/words.js";
import { outbox, select, selectedItems, showList } from "./store.js";
import { screens } from "../screens.js";
import { severally, translated } from "../core/error-words.js";

export function archivePanel(archive) {
  const standing = archiveState(archive);
  const title = `outbox-${archive.name}`;
  return h("section", { key: archive.name, class: "card outbox-panel", "aria-labelledby": title, "data-archive": archive.name },
    h("header", {},
      h("div", { class: "outbox-name" }, h("h2", { id: title }, h("bdi", {}, archive.name)),
        h("p", { class: "quiet-text" }, h("bdi", {}, archive.ae_title), " · ", h("bdi", {}, archive.address))),
      mark({ kind: standing.kind, icon: standing.icon, word: t(standing.key, standing.values), class: "filled" })),
    figures(archive),
    trouble(archive),
    facts(archive),
    heldGroups(archive),
    lists(archive));
}

function figures(archive) {
  const language = languageNow();
  const sent = archive.commitment === "verify" ? "outbox.figure.sent_verify" : "outbox.figure.sent";
  const all = [
    ["waiting", t("outbox.figure.waiting"), number(archive.waiting + archive.sending, language)],
    archive.commitment !== "none" && ["sent", t(sent), number(archive.sent_not_proved, language)],
    ["done", t(`outbox.figure.done_${archive.commitment}`), number(archive.done_today, language)],
    ["held", t("outbox.figure.held"), number(archive.held, language)],
    ["rate", t("outbox.figure.rate"), number(archive.sent_per_minute, language, archive.sent_per_minute && archive.sent_per_minute < 10 ? 1 : 0)],
  ].filter(Boolean);
  return h("dl", { class: "outbox-figures" }, ...all.map(([name, label, value]) =>
    h("div", { key: name, class: "outbox-figure", "data-figure": name }, h("dt", {}, label), h("dd", {}, value))));
}

function trouble(archive) {
  const call = mayCall(archive) && button({ needs: "operator", label: t("outbox.call"), icon: "refresh", onclick: () => callNow(archive.name) });
  const check = linkButton({ label: t("outbox.preflight"), icon: "check", to: ["/system"] });
  if (archive.contact === "not_reached") {
    const left = pauseLeft(archive, (performance.now() - outbox.answeredAt) / 1000);
    return banner({ kind: "warn", title: severally(archive.problem),
      text: `${t("outbox.away.text")} ${left ? t("outbox.next_call", { seconds: left }) : t("outbox.calling")}`, actions: [call, check].filter(Boolean) });
  }
  if (archive.problem) return banner({ kind: "bad", role: "status", title: severally(archive.problem), actions: [call, check].filter(Boolean) });
  if (archive.retry_in_s) {
    const left = pauseLeft(archive, (performance.now() - outbox.answeredAt) / 1000);
    return banner({ kind: "warn", title: t("outbox.state.paused"), text: t("outbox.next_call", { seconds: left }), actions: [call].filter(Boolean) });
  }
  return null;
}

function facts(archive) {
  const language = languageNow();
  const span = sentIn(archive);
  const told = [
    archive.oldest_unproved_s >= 600 && t("outbox.unproved", { span: duration(archive.oldest_unproved_s, language) }),
    span !== null && t("outbox.sent_in", { span: duration(span, language) }),
    archive.lossy_copies > 0 && t("outbox.lossy", { count: archive.lossy_copies }),
    archive.commitment === "none" && t("outbox.not_asked"),
  ].filter(Boolean);
  return told.length ? h("ul", { class: "outbox-facts quiet-text" }, ...told.map((each) => h("li", { key: each }, each))) : null;
}

function heldGroups(archive) {
  if (!archive.held_for.length) return null;
  return h("div", { class: "outbox-groups" },
    h("h3", {}, t("outbox.held.title")),
    h("ul", {}, ...archive.held_for.map((group) => heldGroup(archive, group))));
}

function heldGroup(archive, group) {
  const count = t("outbox.held.count", { count: group.count });
  return h("li", { key: group.key, class: group.needs_person ? "outbox-group" : "outbox-group calm", "data-reason": group.key },
    h("div", { class: "outbox-group-words" },
      h("p", {}, h("strong", {}, count), " · ", h("bdi", {}, ...withCommands(translated(group.meaning)))),
      group.status && h("p", { class: "quiet-text" }, t("outbox.held.status", { status: group.status }),
        group.status_name && [" (", group.status_name, ")"]),
      h("p", { class: "outbox-remedy" }, ...withCommands(translated(group.remedy)), ".")),
    group.key === "patient" && screens.some((each) => each.route === "/exams")
      ? linkButton({ label: t("outbox.to_exams"), icon: "exams", to: ["/exams"] }) : null,
    group.actions.map((action) => button({
      needs: "operator", key: action, label: t(`outbox.action.${action}`), icon: "play",
      "aria-label": `${t(`outbox.action.${action}`)}: ${count}, ${translated(group.meaning)}`,
      onclick: () => ask({ action, archive: archive.name, count: group.count, remedy: group.remedy,
        body: { destination: archive.name, all: true, reason: group.key } }),
    })));
}

function lists(archive) {
  const list = outbox.lists.get(archive.name);
  return h("div", { class: "outbox-lists" },
    h("div", { class: "row", role: "group", "aria-label": t("outbox.list.choose") }, ...LISTS.filter((name) => name !== "sent" || archive.commitment !== "none").map((name) =>
      button({ key: name, label: t(`outbox.list.${name}`, { count: listCount(archive, name) }), icon: list?.name === name ? "down" : "chevron", kind: "quiet",
        "aria-expanded": String(list?.name === name), onclick: () => showList(archive.name, name) })),
    archive.waiting ? button({ needs: "operator", key: "hold", label: t("outbox.action.hold_all"), icon: "held", kind: "quiet", class: "outbox-end",
      onclick: () => ask({ action: "hold", archive: archive.name, count: archive.waiting + archive.sending + archive.sent_not_proved, body: { destination: archive.name, all: true } }) }) : null),
    list ? itemList(archive, list) : null,
    bulkBar(archive));
}

function bulkBar(archive) {
  const chosen = selectedItems(archive.name);
  if (!chosen.length) return null;
  const actions = commonActions(chosen);
  const uids = chosen.map((item) => item.sop_instance_uid);
  return h("div", { class: "outbox-bulk", role: "group", "aria-label": t("outbox.selected", { count: chosen.length }) },
    h("span", { role: "status" }, t("outbox.selected", { count: chosen.length })),
    actions.length ? actions.map((action) => button({
      needs: "operator", key: action, label: t(`outbox.action.${action}`), kind: action === actions[0] ? "primary" : "plain",
      onclick: () => ask({ action, archive: archive.name, count: uids.length, body: { destination: archive.name, uids } }),
    })) : h("span", { class: "quiet-text" }, t("outbox.selected.none")),
    button({ key: "clear", label: t("outbox.clear"), kind: "quiet", onclick: () => select(chosen.map((item) => `${archive.name} ${item.sop_instance_uid}`), false) }));
}
