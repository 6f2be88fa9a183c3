// The first start: probe, PACS, preflight, each with what is still to do. Shown until the first exam.

import { button, errorWords, mark, withCommands } from "../core/parts.js";
import { changed } from "../core/state.js";
import { h } from "../core/render.js";
import { post } from "../core/api.js";
import { t } from "../core/words.js";

const PREFLIGHT_TIMEOUT_MS = 180000; // it waits for the archive's commitment report

let preflight = { busy: false, result: null, error: null };

async function run() {
  preflight = { busy: true, result: null, error: null };
  changed();
  try {
    preflight = { busy: false, result: await post("api/preflight", {}, { timeoutMs: PREFLIGHT_TIMEOUT_MS }), error: null };
  } catch (error) {
    if (error.status === undefined) throw error;
    preflight = { busy: false, result: null, error };
  }
  changed();
}

export function firstSteps(status) {
  const probe = status.probes.find((each) => each.connected);
  const archive = status.destinations[0];
  const { result, error } = preflight;
  const checks = (result?.peers ?? []).flatMap((peer) => peer.steps);
  const failed = checks.filter((step) => step.ok === false);
  const proved = Boolean(result?.ok);
  let said = t("exams.first.preflight.todo");
  if (error) said = errorWords(error).title;
  else if (proved) said = t("exams.first.preflight.done");
  else if (failed.length) said = t("exams.first.preflight.failed", { failed: failed.length, all: checks.length, reason: [failed[0].detail, failed[0].remedy].filter(Boolean).join(". ") });
  return h("section", { key: "first", class: "card first", "aria-labelledby": "first-title" },
    h("h2", { id: "first-title" }, t("exams.first.title")),
    h("ol", { class: "first-steps" },
      step(1, t("exams.first.probe"), Boolean(probe), probe ? t("exams.first.probe.done", { name: probe.name }) : t("exams.first.probe.todo")),
      step(2, t("exams.first.archive"), Boolean(archive), archive ? t("exams.first.archive.done", { name: archive.name }) : t("exams.first.archive.todo")),
      step(3, t("exams.first.preflight"), proved, said, archive && button({ label: t("exams.first.preflight.run"), icon: "check", busy: preflight.busy, onclick: run }))));
}

function step(number, title, done, text, action) {
  return h("li", { key: number, class: done ? "done" : "" },
    h("span", { class: "first-number", "aria-hidden": "true" }, String(number)),
    h("div", {}, h("div", { class: "row" }, h("h3", {}, title),
      mark({ kind: done ? "good" : "info", icon: done ? "check" : "clock", word: done ? t("exams.first.done") : t("exams.first.todo") })),
    h("p", { class: "quiet-text" }, ...withCommands(text)), action || null));
}
