// Share: a link by which a second person watches this probe live, and points. It ends by itself.
//
// Rules
// - The node keeps only a link's hash: the whole link is known to the page that made it, until it is left.
// - Who has it sees the picture and nothing of the patient.
// - While the dialog is open the list is read every two seconds: who watches, and what is over.

import { banner, button, choice, dialog, errorBanner } from "../core/parts.js";
import { changed, now } from "../core/state.js";
import { del, get, part, post } from "../core/api.js";
import { duration, timeOfDay } from "../core/format.js";
import { h } from "../core/render.js";
import { languageNow, t } from "../core/words.js";
import { isOwnMachine, qrPath, secondsLeft } from "./share-link.js";
import { isOpen, scan } from "./model.js";

const MINUTES = [10, 30, 60];
const READ_EVERY_MS = 2000;
const QUIET_ZONE = 4; // modules around a QR code (ISO/IEC 18004)

const made = new Map(); // id -> {url, qr} of the links that this page made
let shared = null; // {probe, minutes, links, shows, busy, error, copied} while the dialog is open
let timer = 0;

const set = (changes) => { if (shared) { shared = { ...shared, ...changes }; changed(); } };
const path = () => `api/probes/${part(shared.probe)}/watch`;
const consoleAddress = () => new URL(".", document.baseURI).href;

export function closeShare() {
  clearInterval(timer);
  shared = null;
  changed();
}

export function share() {
  shared = { probe: scan.exam.probe, minutes: 30, links: [], shows: null, busy: false, error: null, copied: false };
  clearInterval(timer);
  timer = setInterval(read, READ_EVERY_MS);
  attempt(async () => {});
}

async function read() {
  if (!isOpen()) closeShare(); // the exam was ended elsewhere
  if (!shared) return;
  const links = await get(path()).catch(() => null); // the page says by itself that the node is away
  if (links && shared && !shared.busy) setLinks(links);
}

function setLinks(links) {
  const shows = links.some((each) => each.id === shared.shows) ? shared.shows : null;
  set({ links, shows });
}

async function attempt(work) {
  set({ busy: true, error: null });
  try {
    await work();
    if (shared) setLinks(await get(path()));
  } catch (error) {
    if (error.status === undefined) throw error;
    set({ error });
  } finally {
    set({ busy: false });
  }
}

const make = () => attempt(async () => {
  const link = await post(path(), { minutes: shared.minutes, address: consoleAddress() });
  made.set(link.id, { url: link.url, qr: link.qr });
  set({ shows: link.id, copied: false });
});

const end = (id) => attempt(() => del(`${path()}/${part(id)}`));
const endAll = () => attempt(() => del(path()));

async function copy() {
  try {
    await navigator.clipboard.writeText(made.get(shared.shows).url);
    set({ copied: true });
  } catch { // not permitted: the address is marked, to be copied by hand
    document.getElementById("share-url")?.select();
  }
}

export function shareDialog() {
  if (!shared) return null;
  const { links, shows, busy } = shared;
  const shown = links.find((each) => each.id === shows && made.has(each.id));
  return dialog({ id: "share", title: t("scan.share.title"), onclose: closeShare, actions: [
    links.length > 1 ? button({ key: "all", label: t("scan.share.end_all"), icon: "close", kind: "danger", busy, onclick: endAll }) : null,
    shown ? button({ key: "another", label: t("scan.share.another"), icon: "plus", onclick: () => set({ shows: null }) })
      : button({ key: "make", label: t("scan.share.make"), icon: "eye", kind: "primary", busy, onclick: make })] },
    h("p", { class: "quiet-text" }, t("scan.share.text")),
    errorBanner(shared.error),
    isOwnMachine(location.hostname) ? banner({ kind: "warn", title: t("scan.share.here"), text: t("scan.share.here.text") }) : null,
    shown ? linkWithCode(made.get(shown.id), shown) : choice({ name: "minutes", label: t("scan.share.minutes"), value: shared.minutes,
      choices: MINUTES.map((each) => [each, t("scan.share.of_minutes", { minutes: each })]), onchange: (minutes) => set({ minutes }) }),
    links.length ? h("ul", { class: "share-links", "aria-label": t("scan.share.links") }, ...links.map(linkRow)) : null);
}

function linkWithCode({ url, qr }, { expires_at: expiresAt }) {
  return h("div", { class: "share-link", ref: (element) => element.querySelector("button")?.focus() },
    code(qr),
    h("div", { class: "field" },
      h("label", { for: "share-url" }, t("scan.share.url", { time: timeOfDay(expiresAt, languageNow()) })),
      h("textarea", { id: "share-url", class: "share-url", readonly: true, rows: "3", value: url, spellcheck: "false", onfocus: (event) => event.target.select() }),
      navigator.clipboard ? button({ label: shared.copied ? t("scan.share.copied") : t("scan.share.copy"), icon: shared.copied ? "check" : "copy", kind: "primary", onclick: copy })
        : h("p", { class: "hint" }, t("scan.share.by_hand"))));
}

// Dark on white in both themes: a reader takes nothing else for sure.
function code(rows) {
  const side = rows.length + 2 * QUIET_ZONE;
  return h("svg", { class: "share-code", viewBox: `${-QUIET_ZONE} ${-QUIET_ZONE} ${side} ${side}`, role: "img", "aria-label": t("scan.share.code"), "shape-rendering": "crispEdges" },
    h("path", { d: qrPath(rows), fill: "#000" }));
}

function linkRow(each) {
  const left = t("scan.share.left", { time: duration(secondsLeft(each.expires_at, now()), languageNow()) });
  return h("li", { key: each.id, class: each.id === shared.shows ? "shown" : "" },
    h("span", { class: "share-state" },
      h("strong", {}, each.viewers ? t("scan.share.viewers", { count: each.viewers }) : t("scan.share.no_viewer")),
      h("span", { class: "quiet-text" }, left)),
    made.has(each.id) && each.id !== shared.shows ? button({ key: "show", label: t("scan.share.show"), icon: "eye", onclick: () => set({ shows: each.id, copied: false }) }) : null,
    button({ key: "end", label: t("scan.share.end"), icon: "close", busy: shared.busy, onclick: () => end(each.id) }));
}
