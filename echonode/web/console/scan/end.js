// The end of an exam: whether the tablet may be put away, and each capture's proof as it comes.

import { button, errorBanner, linkButton } from "../core/parts.js";
import { h } from "../core/render.js";
import { icon } from "../core/icons.js";
import { leads } from "../core/router.js";
import { state } from "../core/state.js";
import { t } from "../core/words.js";
import { identify } from "../exams/identify.js";
import { documentList } from "../report/documents.js";
import { report } from "../report/dialog.js";
import { captures, policyOf } from "./captures.js";
import { read, reopen, scan } from "./model.js";
import { images, summaryOf } from "./summary.js";

const ICONS = { good: "check", info: "clock", warn: "alert", bad: "held" };

// An exam with its patient and an image: its pages name the patient.
export const isReportable = (exam) => exam.identity !== "unidentified" && images(exam).length > 0;

export function endOfExam() {
  const { exam } = scan;
  const found = summaryOf(exam, state.status?.destinations ?? []);
  const isUnidentified = exam.identity === "unidentified" && exam.captures > 0;
  return h("div", { key: "end", class: "end-of-exam" },
    h("section", { class: `verdict-card ${found.kind}`, "aria-label": t("scan.end.title"), "aria-live": "polite" },
      h("span", { class: "verdict-icon" }, icon(ICONS[found.kind], 32)),
      h("div", {}, h("h2", {}, t(found.title, found.values)), h("p", {}, t(found.text, found.values)))),
    errorBanner(scan.said?.error),
    h("div", { class: "row" },
      isUnidentified ? button({ needs: "operator", label: t("scan.identify"), icon: "user", kind: "primary", onclick: () => identify(exam, read) }) : null,
      isReportable(exam) ? button({ needs: "operator", label: t("report.report"), icon: "exams", kind: scan.documents.length ? "plain" : "primary", onclick: () => report(exam, read) }) : null,
      found.action === "outbox" && leads("/outbox") ? linkButton({ label: t("scan.end.outbox"), icon: "outbox", kind: "primary", to: ["/outbox"] }) : null,
      linkButton({ label: t("scan.end.done"), icon: "exams", kind: isUnidentified || found.action === "outbox" || (isReportable(exam) && !scan.documents.length) ? "plain" : "primary", to: ["/exams"] }),
      exam.unattended ? null : button({ needs: "operator", label: t("scan.end.reopen"), icon: "undo", busy: scan.ending, onclick: reopen })),
    documentList(scan.documents, policyOf),
    captures(exam));
}
