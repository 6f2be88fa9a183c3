// The first start: probe, archive, preflight. What is there, what is missing, the lines to add, and a live check.
import { archiveLines, checkArchive, checkProbe, isFirstStart, PROBES, probeLines, stepStates } from "./yaml.js";
import { banner, button, choice, errorBanner, field, linkButton, mark, select, skeleton, withCommands } from "../core/parts.js";
import { changed, onStatus } from "../core/state.js";
import { define, t } from "../core/words.js";
import { enter, leave, reload, system } from "../system/store.js";
import { h } from "../core/render.js";
import { severally, translated } from "../core/error-words.js";
import { preflightPanel } from "../system/preflight.js";
import { replace } from "../core/router.js";
import { words } from "./words.js";

define(words);

const probe = { name: "handheld", kind: "kit", address: PROBES.kit.address };
const archive = { name: "pacs", ae_title: "", host: "", port: "104", commitment: "required" };
let copied = "";

// A node that was never set up begins here, once; a person who goes elsewhere is not led back.
let led = false;
onStatus((status) => {
  if (!led && ["", "#", "#/"].includes(location.hash) && isFirstStart(status)) replace("/first-start");
  led = true;
});

const MARKS = { done: ["good", "check"], todo: ["info", "plus"], wait: ["info", "clock"], trouble: ["bad", "alert"] };

function step(number, name, state, ...content) {
  const [kind, icon] = MARKS[state];
  const id = `start-${name}`;
  return h("li", { key: name, class: "card start-step", "data-step": name, "data-state": state },
    h("header", {}, h("span", { class: `start-number ${state}`, "aria-hidden": "true" }, number),
      h("h2", { id }, h("span", { class: "unseen" }, `${t("start.step", { number })}: `), t(`start.${name}`)),
      mark({ kind, icon, word: t(`start.state.${state}`), class: "filled" })),
    ...content);
}

function view() {
  const { answer, error, preflight } = system;
  return h("div", { class: "start-page" },
    h("header", { class: "desk-head" }, h("h1", {}, t("start.title")), h("p", { class: "quiet-text" }, t("start.intro"))),
    answer ? content(answer, preflight)
      : error ? errorBanner(error, [button({ label: t("core.again"), icon: "refresh", onclick: reload })]) : skeleton(3, 160));
}

function content(answer, preflight) {
  const states = stepStates(answer, preflight);
  const ready = Object.values(states).every((state) => state === "done");
  return h("div", { class: "stack" },
    ready ? banner({ kind: "good", key: "ready", title: t("start.ready"), text: t("start.ready.text"),
      actions: [linkButton({ label: t("start.to_system"), icon: "system", to: ["/system"] })] }) : null,
    h("ol", { class: "stack" },
      step(1, "probe", states.probe, ...probeStep(answer)),
      step(2, "archive", states.archive, ...archiveStep(answer)),
      step(3, "check", states.check, answer.archives.length || answer.peers.length ? preflightPanel({ level: "h3" })
        : h("p", { class: "quiet-text" }, t("start.check.before")))));
}

function probeStep(answer) {
  if (answer.probes.length) {
    return answer.probes.map((each) => {
      if (each.connected && each.frames_received && !each.problem && !each.refusal) {
        return h("p", { key: each.name }, t("start.probe.done", { name: each.name, count: each.frames_received }));
      }
      const trouble = translated(each.refusal || each.problem);
      return trouble ? banner({ key: each.name, kind: "bad", role: "status", title: `${each.name}: ${trouble}` })
        : h("p", { key: each.name }, t("start.probe.wait", { name: each.name, source: each.source }));
    });
  }
  const wrong = checkProbe(probe);
  const set = (name) => (value) => { probe[name] = value.trim(); changed(); };
  return [
    h("p", {}, t("start.probe.todo")),
    h("div", { class: "start-fields" },
      select({ id: "start-kind", label: t("start.probe.kind"), value: probe.kind, choices: Object.keys(PROBES).map((kind) => [kind, t(`start.probe.${kind}`)]),
        onchange: (kind) => { Object.assign(probe, { kind, address: PROBES[kind].address }); changed(); } }),
      field({ id: "start-name", label: t("start.name"), value: probe.name, oninput: set("name"), error: wrong.name ? t(wrong.name) : "", maxlength: "32" }),
      field({ id: "start-address", label: t("start.address"), value: probe.address, oninput: set("address"), error: wrong.address ? t(wrong.address) : "", maxlength: "260" })),
    h("p", { class: "quiet-text" }, ...withCommands(t("start.probe.other"))),
    Object.keys(wrong).length ? null : lines("probe", probeLines(probe)),
  ];
}

function archiveStep(answer) {
  if (answer.archives.length) {
    return answer.archives.map((each) => {
      const values = { name: each.name, address: `${each.ae_title} · ${each.address}`, problem: severally(each.problem) };
      if (each.problem || each.contact === "not_reached") return banner({ key: each.name, kind: "bad", role: "status", title: t("start.archive.trouble", values), text: t("start.archive.tell", answer) });
      return h("p", { key: each.name }, t(each.contact === "reached" ? "start.archive.done" : "start.archive.wait", values));
    });
  }
  const wrong = checkArchive(archive);
  const set = (name) => (value) => { archive[name] = name === "ae_title" ? value : value.trim(); changed(); };
  const told = (name) => (wrong[name] && archive[name] ? t(wrong[name]) : "");
  return [
    h("p", {}, t("start.archive.todo")),
    h("p", {}, h("strong", {}, t("start.archive.tell", { call_back: answer.call_back }))),
    h("div", { class: "start-fields" },
      field({ id: "start-pacs", label: t("start.name"), value: archive.name, oninput: set("name"), error: told("name"), maxlength: "32" }),
      field({ id: "start-ae", label: t("start.ae_title"), value: archive.ae_title, oninput: set("ae_title"), error: told("ae_title"), needed: true, maxlength: "16" }),
      field({ id: "start-host", label: t("start.host"), value: archive.host, oninput: set("host"), error: told("host"), needed: true, maxlength: "253" }),
      field({ id: "start-port", label: t("start.port"), value: archive.port, oninput: set("port"), error: told("port"), inputmode: "numeric", maxlength: "5" })),
    choice({ name: "commitment", label: t("start.commitment"), value: archive.commitment,
      choices: ["required", "verify", "none"].map((each) => [each, t(`start.commitment.${each}`)]), onchange: (value) => { archive.commitment = value; changed(); } }),
    Object.keys(wrong).length ? null : lines("archive", archiveLines(archive)),
  ];
}

function lines(name, all) {
  const text = `${all.join("\n")}\n`;
  const command = (words, each) => h("li", { key: each }, `${words} `, h("code", {}, each));
  return h("div", { class: "start-lines" },
    h("div", { class: "desk-part-head" }, h("h3", {}, t("start.lines")),
      button({ label: t(copied === name ? "start.copied" : "start.copy"), icon: copied === name ? "check" : "copy", onclick: () => copy(name, text) })),
    h("pre", { tabindex: "0", "aria-label": t("start.lines"), role: "region" }, text),
    h("p", { class: "quiet-text" }, ...withCommands(t("start.lines.hint"))),
    h("h3", {}, t("start.then")),
    h("ol", { class: "start-commands" },
      command(t("start.then.check"), "echonode check-config FILE"),
      command(t("start.then.restart"), "sudo systemctl restart echonode"),
      command(t("start.then.container"), "docker compose restart echonode")),
    h("p", { class: "quiet-text" }, t("start.then.page")));
}

async function copy(name, text) {
  try {
    await navigator.clipboard.writeText(text);
    copied = name;
  } catch {
    copied = ""; // the browser does not allow it: the lines can be selected
    getSelection().selectAllChildren(document.querySelector(`[data-step="${name}"] pre`));
  }
  changed();
}

export const screen = { name: "start", route: "/first-start", within: "/system", title: "start.title", enter, leave, view };
