// The preflight: started here, its steps as they come, and what to do about each failure.
import { button, errorBanner, banner, mark, withCommands } from "../core/parts.js";
import { h } from "../core/render.js";
import { icon } from "../core/icons.js";
import { isOpen, peerState, stepState } from "./model.js";
import { ago, number } from "../core/format.js";
import { languageNow, t } from "../core/words.js";
import { now } from "../core/state.js";
import { startPreflight, system } from "./store.js";
import { translated } from "../core/error-words.js";

const PEER_MARKS = { done: ["good", "check"], failed: ["bad", "alert"], next: ["info", "clock"], planned: ["info", "clock"], nothing: ["info", "info"] };
const STEP_ICONS = { done: "check", failed: "alert", skipped: "minus", next: "clock", planned: "minus" };

export function preflightPanel({ level = "h2", intro = true } = {}) {
  const run = system.preflight;
  const running = Boolean(run?.running) || system.starting;
  return h("section", { key: "preflight", class: "card desk-preflight", "aria-labelledby": "preflight-title" },
    h("header", {},
      h(level, { id: "preflight-title" }, t("system.preflight")),
      button({ needs: "operator", label: t(running ? "system.preflight.running" : "system.preflight.run"), icon: running ? "clock" : "check", kind: "primary", busy: running, onclick: () => startPreflight() })),
    intro && h("p", { class: "quiet-text" }, t("system.preflight.text")),
    errorBanner(system.preflightError),
    outcome(run),
    run?.peers.length ? h("ul", { class: "desk-peers" }, ...run.peers.map((peer, index) => peerCard(run, peer, index))) : null);
}

function outcome(run) {
  if (!run || !run.number) return null;
  if (run.problem) return banner({ kind: "bad", title: translated(run.problem) });
  if (run.running) return h("p", { role: "status" }, t("system.preflight.running"));
  if (!run.peers.length) return banner({ kind: "warn", title: t("system.preflight.none") });
  const when = ago(run.ended_at, now(), languageNow());
  const failed = run.peers.filter((peer) => !peer.ok).length;
  if (failed) return banner({ kind: "bad", title: t("system.preflight.failed", { count: failed, ago: when }) });
  return banner({ kind: "good", role: "status", title: t("system.preflight.passed", { ago: when }) });
}

function peerCard(run, peer, index) {
  const open = run.peers.findIndex(isOpen);
  const standing = peerState(peer, run.running, index === open);
  const [kind, icon] = PEER_MARKS[standing];
  return h("li", { key: peer.peer, class: "desk-peer", "data-peer": peer.peer },
    h("div", { class: "desk-peer-head" },
      h("div", { class: "desk-peer-name" }, h("h3", {}, h("bdi", {}, peer.peer)),
        h("p", { class: "quiet-text" }, h("bdi", {}, peer.ae_title), " · ", h("bdi", {}, peer.address), " · ", peer.purpose)),
      mark({ kind, icon, word: t(`system.preflight.peer.${standing}`), class: "filled" }),
      standing === "failed" && !run.running ? button({ needs: "operator", label: t("system.preflight.again"), icon: "refresh", onclick: () => startPreflight(peer.peer) }) : null),
    peer.steps.length ? h("ol", { class: "desk-steps" }, ...peer.steps.map((step, at) => stepRow(run, peer, step, at, index === open))) : null);
}

function stepRow(run, peer, step, at, isTried) {
  const standing = stepState(peer.steps, at, run.running && isTried);
  return h("li", { key: `${at} ${step.name}`, class: `desk-step ${standing}` },
    h("span", { class: "desk-step-mark" }, icon(STEP_ICONS[standing], 16)),
    h("span", { class: "desk-step-name" }, h("strong", {}, t(`system.step.${step.name}`)), standing !== "skipped" && h("span", { class: "unseen" }, ` ${t(`system.step.${standing}`)}`)),
    h("span", { class: "desk-step-detail" }, h("bdi", {}, ...withCommands(standing === "next" ? t("system.preflight.running") : step.detail)),
      step.milliseconds ? h("span", { class: "quiet-text" }, ` ${t("system.milliseconds", { count: number(step.milliseconds, languageNow()) })}`) : null,
      step.remedy && h("span", { class: "desk-step-remedy" }, h("strong", {}, t("system.remedy")), " ", ...withCommands(translated(step.remedy)))));
}
