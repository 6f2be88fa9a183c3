// Our own icons: 24 x 24, strokes of 1.5 px, drawn in the colour of the text next to them.
//
// Rules
// - icon("freeze") is hidden from screen readers: a word always stands next to it (or names the button).
// - A new one is a list of SVG path texts, round ends, inside a margin of 2 px.

import { h } from "./render.js";

const PATHS = {
  angle: ["M19 19H5L15 5", "M11.5 19a6.5 6.5 0 0 0-2.7-5.200"],
  archive: ["M4 8h16v11a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1z", "M3 4h18v4H3z", "M10 12h4"],
  area: ["M7 7.5c2-3.5 8-4 10.5-.5s3 6.5 0 10-8 3.5-10.5.5-3-4.5-.5-5.5 1.5-1.5.5-4.5z"],
  alert: ["M12 4 2.8 19.5h18.4z", "M12 10v4.5", "M12 17v.2"],
  back: ["M15 5l-7 7 7 7"],
  barcode: ["M4 6v12", "M8 6v12", "M11 6v12", "M15 6v12", "M17.5 6v12", "M20.5 6v12"],
  brightness: ["M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", "M12 3v2", "M12 19v2", "M3 12h2", "M19 12h2", "M5.6 5.6l1.5 1.5", "M16.9 16.9l1.5 1.5", "M18.4 5.6l-1.5 1.5", "M7.1 16.9l-1.5 1.5"],
  camera: ["M4 8h3.5L9 5.5h6L16.5 8H20v11H4z", "M12 10a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4z"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  chevron: ["M9 6l6 6-6 6"],
  clip: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z"],
  clock: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", "M12 8v4.5l3 1.8"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  copy: ["M8 8h11v12H8z", "M8 16H5V4h11v4"],
  disk: ["M12 4c4.4 0 8 1.3 8 3s-3.6 3-8 3-8-1.3-8-3 3.6-3 8-3z", "M4 7v10c0 1.7 3.6 3 8 3s8-1.3 8-3V7", "M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3"],
  distance: ["M5 19L19 5", "M3 17l4 4", "M17 3l4 4"],
  down: ["M6 9l6 6 6-6"],
  download: ["M12 4v11", "M7.5 11l4.5 4.5 4.5-4.5", "M5 20h14"],
  exams: ["M5 4h14v16H5z", "M9 9h6", "M9 13h6", "M9 17h3"],
  ellipse: ["M12 6.5c5 0 9 2.5 9 5.5s-4 5.5-9 5.5-9-2.5-9-5.5 4-5.5 9-5.5z", "M3 12h18", "M12 6.5v11"],
  end: ["M6 6h12v12H6z"],
  external: ["M13 4h7v7", "M20 4l-9 9", "M17 14v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1h5"],
  eye: ["M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z", "M12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z"],
  flag: ["M6 21V4", "M6 4h11l-2.5 4L17 12H6"],
  freeze: ["M12 3v18", "M4.2 7.5l15.6 9", "M4.2 16.5l15.6-9", "M9.5 4.5L12 7l2.5-2.5", "M9.5 19.5L12 17l2.5 2.5"],
  globe: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", "M4 12h16", "M12 4c2.5 2.2 3.5 5 3.5 8s-1 5.8-3.5 8c-2.5-2.2-3.5-5-3.5-8S9.5 6.2 12 4z"],
  hand: ["M8 12V6.5a1.5 1.5 0 0 1 3 0V11", "M11 11V4.5a1.5 1.5 0 0 1 3 0V11", "M14 11V6.5a1.5 1.5 0 0 1 3 0V15c0 3.5-2 6-5.5 6S7 19 5.5 16l-1.7-3.2a1.5 1.5 0 0 1 2.6-1.4L8 14"],
  held: ["M8 5v14", "M16 5v14"],
  info: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", "M12 11v5", "M12 8v.2"],
  keyboard: ["M3 6h18v12H3z", "M7 10v.2", "M11 10v.2", "M15 10v.2", "M18 10v.2", "M8 14.5h8"],
  lock: ["M6 11h12v9H6z", "M8.5 11V8a3.5 3.5 0 0 1 7 0v3"],
  measure: ["M4 16L16 4l4 4L8 20z", "M8 12l2 2", "M11 9l2 2", "M14 6l2 2"],
  minus: ["M5 12h14"],
  more: ["M6 12v.2", "M12 12v.2", "M18 12v.2"],
  outbox: ["M4 14v5h16v-5", "M12 15V4", "M7.5 8.5L12 4l4.5 4.5"],
  pacs: ["M4 5h16v5H4z", "M4 14h16v5H4z", "M8 7.5v.2", "M8 16.5v.2"],
  pause: ["M8 5v14", "M16 5v14"],
  play: ["M7 4.5l12 7.5-12 7.5z"],
  plus: ["M12 5v14", "M5 12h14"],
  probe: ["M9 3h6v9l2.5 2.5V18h-11v-3.5L9 12z", "M8 21h8"],
  refresh: ["M19.5 12a7.5 7.5 0 1 1-2.2-5.3L20 9.5", "M20 4.5v5h-5"],
  search: ["M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z", "M15.5 15.5L20.5 20.5"],
  sent: ["M4 12h15", "M13 6l6 6-6 6"],
  settings: ["M4 7h9", "M17 7h3", "M15 5v4", "M4 12h3", "M11 12h9", "M9 10v4", "M4 17h9", "M17 17h3", "M15 15v4"],
  share: ["M17 4a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z", "M6.5 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z", "M17 15a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z", "M8.7 10.8l6.1-3.1", "M8.7 13.2l6.1 3.1"],
  still: ["M4 5h16v14H4z", "M4 16l4.5-4.5 4 4L16 12l4 4", "M15 9v.2"],
  stored: ["M12 4v10", "M8 10.5l4 4 4-4", "M5 19h14"],
  system: ["M3.5 5h17v11h-17z", "M9 20h6", "M12 16v4"],
  trash: ["M5 7h14", "M9.5 7V4.5h5V7", "M7 7l1 13h8l1-13"],
  undo: ["M9 6L4.5 10.5 9 15", "M5 10.5h9a5 5 0 0 1 0 10h-3"],
  unknown: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", "M9.8 9.8a2.3 2.3 0 1 1 3.3 2.1c-.8.4-1.1.900-1.1 1.8", "M12 16.5v.2"],
  user: ["M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", "M4.5 20c.800-3.6 3.7-5.5 7.5-5.5s6.7 1.9 7.5 5.5"],
};

export const ICONS = Object.keys(PATHS);

export function icon(name, size = 20) {
  return h("svg", {
    class: "icon", viewBox: "0 0 24 24", width: size, height: size, fill: "none", stroke: "currentColor",
    "stroke-width": "1.5", "stroke-linecap": "round", "stroke-linejoin": "round",
    "aria-hidden": "true", focusable: "false",
  }, ...(PATHS[name] ?? PATHS.info).map((d) => h("path", { d })));
}
