// The canvas: shows the newest live frame or a frozen one, and knows which one it shows.
//
// Rules
// - shown.sequence names the frame on the screen; a still of what is seen asks for exactly that.
// - The canvas has one pixel for each of the frame; styles scale it (geometry.js), so a measuring tool
//   reads pixel coordinates from it directly.
// - Frames are drawn straight to the canvas; the page is not drawn again for them.

import { fitted } from "./geometry.js";

let canvas = null;
let stage = null;
let geometry = null;
let watcher = null;
const listeners = new Set();

export const shown = { sequence: null, capturedAt: null, width: 0, height: 0, drawnAt: 0 };

// Called as the canvas comes onto the page; gives back what lets go of it.
export function takeCanvas(element) {
  canvas = element;
  stage = element.closest(".stage-room");
  watcher = new ResizeObserver(layOut);
  watcher.observe(stage);
  layOut();
  return () => {
    watcher.disconnect();
    canvas = stage = watcher = null;
    Object.assign(shown, { sequence: null, capturedAt: null, width: 0, height: 0, drawnAt: 0 });
  };
}

export const theCanvas = () => canvas;
export const theGeometry = () => geometry;

// run() after each change of the picture's size or place on the page.
export function onLayout(run) {
  listeners.add(run);
  return () => listeners.delete(run);
}

export function setGeometry(next) {
  geometry = next;
  layOut();
}

export function draw(head, bitmap) {
  if (!canvas) return;
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    Object.assign(shown, { width: bitmap.width, height: bitmap.height });
    layOut();
  }
  canvas.getContext("2d", { alpha: false }).drawImage(bitmap, 0, 0);
  Object.assign(shown, { sequence: head.sequence, capturedAt: head.capturedAt ?? null, drawnAt: performance.now() });
  canvas.dataset.sequence = String(head.sequence);
}

// Takes an old picture off the screen: it must not look like a live one.
export function clear() {
  if (!canvas) return;
  canvas.getContext("2d", { alpha: false }).clearRect(0, 0, canvas.width, canvas.height);
  Object.assign(shown, { sequence: null, capturedAt: null });
  delete canvas.dataset.sequence;
}

function layOut() {
  if (!canvas || !stage) return;
  const size = fitted(geometry, canvas.width, canvas.height, { width: stage.clientWidth, height: stage.clientHeight });
  canvas.style.setProperty("width", `${size.width}px`);
  canvas.style.setProperty("height", `${size.height}px`);
  stage.parentElement.style.setProperty("--picture-height", `${size.height}px`);
  for (const run of listeners) run(size);
}
