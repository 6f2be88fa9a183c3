// What was reported of an exam, with the proof of each object as a capture has it. No state of its own.

import { mark, proofOf, proofSteps } from "../core/parts.js";
import { h } from "../core/render.js";
import { icon } from "../core/icons.js";
import { languageNow, t } from "../core/words.js";
import { part } from "../core/api.js";
import { timeOfDay } from "../core/format.js";
import { translated } from "../core/error-words.js";

const RESULT = { waiting: ["info", "clock"], accepted: ["good", "check"], refused: ["bad", "alert"] };

// documents: of api/exams/ID/reports; commitmentOf(destination): what it is asked for.
export function documentList(documents, commitmentOf) {
  if (!documents?.length) return null;
  return h("section", { key: "documents", class: "documents", "aria-labelledby": "documents-title" },
    h("h2", { id: "documents-title" }, t("report.made")),
    h("ul", {}, ...documents.slice().reverse().map((each) => document_(each, commitmentOf))));
}

function document_(each, commitmentOf) {
  const time = timeOfDay(each.made_at, languageNow());
  const name = each.kind === "report" ? each.content.title : each.content.description || t("report.view");
  const pdf = each.objects.find((one) => one.part === "pdf" && one.stored);
  return h("li", { key: each.id, class: "document" },
    h("div", { class: "document-head" }, icon(each.kind === "report" ? "exams" : "eye", 24),
      h("div", {}, h("strong", {}, name), h("p", { class: "quiet-text" }, each.by ? t("report.by", { time, name: each.by }) : time)),
      pdf ? h("a", { class: "button plain", href: `api/exams/${part(each.exam)}/reports/${part(each.id)}/pdf`, target: "_blank", rel: "noopener" }, icon("external"), h("span", { class: "label" }, t("report.open_pdf"))) : null),
    each.problem ? h("p", { class: "wrong-words" }, icon("alert", 16), `${t("report.impossible")}: ${translated(each.problem)}`) : null,
    h("ul", { class: "document-parts" }, ...each.objects.map((one) => h("li", { key: one.part },
      h("span", {}, t(`report.part.${one.part}`)),
      one.rejected_by ? mark({ kind: "warn", icon: "alert", word: t("report.rejected") })
        : proofSteps(proofOf(one.stored ? one.deliveries.filter((row) => row.destination) : [], commitmentOf)))),
    each.result ? h("li", { key: "result" }, h("span", {}, t("report.part.result")),
      mark({ kind: RESULT[each.result.state][0], icon: RESULT[each.result.state][1], word: t(`report.result.${each.result.state}`), title: translated(each.result.last_error) || undefined })) : null));
}
