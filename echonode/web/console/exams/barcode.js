// The tablet's camera reads a wristband or an order, where the browser has BarcodeDetector.
//
// Rules
// - It needs a secure context (HTTPS or this machine). Where it cannot work there is no button for it.
// - The camera is on only while the dialog is open. No picture leaves the page.

import { banner, button, dialog } from "../core/parts.js";
import { changed } from "../core/state.js";
import { h } from "../core/render.js";
import { t } from "../core/words.js";

const LOOK_EVERY_MS = 150;

export const canScan = () => isSecureContext && "BarcodeDetector" in globalThis && Boolean(navigator.mediaDevices);

let problem = "";

export function cameraDialog(onread, onclose) {
  return dialog({ id: "camera", title: t("exams.camera.title"), onclose,
    actions: [button({ label: t("core.cancel"), kind: "quiet", onclick: onclose })] },
    problem ? banner({ kind: "bad", title: t("exams.camera.refused", { reason: problem }) }) : h("p", {}, t("exams.camera.text")),
    h("video", { key: "video", class: "camera", muted: true, playsinline: true, "aria-label": t("exams.camera.text"),
      ref: (video) => look(video, (text) => { onclose(); onread(text); }) }));
}

// Gives back what switches the camera off.
function look(video, found) {
  let goesOn = true;
  let stream = null;
  problem = "";
  const off = () => {
    goesOn = false;
    stream?.getTracks().forEach((track) => track.stop());
  };
  (async () => {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (!goesOn) return off();
      video.srcObject = stream;
      await video.play();
      const detector = new BarcodeDetector();
      while (goesOn) {
        const [code] = await detector.detect(video);
        if (code?.rawValue && goesOn) return found(code.rawValue.trim());
        await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
      }
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
      if (goesOn) changed();
    }
  })();
  return off;
}
