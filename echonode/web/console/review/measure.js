// Measuring on a picture: what a person draws over it, by touch, mouse or keyboard.
//
// Rules
// - measureOn(host, given) takes an element that lies over the picture. given: place() where the image lies in
//   it (viewport.js), view() {columns, rows, regions}, source() what the magnifier shows (a canvas of the
//   image's own pixels, or null), onchange() after each change, named(measurement) the words next to a figure.
// - start(kind) begins a draft. A press sets a point and a drag moves it; a point that was set is dragged
//   again. An outline is drawn in one stroke, or point by point and closed at its first.
// - Keyboard, with the focus on the layer: arrows move the active point by a pixel (with Shift by ten), Enter
//   sets it, Page Up and Page Down choose another, Backspace takes the last away, Escape gives up.
// - draft() is {kind, points, results | why, complete}: values while a person measures. The node computes the
//   one that is kept. Its points are those that the node takes: of an ellipse the four ends of its axes.
// - On a live picture: freeze, measure, store the still, then send the draft for that still (frame 1).

import { ellipseOf, ellipseOutline, measure, pointsWanted, regionAt } from "./geometry.js";
import { toImage, toScreen } from "./viewport.js";

const SVG = "http://www.w3.org/2000/svg";
const NEAR = 22; // CSS pixels: half of a target
const STROKE_STEP = 5; // CSS pixels between the points of an outline that is drawn
const GLASS = 132; // the magnifier, in CSS pixels
const GLASS_ZOOM = 3;
const MOST_STROKE = 480;

export function measureOn(host, { place, view, source, onchange, named = () => "" }) {
  const svg = make("svg", { class: "measure-figures", "aria-hidden": "true" });
  const glass = document.createElement("canvas");
  glass.className = "measure-glass";
  glass.width = glass.height = GLASS * 2;
  glass.hidden = true;
  glass.setAttribute("aria-hidden", "true");
  host.append(svg, glass);

  let kept = [];
  let chosen = "";
  let kind = null;
  let set = []; // points that were set, in image coordinates
  let active = -1;
  let keyed = false; // the active point is moved by keys and not set yet
  let dragging = null; // {index} or {stroke: true}
  let closed = false;

  function wantedNow() {
    const points = kind === "ellipse" && set.length === 3 ? axes() : set;
    return { kind, points };
  }

  // The four ends of the axes, by the scale of the region that the first point lies in.
  function axes() {
    const region = regionAt(view().regions, set[0]);
    const usable = region && !region.why_not ? region : { physical_delta_x_mm: 1, physical_delta_y_mm: 1 };
    return ellipseOf(set[0], set[1], set[2], usable);
  }

  function draft() {
    if (!kind) return null;
    const complete = kind === "area" ? closed && set.length >= 3 : set.length === pointsWanted(kind) && !keyed;
    const enough = kind === "area" ? set.length >= 3 : set.length === pointsWanted(kind);
    const { points } = wantedNow();
    if (!enough) {
      const why = points.length ? measurable(points) : "";
      return { kind, points, complete: false, ...(why ? { why } : {}) };
    }
    return { kind, points, complete, ...measure(kind, points, view().regions) };
  }

  // Why not, as soon as the first point shows it; "".
  function measurable(points) {
    const found = measure("distance", [points[0], points[points.length - 1]], view().regions);
    return found.why && found.why !== "nothing" ? found.why : "";
  }

  function changed() {
    redraw();
    onchange();
  }

  // --- drawing ---

  function redraw() {
    const { width, height } = host.getBoundingClientRect();
    svg.setAttribute("viewBox", `0 0 ${Math.max(1, width)} ${Math.max(1, height)}`);
    const at = place();
    const figures = kept.map((each) => figure(at, each.kind, each.points, {
      words: named(each), class: each.id === chosen ? "kept chosen" : "kept", width,
    }));
    const now = draft();
    if (now && set.length) {
      figures.push(figure(at, now.kind, now.points, { words: named(now), class: `draft${now.why ? " wrong" : ""}`, width, open: !now.complete && kind === "area" }));
      figures.push(handles(at));
    }
    svg.replaceChildren(...figures);
    drawGlass(at);
  }

  function figure(at, of, points, { words, class: name, width, open = false }) {
    const placed = points.map((point) => toScreen(at, point));
    const group = make("g", { class: `figure ${name}` });
    const paths = { distance: [placed], angle: [placed], area: [open ? placed : [...placed, placed[0]]], ellipse: ofEllipse(at, points) }[of];
    for (const path of paths) {
      const text = path.map((point) => point.map((value) => value.toFixed(2)).join(",")).join(" ");
      group.append(make("polyline", { class: "shade", points: text }), make("polyline", { class: "line", points: text }));
    }
    if (of === "distance" && placed.length === 2) group.append(...placed.map((point) => tick(point, placed)));
    if (words) group.append(...label(placed, words, width));
    return group;
  }

  function ofEllipse(at, points) {
    if (points.length < 4) return [points.map((point) => toScreen(at, point))];
    const around = ellipseOutline(points).map((point) => toScreen(at, point));
    return [[...around, around[0]], [toScreen(at, points[0]), toScreen(at, points[1])], [toScreen(at, points[2]), toScreen(at, points[3])]];
  }

  // A short stroke across the end of a distance.
  function tick([x, y], [[x1, y1], [x2, y2]]) {
    const length = Math.hypot(x2 - x1, y2 - y1) || 1;
    const [dx, dy] = [(-(y2 - y1) / length) * 6, ((x2 - x1) / length) * 6];
    return make("line", { class: "line", x1: x - dx, y1: y - dy, x2: x + dx, y2: y + dy });
  }

  function label(placed, words, width) {
    const right = placed.reduce((best, point) => (point[0] > best[0] ? point : best));
    const room = width - right[0] > 12 + words.length * 8;
    const [x, y] = [room ? right[0] + 10 : right[0] - 10, Math.max(16, right[1] - 10)];
    const given = { x, y, "text-anchor": room ? "start" : "end" };
    const [shade, ink] = [make("text", { ...given, class: "shade" }), make("text", { ...given, class: "ink" })];
    shade.textContent = ink.textContent = words;
    return [shade, ink];
  }

  function handles(at) {
    const group = make("g", { class: "handles" });
    const shown = kind === "area" && set.length > 24 ? [0, set.length - 1] : set.map((_, index) => index);
    for (const index of shown) {
      const [x, y] = toScreen(at, set[index]);
      group.append(make("circle", { class: index === active ? "handle active" : "handle", cx: x, cy: y, r: index === active ? 9 : 6 }));
      if (index === active) group.append(make("path", { class: "cross", d: `M${x - 16} ${y}h10 M${x + 6} ${y}h10 M${x} ${y - 16}v10 M${x} ${y + 6}v10` }));
    }
    return group;
  }

  // What lies under the finger, three times as large, in the corner farthest from it.
  function drawGlass(at) {
    const picture = source();
    const shown = picture && set[active] && (dragging || keyed);
    glass.hidden = !shown;
    if (!shown) return;
    const [x, y] = toScreen(at, set[active]);
    const { width } = host.getBoundingClientRect();
    glass.classList.toggle("at-end", x < width / 2);
    glass.dataset.x = Math.round(x);
    const context = glass.getContext("2d");
    const scale = GLASS_ZOOM * 2;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, glass.width, glass.height);
    context.imageSmoothingEnabled = true;
    context.setTransform(at.sx * scale, 0, 0, at.sy * scale, GLASS - set[active][0] * at.sx * scale, GLASS - set[active][1] * at.sy * scale);
    context.drawImage(picture, 0, 0, view().columns, view().rows);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.strokeStyle = "#ffd54a";
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(GLASS - 40, GLASS); context.lineTo(GLASS - 8, GLASS);
    context.moveTo(GLASS + 8, GLASS); context.lineTo(GLASS + 40, GLASS);
    context.moveTo(GLASS, GLASS - 40); context.lineTo(GLASS, GLASS - 8);
    context.moveTo(GLASS, GLASS + 8); context.lineTo(GLASS, GLASS + 40);
    context.stroke();
    if (y < 0) glass.hidden = true;
  }

  // --- pointers ---

  function at(event) {
    const box = host.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  const within = ([x, y]) => [Math.min(view().columns, Math.max(0, x)), Math.min(view().rows, Math.max(0, y))];
  const imageAt = (event) => within(toImage(place(), at(event)));

  function handleAt(event) {
    const [x, y] = at(event);
    let best = -1, least = NEAR;
    set.forEach((point, index) => {
      const [px, py] = toScreen(place(), point);
      const far = Math.hypot(px - x, py - y);
      if (far <= least) { best = index; least = far; }
    });
    return best;
  }

  function down(event) {
    if (!kind || event.button > 0 || !event.isPrimary) return;
    event.preventDefault();
    host.focus({ preventScroll: true });
    host.setPointerCapture?.(event.pointerId);
    keyed = false;
    const near = handleAt(event);
    if (kind === "area" && !closed && near === 0 && set.length >= 3) {
      closed = true;
      active = -1;
    } else if (near >= 0 && (kind !== "area" || closed)) {
      active = near;
      dragging = { index: near };
    } else if (kind === "area" && !closed) {
      set.push(imageAt(event));
      active = set.length - 1;
      dragging = { stroke: true, drawn: 0, last: at(event) };
    } else if (kind !== "area" && set.length < pointsWanted(kind)) {
      set.push(imageAt(event));
      active = set.length - 1;
      dragging = { index: active };
    }
    changed();
  }

  function move(event) {
    if (!dragging) return;
    if (dragging.stroke) {
      const [x, y] = at(event);
      const [lx, ly] = dragging.last;
      if (Math.hypot(x - lx, y - ly) < STROKE_STEP || set.length >= MOST_STROKE) return;
      set.push(imageAt(event));
      active = set.length - 1;
      dragging = { ...dragging, drawn: dragging.drawn + 1, last: [x, y] };
    } else {
      set[dragging.index] = imageAt(event);
    }
    changed();
  }

  function up() {
    if (!dragging) return;
    if (dragging.stroke && dragging.drawn >= 8) closed = true; // one stroke around
    dragging = null;
    if (closed || (kind !== "area" && set.length === pointsWanted(kind))) active = Math.max(active, 0);
    changed();
  }

  // --- keys ---

  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  function middle() {
    const region = view().regions.find((each) => !each.why_not);
    return region ? [(region.x0 + region.x1 + 1) / 2, (region.y0 + region.y1 + 1) / 2] : [view().columns / 2, view().rows / 2];
  }

  function begin() {
    set.push(set.length ? [...set[set.length - 1]] : middle());
    active = set.length - 1;
    keyed = true;
  }

  function onkey(event) {
    if (!kind || event.ctrlKey || event.altKey || event.metaKey) return;
    const step = STEPS[event.key];
    if (step) {
      if (active < 0) begin();
      const by = event.shiftKey ? 10 : 1;
      set[active] = within([set[active][0] + step[0] * by, set[active][1] + step[1] * by]);
    } else if (event.key === "Enter") {
      enter();
    } else if (event.key === "PageUp" || event.key === "PageDown") {
      if (!set.length) return;
      active = (active + (event.key === "PageDown" ? 1 : set.length - 1)) % set.length;
    } else if (event.key === "Backspace" || event.key === "Delete") {
      set.pop();
      closed = false;
      keyed = set.length > 0;
      active = set.length - 1;
    } else if (event.key === "Escape") {
      layer.stop();
    } else return;
    event.preventDefault();
    event.stopPropagation();
    changed();
  }

  // Enter sets the active point and begins the next; on a complete figure it asks to keep it.
  function enter() {
    const now = draft();
    if (now.complete) {
      given.onkeep?.(now);
    } else if (!set.length) {
      begin();
    } else if (kind === "area") {
      const [first, last] = [set[0], set[set.length - 1]];
      if (set.length > 3 && Math.hypot(first[0] - last[0], first[1] - last[1]) < 3) {
        set.pop();
        closed = true;
        keyed = false;
        active = 0;
      } else begin();
    } else if (set.length < pointsWanted(kind)) {
      begin();
    } else {
      keyed = false;
    }
  }

  const given = { onkeep: null };
  const watching = new ResizeObserver(redraw);
  watching.observe(host);
  host.addEventListener("pointerdown", down);
  host.addEventListener("pointermove", move);
  host.addEventListener("pointerup", up);
  host.addEventListener("pointercancel", up);
  host.addEventListener("keydown", onkey);

  const layer = {
    draft,
    redraw,
    // Begins a measurement; what was begun and not kept is given up.
    start(of) {
      kind = of;
      set = [];
      active = -1;
      keyed = closed = false;
      dragging = null;
      host.classList.add("measuring");
      changed();
    },
    stop() {
      kind = null;
      set = [];
      dragging = null;
      keyed = closed = false;
      host.classList.remove("measuring");
      changed();
    },
    get kind() { return kind; },
    // onkeep(draft): Enter on a complete figure.
    onkeep(run) { given.onkeep = run; },
    // Measurements that stand, as the API gives them; only those of the frame that is shown.
    show(measurements, id = "") {
      kept = measurements;
      chosen = id;
      redraw();
    },
    end() {
      watching.disconnect();
      for (const [name, run] of [["pointerdown", down], ["pointermove", move], ["pointerup", up], ["pointercancel", up], ["keydown", onkey]]) host.removeEventListener(name, run);
      host.classList.remove("measuring");
      svg.remove();
      glass.remove();
    },
  };
  return layer;
}

function make(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

// Figures drawn into a picture that leaves the browser, when that was asked for.
export function drawFigures(context, scaleX, scaleY, measurements, named) {
  const at = { left: 0, top: 0, sx: scaleX, sy: scaleY };
  context.lineJoin = "round";
  context.font = "600 14px system-ui, sans-serif";
  for (const each of measurements) {
    const points = each.kind === "ellipse" ? ellipseOutline(each.points) : each.points;
    const placed = points.map((point) => toScreen(at, point));
    const closed = each.kind === "ellipse" || each.kind === "area";
    for (const [colour, width] of [["rgb(0 0 0 / 70%)", 4], ["#ffd54a", 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      placed.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
      if (closed) context.closePath();
      context.stroke();
    }
    const [x, y] = placed.reduce((best, point) => (point[0] > best[0] ? point : best));
    context.lineWidth = 4;
    context.strokeStyle = "rgb(0 0 0 / 70%)";
    context.strokeText(named(each), x + 8, y - 8);
    context.fillStyle = "#ffd54a";
    context.fillText(named(each), x + 8, y - 8);
  }
}
