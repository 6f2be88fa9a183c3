// A link by which a second person watches this probe live, and points. It ends by itself.
//
// Rules
// - The link is shown once, when it is made: the node keeps only its hash.
// - Who has it sees the picture and nothing of the patient.

import { button, choice, dialog, errorBanner, field } from "../core/parts.js";
import { changed } from "../core/state.js";
import { del, get, part, post } from "../core/api.js";
import { h } from "../core/render.js";
import { languageNow, t } from "../core/words.js";
import { timeOfDay } from "../core/format.js";
import { scan } from "./model.js";

const MINUTES = [15, 30, 60];
let shared = null; // {probe, minutes, links, made, busy, error, copied} while the dialog is open

const set = (changes) => { if (shared) { shared = { ...shared, ...changes }; changed(); } };
const path = () => `api/probes/${part(shared.probe)}/watch`;
const close = () => { shared = null; changed(); };

async function attempt(work) {
  set({ busy: true, error: null });
  try {
    await work();
    set({ links: await get(path()) });
  } catch (error) {
    if (error.status === undefined) throw error;
    set({ error });
  } finally {
    set({ busy: false });
  }
}

export function share() {
  shared = { probe: scan.exam.probe, minutes: 30, links: [], made: null, busy: false, error: null, copied: false };
  attempt(async () => {});
}

const make = () => attempt(async () => {
  const made = await post(path(), { minutes: shared.minutes });
  set({ made: { url: new URL(made.path.replace(/^\//, ""), document.baseURI).href, expiresAt: made.expires_at }, copied: false });
});

const endAll = () => attempt(async () => {
  await del(path());
  set({ made: null });
});

// Where the browser allows it (HTTPS, or this machine); elsewhere the link is marked, to be copied by hand.
async function copy() {
  try {
    await navigator.clipboard.writeText(shared.made.url);
    set({ copied: true });
  } catch {
    const place = document.getElementById("share-url");
    place?.focus();
    place?.select();
  }
}

export function shareDialog() {
  if (!shared) return null;
  const { made, links } = shared;
  return dialog({ id: "share", title: t("scan.share.title"), onclose: close, actions: [
    links.length ? button({ label: t("scan.share.end"), icon: "close", kind: "danger", busy: shared.busy, onclick: endAll }) : null,
    made ? button({ label: shared.copied ? t("scan.share.copied") : t("scan.share.copy"), icon: shared.copied ? "check" : "copy", kind: "primary", onclick: copy })
      : button({ label: t("scan.share.make"), icon: "eye", kind: "primary", busy: shared.busy, onclick: make })] },
    h("p", { class: "quiet-text" }, t("scan.share.text")),
    errorBanner(shared.error),
    made
      ? field({ id: "share-url", label: t("scan.share.url", { time: timeOfDay(made.expiresAt, languageNow()) }), value: made.url, readonly: true, onfocus: (event) => event.target.select() })
      : choice({ name: "minutes", label: t("scan.share.minutes"), value: shared.minutes, choices: MINUTES.map((each) => [each, t("scan.share.of_minutes", { minutes: each })]), onchange: (minutes) => set({ minutes }) }),
    links.length ? h("p", { class: "hint" }, t("scan.share.open", { count: links.length })) : null);
}
