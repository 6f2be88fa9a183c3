// Copies of a study: what of, whether the patient stays in them, and the looks that anonymised ones wait for.
//
// Rules
// - What there is comes from the node, with what its configuration demands; nothing of it is known here.
// - Without the patient is the first choice. An image that waits for a look is left out of the copy, and shown.
// - A look is accepted for one image at a time, by a person who could open it from here.

import { banner, button, dialog, errorBanner, linkButton, select, skeleton } from "../core/parts.js";
import { changed } from "../core/state.js";
import { get, part, post } from "../core/api.js";
import { h } from "../core/render.js";
import { isTaking, take } from "./take-along.js";
import { t } from "../core/words.js";

const MEDIA = "media"; // the one that is no format: a medium with a DICOMDIR
let shown = null; // {uid, found, error, format, profile, accepting}

async function open(uid) {
  shown = { uid, found: null, error: null, format: "dicom", profile: "basic", accepting: "" };
  changed();
  const mine = shown;
  try {
    const found = await get(`api/studies/${part(uid)}/copies`, { timeoutMs: 60000 });
    mine.found = found;
  } catch (error) {
    mine.error = error;
  }
  changed();
}

export function closeCopies() {
  shown = null;
  changed();
}
const set = (changes) => { Object.assign(shown, changes); changed(); };

async function accept(uid) {
  const mine = shown;
  set({ accepting: uid, error: null });
  try {
    const look = await post(`api/instances/${part(uid)}/look`);
    Object.assign(mine.found.images.find((each) => each.sop_instance_uid === uid), look);
  } catch (error) {
    mine.error = error;
  }
  mine.accepting = "";
  changed();
  setTimeout(keepFocus, 0); // once the row is gone
}

// The button that had the focus went with its row: the next one has it then, or what comes first.
function keepFocus() {
  const open = document.querySelector("dialog[data-dialog=copies]");
  if (!open || open.contains(document.activeElement)) return;
  (open.querySelector(".look-list button") ?? open.querySelector("select"))?.focus();
}

const formatOf = () => shown.found.formats.find((each) => each.name === shown.format);

// The profile that the copies have: what the configuration demands of research copies, else what was chosen.
const profileNow = () => (formatOf()?.is_research && shown.found.research_profile) || shown.profile;

function make() {
  const { uid, format } = shown;
  const profile = profileNow();
  const path = format === MEDIA ? `api/studies/${part(uid)}/media` : `api/studies/${part(uid)}/copies/${part(format)}`;
  take(uid, profile ? `${path}?anonymise=${part(profile)}` : path, profile ? `anonymised-${profile}.zip` : `${uid}.zip`);
  closeCopies();
}

export function copiesButton(study) {
  return button({ key: "copies", label: t("archive.copies"), icon: "copy", title: t("archive.copies.text"),
    disabled: isTaking(), onclick: () => open(study.study_instance_uid) });
}

function choices() {
  const { found } = shown;
  const demanded = formatOf()?.is_research && found.research_profile;
  const profiles = demanded ? [demanded] : [...found.profiles, ""];
  const word = (name) => (name === "" ? t("archive.copies.named") : name === "basic" ? t("archive.copies.basic") : t("archive.copies.profile", { name }));
  return h("div", { class: "stack" },
    select({ id: "copies-format", label: t("archive.copies.what"), value: shown.format,
      choices: [MEDIA, ...found.formats.map((each) => each.name)].map((name) => [name, t(`archive.copies.${name}`)]),
      onchange: (format) => set({ format }) }),
    select({ id: "copies-profile", label: t("archive.copies.who"), value: profileNow(),
      choices: profiles.map((name) => [name, word(name)]), onchange: (profile) => set({ profile }) }),
    demanded ? h("p", { class: "hint" }, t("archive.copies.demanded")) : null);
}

function looks() {
  const waiting = shown.found.images.map((each, index) => ({ ...each, number: index + 1 })).filter((each) => each.needs_look && !each.looked_at);
  if (!waiting.length) return null;
  return h("section", { key: "looks", class: "stack", "aria-label": t("archive.look.title", { count: waiting.length }) },
    banner({ kind: "warn", title: t("archive.look.title", { count: waiting.length }), text: t("archive.look.text") }),
    h("ul", { class: "look-list" }, ...waiting.map((each) => {
      const name = t("archive.look.image", { number: each.number });
      return h("li", { key: each.sop_instance_uid, class: "row look" }, h("strong", {}, name),
        linkButton({ label: t("archive.look.open"), icon: "eye", kind: "quiet", to: ["/review", each.sop_instance_uid], "aria-label": `${t("archive.look.open")}: ${name}` }),
        button({ needs: "operator", label: t("archive.look.accept"), icon: "check", busy: shown.accepting === each.sop_instance_uid,
          "aria-label": `${t("archive.look.accept")}: ${name}`, onclick: () => accept(each.sop_instance_uid) }));
    })));
}

export function copiesDialog(study) {
  if (shown?.uid !== study.study_instance_uid) return null;
  const { found, error } = shown;
  return dialog({ id: "copies", title: t("archive.copies.title"), onclose: closeCopies, wide: true, actions: [
    button({ label: t("core.cancel"), onclick: closeCopies }),
    button({ label: t("archive.copies.make"), icon: "download", kind: "primary", disabled: !found || isTaking(), onclick: make }),
  ] },
  error ? errorBanner(error) : null,
  found ? choices() : error ? null : skeleton(2, 64),
  found && profileNow() ? looks() : null);
}
