// What leaves the node in a person's hands: the DICOM file, a frame as PNG or JPEG, a cine as MP4.
// And the volume of a tracked sweep, which stays: it is kept in the study, and sent like an image.
//
// Rules
// - Pictures and video name no one unless that was asked for; files are named by UID, never by patient.
// - Without additions a PNG or JPEG is the node's own, exact; with a banner or figures it is painted here.

import { banner as notice, button, dialog, errorBanner } from "../core/parts.js";
import { changed } from "../core/state.js";
import { day, personName } from "../core/format.js";
import { drawFigures } from "./measure.js";
import { firstValue } from "./values.js";
import { h } from "../core/render.js";
import { icon } from "../core/icons.js";
import { languageNow, t } from "../core/words.js";
import { may } from "../access/session.js";
import { part, post } from "../core/api.js";
import { save } from "../core/save.js";
import { videoOf, ways } from "./video.js";

const BANNER_PX = 30;
let shown = null; // {view, viewer, measurements, banner, figures, making, failed}

export function offerDownloads(view, viewer, measurements) {
  viewer.pause();
  shown = { view, viewer, measurements, banner: false, figures: false, making: null, failed: null, volume: null };
  changed();
}

function close() {
  if (shown?.making) shown.making.cancelled = true;
  shown = null;
  changed();
}
const set = (changes) => { shown = { ...shown, ...changes }; changed(); };

const nameOf = ({ view }, more) => `US-${view.sop_instance_uid}${more}`;

// The size of a picture with square pixels.
const sizeOf = (view) => ({ width: view.columns, height: Math.round(view.rows * (view.pixel_ratio || 1)) });

function painter({ view, viewer, measurements, banner, figures }) {
  const { width, height } = sizeOf(view);
  const top = banner ? BANNER_PX : 0;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height + top;
  const pen = canvas.getContext("2d", { alpha: false });
  return { width, height: height + top, paint: async (frame) => {
    const source = await viewer.paintFrame(frame);
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, width, height + top);
    pen.drawImage(source, 0, top, width, height);
    if (banner) writeBanner(pen, view, width);
    if (figures) {
      pen.save();
      pen.translate(0, top);
      drawFigures(pen, 1, view.pixel_ratio || 1, measurements.filter((each) => each.frame === frame + 1), nameFigure);
      pen.restore();
    }
    return canvas;
  } };
}

const nameFigure = (each) => [each.label, firstValue(each, languageNow())].filter(Boolean).join(" ");

function writeBanner(pen, { patient, study }, width) {
  pen.fillStyle = "#fff";
  pen.textBaseline = "middle";
  const words = [personName(patient.name) || patient.id, patient.id, patient.birth_date && day(patient.birth_date, languageNow()), day(study.study_date, languageNow())].filter(Boolean).join("   ");
  for (let size = 15; size >= 9; size -= 1) {
    pen.font = `600 ${size}px system-ui, sans-serif`;
    if (pen.measureText(words).width <= width - 16) break;
  }
  pen.fillText(words, 8, BANNER_PX / 2, width - 16);
}

async function picture(type, extension) {
  const { viewer } = shown;
  const { paint } = painter(shown);
  const canvas = await paint(viewer.frame);
  const blob = await new Promise((done) => canvas.toBlob(done, type, 0.92));
  save(blob, nameOf(shown, `-${viewer.frame + 1}.${extension}`));
  viewer.draw();
}

async function video() {
  const making = { share: 0, cancelled: false };
  const asked = shown;
  set({ making, failed: null });
  try {
    const { width, height, paint } = painter(asked);
    const made = await videoOf({ durationsMs: asked.viewer.durations, width, height, paint,
      onprogress: (share) => { making.share = share; changed(); }, isCancelled: () => making.cancelled });
    if (made) save(made.blob, nameOf(asked, `.${made.extension}`));
    if (shown) set({ making: null });
  } catch (error) {
    if (shown) set({ making: null, failed: error });
  } finally {
    asked.viewer.draw();
  }
}

function way(name, words, note, given) {
  return h("li", { key: name, class: "download-way" },
    h("div", { class: "download-words" }, h("strong", {}, words), h("p", { class: "quiet-text" }, note)),
    given.href
      ? h("a", { class: "button plain", href: given.href, download: given.download, "aria-label": `${t("review.download")}: ${words}` }, icon("download"), h("span", { class: "label" }, t("review.download")))
      : button({ label: t("review.download"), icon: "download", onclick: given.onclick, busy: given.busy, disabled: given.disabled, "aria-label": `${t("review.download")}: ${words}` }));
}

function frameWay(type, extension) {
  const { view, viewer, banner, figures } = shown;
  const key = `review.download.${type}`;
  const frame = viewer.frame + 1;
  const painted = banner || figures || viewer.isWindowed;
  const given = painted
    ? { onclick: () => picture(`image/${type}`, extension) }
    : { href: `api/instances/${part(view.sop_instance_uid)}/frames/${frame}${type === "png" ? ".png" : "?quality=92"}`, download: nameOf(shown, `-${frame}.${extension}`) };
  return way(type, t(key), t(`${key}.text`), given);
}

function videoWay() {
  const { making } = shown;
  const { way: by, secure } = ways();
  const note = h("span", {}, t(`review.download.mp4.${by}`), by !== "exact" && !secure ? ` ${t("review.download.mp4.insecure")}` : "");
  return way("mp4", t("review.download.mp4"), making ? t("review.download.making", { percent: Math.round(making.share * 100) }) : note,
    { onclick: video, busy: Boolean(making), disabled: by === "none" });
}

// volume: null, "making", or {done} with what was kept.
async function keepVolume() {
  const uid = shown.view.sop_instance_uid;
  set({ volume: "making", failed: null });
  try {
    const done = await post(`api/instances/${part(uid)}/volume`, {}, { timeoutMs: 600000 });
    if (shown) set({ volume: { done } });
  } catch (error) {
    if (shown) set({ volume: null, failed: error });
  }
}

function volumeWay() {
  const { volume } = shown;
  const note = volume?.done ? h("span", { role: "status" }, t("review.volume.kept")) : t("review.volume.text");
  return h("li", { key: "volume", class: "download-way" },
    h("div", { class: "download-words" }, h("strong", {}, t("review.volume")), h("p", { class: "quiet-text" }, note)),
    button({ label: t("review.volume.keep"), icon: "stored", onclick: keepVolume, busy: volume === "making", disabled: Boolean(volume?.done), "aria-label": `${t("review.volume.keep")}: ${t("review.volume")}` }));
}

export function downloadDialog() {
  if (!shown) return null;
  const { view, measurements, banner, figures } = shown;
  const on = (name, label, value, hint) => h("label", { class: "check", key: name },
    h("input", { type: "checkbox", checked: value, onchange: (event) => set({ [name]: event.target.checked }) }),
    h("span", {}, label, hint && h("span", { class: "hint block" }, hint)));
  return dialog({ id: "download", title: t("review.download.title"), onclose: close, wide: true,
    actions: [button({ label: t("core.close"), kind: "primary", onclick: close })] },
  shown.failed ? (shown.failed.status === undefined ? notice({ kind: "bad", title: t("review.download.failed"), text: String(shown.failed.message ?? "") }) : errorBanner(shown.failed)) : null,
  h("div", { class: "stack-tight" },
    on("banner", t("review.download.banner"), banner, t("review.download.banner.text")),
    measurements.length ? on("figures", t("review.download.figures"), figures) : null),
  h("ul", { class: "download-ways" },
    frameWay("png", "png"), frameWay("jpeg", "jpg"),
    view.frames > 1 ? videoWay() : null,
    view.frames > 1 && may("operator") ? volumeWay() : null,
    way("dicom", t("review.download.dicom"), t("review.download.dicom.text"),
      { href: `api/instances/${part(view.sop_instance_uid)}/file`, download: `${view.sop_instance_uid}.dcm` })));
}
