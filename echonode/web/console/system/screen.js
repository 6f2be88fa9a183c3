// The system: what the node consists of and how it is, the preflight, alarms, versions, and reports.
import { acknowledge, enter, leave, reload, startPreflight, system } from "./store.js";
import { archives, disk, probes, ris } from "./cards.js";
import { may } from "../access/session.js";
import { alarmText, translated } from "../core/error-words.js";
import { banner, button, dialog, errorBanner, field, linkButton, mark, skeleton } from "../core/parts.js";
import { changed } from "../core/state.js";
import { define, languageNow, t } from "../core/words.js";
import { h } from "../core/render.js";
import { icon } from "../core/icons.js";
import { instant } from "../core/format.js";
import { matters, verdict } from "./model.js";
import { preflightPanel } from "./preflight.js";
import { screens } from "../screens.js";
import { words } from "./words.js";

define(words);

// The study whose conflict a person is about to acknowledge: {study, busy, error}.
let seen = null;
let study = "";

function view() {
  const answer = system.answer;
  return h("div", { class: "system-page" },
    h("header", { class: "desk-head" }, h("h1", {}, t("system.title")), answer && standing(answer)),
    answer ? content(answer) : system.error
      ? errorBanner(system.error, [button({ label: t("core.again"), icon: "refresh", onclick: reload })])
      : skeleton(3, 220),
    acknowledgeDialog());
}

function standing(answer) {
  const line = verdict(answer);
  return h("div", { class: "system-standing" },
    h("p", { id: "verdict", role: "status" }, mark({ kind: line.kind, icon: line.icon, word: t(line.key, line.values), class: "filled desk-verdict" })),
    h("p", { class: "quiet-text" }, t("system.running", { version: answer.version, ae_title: answer.ae_title, at: instant(answer.started_at, languageNow()) })));
}

function content(answer) {
  const open = matters(answer);
  return h("div", { class: "stack" },
    open.length || answer.captures_lost ? h("section", { key: "alarms", class: "stack tight", "aria-labelledby": "system-alarms" },
      h("h2", { id: "system-alarms" }, t("system.alarms")),
      answer.captures_lost ? banner({ kind: "bad", role: "status", title: t("system.captures_lost", { count: answer.captures_lost }) }) : null,
      ...open.map((each) => banner({ key: each.id, kind: "bad", role: "status", text: each.kind === "alarm" ? alarmText({ name: each.id, text: each.text }) : translated(each.text), actions: each.actions.map(action), "data-alarm": each.id }))) : null,
    h("div", { key: "cards", class: "system-grid" },
      h("div", { class: "stack" }, probes(answer), disk(answer), ris(answer)), archives(answer)),
    preflightPanel(),
    about(answer));
}

function action(each) {
  if (each.do === "outbox") return linkButton({ key: "outbox", label: t("system.to_outbox"), icon: "outbox", to: ["/outbox"] });
  if (each.do === "preflight") {
    return button({ needs: "operator", key: "preflight", label: t("system.preflight.run"), icon: "check", onclick: () => {
      startPreflight(each.peer);
      document.getElementById("preflight-title")?.scrollIntoView({ block: "start" });
    } });
  }
  return button({ needs: "operator", key: each.study, label: t("system.acknowledge"), icon: "check", "aria-label": `${t("system.acknowledge")}: ${each.study}`,
    onclick: () => { seen = { study: each.study, busy: false, error: null }; changed(); } });
}

function about(answer) {
  const wrong = study !== "" && !isUid(study);
  return h("section", { key: "about", class: "card system-card", "aria-labelledby": "system-about" },
    h("h2", { id: "system-about" }, t("system.about")),
    h("p", { class: "quiet-text" }, h("bdi", {}, t("system.about.call_back", { call_back: answer.call_back })), ` ${t("system.about.python", { version: answer.python })}.`),
    h("details", {}, h("summary", {}, t("system.about.config")),
      h("ul", { class: "desk-config" }, ...answer.configuration.map((line) => h("li", { key: line }, h("bdi", {}, line))))),
    h("div", { class: "row" },
      linkButton({ label: t("system.start"), icon: "settings", to: ["/first-start"] }),
      screens.some((each) => each.route === "/users") && may("administrator") && linkButton({ label: t("system.users"), icon: "user", to: ["/users"] }),
      may("administrator") && linkButton({ label: t("system.audit"), icon: "search", to: ["/audit"] }),
      may("administrator") && linkButton({ label: t("system.patients"), icon: "exams", to: ["/patients"] }),
      linkButton({ label: t("system.prints"), icon: "outbox", to: ["/prints"] }),
      may("operator") && h("a", { class: "button plain", href: "api/report", download: "" }, icon("download"), h("span", { class: "label" }, t("system.report")))),
    may("operator") && h("p", { class: "quiet-text" }, t("system.report.text")),
    may("operator") && h("div", { class: "desk-exam-report" },
      field({ id: "report-study", label: `${t("system.report.exam")}: ${t("system.report.uid")}`, value: study, maxlength: "64", inputmode: "decimal",
        error: wrong ? t("system.report.wrong") : "", oninput: (value) => { study = value.trim(); changed(); } }),
      h("a", { class: `button plain${isUid(study) ? "" : " inactive"}`, href: isUid(study) ? `api/report?study=${study}` : undefined,
        role: isUid(study) ? undefined : "link", "aria-disabled": isUid(study) ? undefined : "true", download: "" }, icon("download"), h("span", { class: "label" }, t("system.report.download")))));
}

const isUid = (text) => text.length <= 64 && /^[0-9]+(\.[0-9]+)+$/.test(text);

function acknowledgeDialog() {
  if (!seen) return null;
  const close = () => { seen = null; changed(); };
  return dialog({
    id: "acknowledge", title: t("system.acknowledge.title"), onclose: close,
    actions: [
      button({ label: t("core.cancel"), kind: "quiet", onclick: close }),
      button({ label: t("system.acknowledge"), kind: "primary", busy: seen.busy, onclick: confirmed, "data-first": true }),
    ],
  }, h("p", {}, t("system.acknowledge.text")), h("p", {}, h("code", {}, seen.study)), errorBanner(seen.error));
}

async function confirmed() {
  seen.busy = true;
  changed();
  try {
    await acknowledge(seen.study);
    seen = null;
  } catch (error) {
    Object.assign(seen, { busy: false, error });
  }
  changed();
}

export const screen = { name: "system", route: "/system", title: "system.title", nav: { icon: "system", order: 40 }, enter, leave, view };
