// The outbox: each archive with what waits, what is held and why, and the actions on it.
import { actionDialog, actionResult, forget } from "./actions.js";
import { banner, emptyState, errorBanner, button, linkButton, skeleton } from "../core/parts.js";
import { archivePanel } from "./panel.js";
import { define, t } from "../core/words.js";
import { enter, leave, outbox, reload } from "./store.js";
import { h } from "../core/render.js";
import { words } from "./words.js";

define(words);

function content() {
  if (!outbox.answer) {
    return outbox.error
      ? errorBanner(outbox.error, [button({ label: t("core.again"), icon: "refresh", onclick: reload })])
      : skeleton(2, 280);
  }
  const { archives, left } = outbox.answer;
  if (!archives.length) {
    return emptyState({ icon: "pacs", title: t("outbox.none.title"), text: t("outbox.none.text"),
      actions: [linkButton({ label: t("outbox.none.action"), icon: "settings", kind: "primary", to: ["/first-start"] })] });
  }
  return h("div", { class: "stack" },
    ...archives.map(archivePanel),
    ...left.map((each) => banner({ kind: "warn", key: `left-${each.name}`, title: t("outbox.left.title"), text: t("outbox.left.text", { name: each.name }) })));
}

export const screen = {
  name: "outbox",
  route: "/outbox",
  title: "outbox.title",
  nav: { icon: "outbox", order: 30 },
  enter,
  leave() {
    leave();
    forget();
  },
  view: () => h("div", { class: "outbox-page" },
    h("header", { class: "desk-head" }, h("h1", {}, t("outbox.title")), h("p", { class: "quiet-text" }, t("outbox.intro"))),
    actionResult(),
    content(),
    actionDialog()),
};
