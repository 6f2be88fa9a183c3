// The cards of the system's page: probes, archives, RIS and disk, each with its facts.
import { archiveState, drops, framesPerSecond, notRecording, probeState } from "./model.js";
import { banner, healthWords, linkButton, mark, withCommands } from "../core/parts.js";
import { duration, number } from "../core/format.js";
import { h } from "../core/render.js";
import { languageNow, t } from "../core/words.js";
import { severally, translated } from "../core/error-words.js";
import { system } from "./store.js";

const CLASSES = { "1.2.840.10008.5.1.4.1.1.6.1": "US Image", "1.2.840.10008.5.1.4.1.1.3.1": "US Multi-frame Image" };
const LOW_MINUTES = 30;

const filled = (standing, word = t(standing.key, standing.values)) => mark({ kind: standing.kind, icon: standing.icon, word, class: "filled" });
const span = (seconds) => duration(seconds, languageNow());
const count = (value) => number(value, languageNow());

function card(key, title, children) {
  return h("section", { key, class: "card system-card", "aria-labelledby": `system-${key}` }, h("h2", { id: `system-${key}` }, title), ...children);
}

function facts(...pairs) {
  return h("dl", { class: "desk-facts" }, ...pairs.filter((pair) => pair && pair[1] !== "" && pair[1] !== null).flatMap(([label, value]) => [
    h("dt", { key: `t${label}` }, label), h("dd", { key: `d${label}` }, h("bdi", {}, value))]));
}

function part(key, name, standing, ...children) {
  return h("article", { key, class: "system-part", "data-name": key },
    h("div", { class: "desk-part-head" }, h("h3", {}, h("bdi", {}, name)), filled(standing, healthWord(standing))), ...children);
}

const healthWord = (standing) => (standing.key.startsWith("core.") ? healthWords(standing) : t(standing.key, standing.values));

export function probes(answer) {
  return card("probes", t("system.probes"), answer.probes.length ? answer.probes.map(probe)
    : [h("p", { class: "quiet-text" }, t("system.probes.none")), linkButton({ label: t("system.start"), icon: "settings", to: ["/first-start"] })]);
}

function probe(each) {
  const rate = each.connected ? framesPerSecond(system.before, each, system.last?.get(each.name)?.at) : null;
  const losses = [...drops(each).map(([reason, number]) => dropWords(reason, number)),
    ...(each.frames_partial ? [t("system.probe.partial", { count: count(each.frames_partial) })] : [])];
  return part(each.name, each.name, probeState(each),
    notRecording(each) ? banner({ kind: "bad", role: "status", title: t("system.probe.refused.text", { why: translated(each.refusal) }) }) : null,
    !each.connected && h("p", { class: "quiet-text" }, t("system.probe.ask")),
    each.problem && h("p", {}, ...withCommands(translated(each.problem))),
    facts(
      [t("system.probe.source"), each.source],
      rate !== null && [t("system.probe.rate"), t("system.probe.fps", { fps: number(rate, languageNow(), rate < 10 && rate > 0 ? 1 : 0) })],
      [t("system.probe.frames"), t("system.probe.frames.value", { count: each.frames_received, frames: count(each.frames_received) })],
      [t("system.probe.losses"), losses.length ? losses.join("; ") : t("system.probe.losses.none")],
      each.battery_percent !== null && [t("system.probe.battery"), `${each.battery_percent}%`],
      each.temperature_c !== null && [t("system.probe.temperature"), `${number(each.temperature_c, languageNow(), 1)} °C`],
      each.state && [t("system.probe.state"), each.state.replaceAll("_", " ")]));
}

function dropWords(reason, number) {
  const key = `system.drop.${reason}`;
  const words = t(key, { count: count(number) });
  return words === key ? t("system.drop.other", { count: count(number) }) : words;
}

export function archives(answer) {
  return card("archives", t("system.archives"), answer.archives.length ? answer.archives.map(archive)
    : [h("p", { class: "quiet-text" }, t("system.archives.none")), linkButton({ label: t("system.start"), icon: "settings", to: ["/first-start"] })]);
}

function archive(each) {
  const classes = Object.entries(each.accepts).filter(([, syntaxes]) => syntaxes.length).map(([uid]) => CLASSES[uid] ?? uid);
  return part(each.name, each.name, archiveState(each),
    each.problem && h("p", {}, h("bdi", {}, ...withCommands(severally(each.problem)))),
    facts(
      [t("system.archive.address"), `${each.ae_title} · ${each.address}`],
      [t("system.archive.heard"), each.heard_s === null ? t("system.archive.never") : t("system.archive.ago", { span: span(each.heard_s) })],
      [t("system.archive.commitment"), t(`system.archive.commitment.${each.commitment}`)],
      each.commitment === "required" && each.last_report_s !== null && [t("system.archive.report"), t("system.archive.ago", { span: span(each.last_report_s) })],
      [t("system.archive.associations"), count(each.associations)],
      [t("system.archive.accepts"), classes.length ? t("system.archive.accepts.count", { count: classes.length, names: classes.join(", ") }) : t("system.archive.accepts.unknown")],
      each.lossy_copies > 0 && [t("system.archive.lossy"), count(each.lossy_copies)],
      each.retries > 0 && [t("system.archive.retries"), count(each.retries)]));
}

export function ris({ ris: known }) {
  const { worklist, steps, hl7 } = known;
  const parts = [
    worklist && risPart("worklist", t("system.ris.worklist"), worklist.problem,
      worklist.age_s === null ? t("system.ris.worklist.never", { peer: worklist.peer })
        : t("system.ris.worklist.value", { count: worklist.items, peer: worklist.peer, span: span(worklist.age_s) }),
      worklist.missing ? t("system.ris.missing", { count: worklist.missing }) : ""),
    steps && risPart("steps", t("system.ris.steps"), steps.problem, t("system.ris.steps.value", steps),
      steps.given_up ? t("system.ris.steps.refused") : "", steps.given_up > 0),
    hl7 && risPart("hl7", t("system.ris.hl7"), "", t("system.ris.hl7.value", hl7), ""),
  ].filter(Boolean);
  return card("ris", t("system.ris"), parts.length ? parts : [h("p", { class: "quiet-text" }, t("system.ris.none"))]);
}

function risPart(key, title, problem, text, more, bad = Boolean(problem)) {
  const standing = problem || bad ? { kind: "bad", icon: "alert", key: "system.problem" } : { kind: "good", icon: "check", key: "system.ok" };
  return part(key, title, standing, h("p", { class: "quiet-text" }, text), more && h("p", { class: "quiet-text" }, more),
    problem && h("p", {}, h("bdi", {}, ...withCommands(severally(problem)))));
}

export function disk({ disk: known }) {
  const low = known.minutes_of_cine < LOW_MINUTES;
  let standing = { kind: "good", icon: "check", key: "system.disk.enough" };
  if (low) standing = { kind: "warn", icon: "disk", key: "system.disk.low" };
  if (known.refusing) standing = { kind: "bad", icon: "alert", key: "system.disk.refusing" };
  return h("section", { key: "disk", class: "card system-card", "aria-labelledby": "system-disk" },
    h("div", { class: "desk-part-head" }, h("h2", { id: "system-disk" }, t("system.disk")), filled(standing)),
    h("div", { class: "desk-meter", "aria-hidden": "true" }, h("span", { class: standing.kind, style: { "inline-size": `${Math.min(100, Math.max(1, 100 - known.free_percent))}%` } })),
    facts(
      [t("system.disk.free"), `${number(known.free_percent, languageNow(), known.free_percent < 10 ? 1 : 0)}%`],
      [t("system.disk.cine"), span(known.minutes_of_cine * 60)]),
    known.refusing && h("p", {}, ...withCommands(translated(known.refusing))),
    low && h("p", { class: "quiet-text" }, t("system.disk.low.text")));
}
