// Watch: the live picture of a probe for a second pair of eyes, by a link and without a log-in.
//
// Rules
// - The token is in the address behind #, which no server sees; it goes to the node as a subprotocol.
// - Nothing of the patient is here: the picture and a pointer are all that there is.
// - Pointing is held: the pointer follows the finger or the mouse, and disappears when the finger or the button is lifted.

import { banner } from "../core/parts.js";
import { changed } from "../core/state.js";
import { clear, draw, setGeometry, takeCanvas } from "../scan/picture.js";
import { define, t } from "../core/words.js";
import { h } from "../core/render.js";
import { openLive } from "../scan/live.js";
import { settingsButton } from "../core/app.js";
import { words } from "./words.js";

define(words);

const POINTED_MS = 50; // between two places of a pointer that moves
const STEP = 0.02; // of the picture, for an arrow key
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const OVER = "link over"; // web/live/socket.py: why the node closed the connection

const watched = { open: false, over: false, heard: null, shows: false };
let live = null;
let held = false;
let at = null; // where we point: {x, y} from 0 to 1
let sentAt = 0;

// What the node gives as a token; a browser takes nothing else as a subprotocol.
const TOKEN = /^[A-Za-z0-9_-]{1,128}$/;

function enter({ params }) {
  Object.assign(watched, { open: false, over: false, heard: null, shows: false });
  if (!TOKEN.test(params.token)) return; // the screen says that the link is closed
  live = openLive({ path: "api/watch", protocols: ["echonode.watch", params.token] }, {
    ongeometry: setGeometry,
    onframe(head, bitmap) {
      draw(head, bitmap);
      if (!watched.shows) { watched.shows = true; changed(); }
    },
    onstate(state) {
      watched.heard = state;
      if (!state.connected) watched.shows = false;
      changed();
    },
    onconnection({ open, reason }) {
      watched.open = open;
      if (reason === OVER) { watched.over = true; live.close(); }
      if (!open) { watched.shows = false; clear(); }
      changed();
    },
  });
}

function leave() {
  live?.close();
  live = null;
  point(null);
}

function point(place) {
  at = place;
  sentAt = performance.now();
  live?.send(place ? { type: "pointer", ...place } : { type: "pointer" });
  changed();
}

const within = (value) => Math.min(1, Math.max(0, value));

function placeOf(event) {
  const box = event.currentTarget.getBoundingClientRect();
  return { x: within((event.clientX - box.left) / box.width), y: within((event.clientY - box.top) / box.height) };
}

const pointing = {
  onpointerdown(event) {
    held = true;
    event.currentTarget.setPointerCapture(event.pointerId);
    point(placeOf(event));
  },
  onpointermove(event) {
    if (held && performance.now() - sentAt >= POINTED_MS) point(placeOf(event));
  },
  onpointerup() { held = false; point(null); },
  onpointercancel() { held = false; point(null); },
  onkeydown(event) {
    if (event.key === "Escape" && at) { event.preventDefault(); point(null); return; }
    const step = ARROWS[event.key];
    if (!step) return;
    event.preventDefault();
    const from = at ?? { x: 0.5, y: 0.5 };
    point({ x: within(from.x + step[0] * STEP), y: within(from.y + step[1] * STEP) });
  },
};

// In words, why there is no picture; null while there is one.
function noPicture() {
  if (watched.shows) return null;
  if (watched.over) return banner({ kind: "info", title: t("watch.over"), text: t("watch.over.text") });
  if (!watched.open) return banner({ kind: "wait", title: t("watch.closed"), text: t("watch.closed.text") });
  if (watched.heard && !watched.heard.connected) return banner({ kind: "wait", title: t("watch.away"), text: t("watch.away.text") });
  return banner({ kind: "wait", title: t("watch.waits"), text: "" });
}

function view() {
  const said = noPicture();
  return h("div", { class: "watch-page" },
    h("header", { class: "watch-top" },
      h("h1", {}, t("watch.title")),
      said ? null : h("p", { class: "watch-hint" }, t("watch.hint")),
      settingsButton()),
    h("div", { class: "watch-stage" },
      h("div", { class: "stage-room" },
        h("div", { class: `stage-picture${said ? " off" : ""}`, tabindex: "0", role: "application", "aria-label": t("watch.picture"), ...pointing },
          h("canvas", { key: "canvas", width: "1", height: "1", role: "img", "aria-label": t("watch.picture"), ref: takeCanvas, own: true }),
          at ? h("span", { key: "pointer", class: "pointer", role: "img", "aria-label": t("watch.pointer"), style: { "--x": at.x, "--y": at.y } }) : null),
        said ? h("div", { key: "words", class: "watch-words", role: "status" }, said) : null)));
}

export const screen = { name: "watch", route: "/watch/:token", title: "watch.title", bare: true, free: true, view, enter, leave };
