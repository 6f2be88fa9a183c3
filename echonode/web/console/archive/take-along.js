// A study to take along: a medium with a DICOMDIR, or copies in a format (copies.js), in one ZIP file that
// the node makes while it comes.
//
// Rules
// - One at a time. What came is shown in bytes; it can be ended, and then nothing is saved.
// - The file is named by the study's UID or the copy's profile, never by the patient.
// - What came is handed to the browser in parts, so that a long study does not fill the page's memory.

import { button, errorBanner } from "../core/parts.js";
import { bytes } from "../core/format.js";
import { changed } from "../core/state.js";
import { h } from "../core/render.js";
import { languageNow, t } from "../core/words.js";
import { part, stream } from "../core/api.js";
import { save } from "../core/save.js";

const PART_BYTES = 16 * 1024 * 1024;
let coming = null; // {uid, images, count, stop}
let failed = null; // {uid, error}

// path: of the API. name: of the file.
export async function take(uid, path, name) {
  const stop = new AbortController();
  const mine = { uid, images: 0, count: 0, stop };
  [coming, failed] = [mine, null];
  changed();
  try {
    const answer = await stream(path, stop.signal);
    mine.images = Number(answer.headers.get("X-Images")) || 0;
    const parts = [];
    let held = [], size = 0;
    const reader = answer.body.getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      held.push(piece.value);
      size += piece.value.length;
      mine.count += piece.value.length;
      if (size >= PART_BYTES) {
        parts.push(new Blob(held));
        [held, size] = [[], 0];
      }
      changed();
    }
    save(new Blob([...parts, ...held], { type: answer.headers.get("Content-Type") || "application/zip" }), name);
  } catch (error) {
    if (!stop.signal.aborted) failed = { uid, error };
  }
  coming = null;
  changed();
}

export function takeAlongButton(study) {
  const uid = study.study_instance_uid;
  if (coming?.uid !== uid) {
    return button({ key: "take", label: t("archive.take"), icon: "download", disabled: Boolean(coming),
      title: t("archive.take.text"), onclick: () => take(uid, `api/studies/${part(uid)}/media`, `${uid}.zip`) });
  }
  const words = coming.images
    ? t("archive.taking", { count: coming.images, size: bytes(coming.count, languageNow()) }) : t("archive.take.begins");
  return h("span", { key: "taking", class: "row taking" }, h("span", { role: "status" }, words),
    button({ label: t("core.cancel"), onclick: () => coming?.stop.abort() }));
}

export const isTaking = () => Boolean(coming);

export function takeAlongFailure(study) {
  return failed?.uid === study.study_instance_uid ? errorBanner(failed.error) : null;
}
