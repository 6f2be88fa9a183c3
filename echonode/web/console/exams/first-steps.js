// The first start, in short: what is there and what is still to do. Shown until the first exam; #/first-start
// has the lines to add and the preflight.

import { h } from "../core/render.js";
import { linkButton, mark, withCommands } from "../core/parts.js";
import { t } from "../core/words.js";

export function firstSteps(status) {
  const probe = status.probes.find((each) => each.connected);
  const archive = status.destinations[0];
  return h("section", { key: "first", class: "card first", "aria-labelledby": "first-title" },
    h("h2", { id: "first-title" }, t("exams.first.title")),
    h("ol", { class: "first-steps" },
      step(1, t("exams.first.probe"), Boolean(probe), probe ? t("exams.first.probe.done", { name: probe.name }) : t("exams.first.probe.todo")),
      step(2, t("exams.first.archive"), Boolean(archive), archive ? t("exams.first.archive.done", { name: archive.name }) : t("exams.first.archive.todo")),
      step(3, t("exams.first.preflight"), false, t("exams.first.preflight.todo"))),
    linkButton({ label: t("exams.first.open"), icon: "check", to: ["/first-start"] }));
}

function step(number, title, done, text) {
  return h("li", { key: number, class: done ? "done" : "" },
    h("span", { class: "first-number", "aria-hidden": "true" }, String(number)),
    h("div", {}, h("div", { class: "row" }, h("h3", {}, title),
      mark({ kind: done ? "good" : "info", icon: done ? "check" : "clock", word: done ? t("exams.first.done") : t("exams.first.todo") })),
    h("p", { class: "quiet-text" }, ...withCommands(text))));
}
