// The picture of a review: drawn, played, zoomed, windowed. An object for one element of the page.
//
// Rules
// - viewerOn(canvas, room, view, onchange): canvas fills the element `room`. onchange() after each change of
//   what is shown; the screen draws its controls from it.
// - Playing follows the clock and the frames' own durations (playback.js). While a frame is not there yet the
//   clock waits, and `waiting` says so: what is played is never faster or slower than it was.
// - Eight bits are windowed here; more bits, and an image with a VOI LUT, are asked of the node, whose table has all of them.
//   Such an image is shown as it comes, by its own LUT or window, until a person chooses a window; reset returns to that.
// - `source` is a canvas of the image's own pixels as they are shown: for the magnifier and downloads.

import { advance, durationsOf, frameAt, startsOf } from "./playback.js";
import { fit, isWhole, moved, windowTable, zoomAt } from "./viewport.js";
import { frameStore } from "./frames.js";

const ASK_AFTER_MS = 250; // of a drag's end, for more than 8 bits

export function viewerOn(canvas, room, view, onchange) {
  const deep = view.bits_stored > 8 || view.voi_lut;
  const whole = view.bits_stored > 8 ? { center: 2 ** (view.bits_stored - 1), width: 2 ** view.bits_stored } : { center: 128, width: 256 };
  const own = view.window ?? whole;
  const source = document.createElement("canvas");
  source.width = Math.max(1, view.columns);
  source.height = Math.max(1, view.rows);
  const pen = source.getContext("2d", { willReadFrequently: true });
  const durations = durationsOf(view);
  const starts = startsOf(durations);
  const image = { columns: view.columns, rows: view.rows, ratio: view.pixel_ratio };

  let window_ = { ...own };
  let asked = null; // the window that the node was asked for, of deep images
  let place = { zoom: 1, x: 0, y: 0 };
  let frame = 0, drawn = -1, drawnWindow = "", painted = false;
  let playing = false, waiting = false, loop = true, speed = 1, moment = 0, last = 0;
  let timer = 0, animation = 0, ended = false;

  const frames = frameStore(view, {
    onload: () => { if (drawn !== frame) draw(); onchange(); },
    query: () => {
      if (deep) return asked ? `?window_center=${asked.center}&window_width=${asked.width}` : "";
      // Its own window is applied here: the bytes come as they are stored.
      return view.samples === 1 && !isWhole(own) ? "?window_center=128&window_width=256" : "";
    },
  });

  const isOwn = () => window_.center === own.center && window_.width === own.width;
  const box = () => ({ width: room.clientWidth, height: room.clientHeight });
  const lies = () => fit(box(), image, place);

  function paint(picture) {
    pen.globalCompositeOperation = "source-over";
    pen.drawImage(picture, 0, 0, source.width, source.height);
    if (deep || isWhole(window_)) return;
    const table = windowTable(window_.center, window_.width);
    const data = pen.getImageData(0, 0, source.width, source.height);
    const bytes = data.data;
    for (let index = 0; index < bytes.length; index += 4) {
      bytes[index] = table[bytes[index]];
      bytes[index + 1] = table[bytes[index + 1]];
      bytes[index + 2] = table[bytes[index + 2]];
    }
    pen.putImageData(data, 0, 0);
  }

  function draw() {
    if (ended) return;
    const picture = frames.get(frame);
    const windowName = `${window_.center}/${window_.width}`;
    if (picture && (drawn !== frame || drawnWindow !== windowName)) {
      paint(picture);
      painted = true;
      drawn = frame;
      drawnWindow = windowName;
    }
    const { width, height } = box();
    const scale = Math.min(3, devicePixelRatio || 1);
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.max(1, Math.round(width * scale));
      canvas.height = Math.max(1, Math.round(height * scale));
    }
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (!painted) return;
    const at = lies();
    context.setTransform(at.sx * scale, 0, 0, at.sy * scale, at.left * scale, at.top * scale);
    context.imageSmoothingEnabled = at.sx < 6; // far in, pixels are shown as they are
    context.imageSmoothingQuality = "high";
    context.drawImage(source, 0, 0);
    if (drawn >= 0) room.dataset.frame = String(drawn + 1);
  }

  function show(next) {
    frame = Math.min(view.frames - 1, Math.max(0, next));
    frames.show(frame);
    draw();
    onchange();
  }

  function tick(now) {
    if (!playing || ended) return;
    const at = advance(starts, moment, now - last, { speed, loop });
    const next = frameAt(starts, at.moment);
    last = now;
    waiting = !frames.get(next) && !frames.error(next);
    if (waiting) {
      frames.show(next); // the clock stands until it is there
    } else {
      moment = at.moment;
      if (next !== frame || at.ended) {
        frame = next;
        frames.show(frame);
        draw();
      }
      if (at.ended) playing = false;
      onchange();
    }
    animation = requestAnimationFrame(tick);
  }

  function setWindow(next) {
    const least = deep ? 2 : 1;
    window_ = { center: next.center, width: Math.max(least, next.width) };
    if (deep) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        asked = isOwn() ? null : { ...window_ };
        drawn = -1; // what is on the screen stays until the new one is there
        frames.again();
        frames.show(frame);
      }, ASK_AFTER_MS);
    }
    draw();
    onchange();
  }

  const watching = new ResizeObserver(() => { draw(); onchange(); });
  watching.observe(room);
  frames.show(0);
  draw();

  return {
    source,
    durations,
    lies,
    draw,
    show,
    get frame() { return frame; },
    get isDrawn() { return painted; },
    get loaded() { return frames.loaded; },
    get error() { return frames.error(frame); },
    get playing() { return playing; },
    get waiting() { return playing && waiting; },
    get loop() { return loop; },
    get speed() { return speed; },
    get window() { return window_; },
    get zoom() { return place.zoom; },
    get isWindowed() { return !isOwn(); },
    get isChanged() { return place.zoom !== 1 || this.isWindowed; },
    // Where the frame that is shown begins, and the end, in milliseconds.
    get time() { return playing ? moment : starts[frame]; },
    get length() { return starts[starts.length - 1]; },
    play() {
      if (view.frames < 2 || playing) return;
      if (frame === view.frames - 1 && !loop) frame = 0;
      playing = true;
      moment = starts[frame];
      last = performance.now();
      animation = requestAnimationFrame(tick);
      onchange();
    },
    pause() {
      playing = false;
      cancelAnimationFrame(animation);
      onchange();
    },
    step(count) {
      this.pause();
      const next = frame + count;
      show(loop ? (next + view.frames) % view.frames : next);
    },
    setLoop(value) { loop = value; onchange(); },
    setSpeed(value) { speed = value; onchange(); },
    setWindow,
    zoomBy(factor, point) {
      const { width, height } = box();
      place = zoomAt(box(), image, place, factor, point ?? [width / 2, height / 2]);
      draw();
      onchange();
    },
    moveBy(dx, dy) {
      place = moved(box(), image, place, dx, dy);
      draw();
      onchange();
    },
    reset() {
      place = { zoom: 1, x: 0, y: 0 };
      setWindow(own);
    },
    // The frame's picture as it is shown now, for a file: painted on `source` by `use`, then what is shown returns.
    async paintFrame(index) {
      const picture = await frames.whole(index);
      paint(picture);
      picture.close();
      drawn = index === frame ? frame : -1;
      return source;
    },
    end() {
      ended = true;
      playing = false;
      clearTimeout(timer);
      cancelAnimationFrame(animation);
      watching.disconnect();
      frames.end();
    },
  };
}

// Drag, pinch, wheel: what a hand does to the picture while nothing is measured.
export function handsOn(room, { viewer, mode }) {
  const pointers = new Map();
  let apart = 0;

  const at = (event) => {
    const box = room.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const two = () => {
    const [[x1, y1], [x2, y2]] = [...pointers.values()];
    return { apart: Math.hypot(x2 - x1, y2 - y1), middle: [(x1 + x2) / 2, (y1 + y2) / 2] };
  };

  function down(event) {
    if (mode() === "measure" || event.button > 1) return;
    room.setPointerCapture?.(event.pointerId);
    pointers.set(event.pointerId, at(event));
    if (pointers.size === 2) apart = two().apart;
  }
  function move(event) {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = at(event);
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    pointers.set(event.pointerId, now);
    if (pointers.size === 2) {
      const { apart: next, middle } = two();
      if (apart > 0 && next > 0) viewer().zoomBy(next / apart, middle);
      viewer().moveBy(dx / 2, dy / 2);
      apart = next;
    } else if (mode() === "window") {
      const { center, width } = viewer().window;
      const gain = Math.max(0.5, width / 256);
      viewer().setWindow({ center: center + dy * gain, width: width + dx * gain });
    } else {
      viewer().moveBy(dx, dy);
    }
  }
  function up(event) {
    pointers.delete(event.pointerId);
  }
  function wheel(event) {
    event.preventDefault();
    viewer().zoomBy(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015)), at(event));
  }
  const heard = [["pointerdown", down], ["pointermove", move], ["pointerup", up], ["pointercancel", up], ["wheel", wheel], ["dblclick", () => { if (mode() !== "measure") viewer().reset(); }]];
  for (const [name, run] of heard) room.addEventListener(name, run, name === "wheel" ? { passive: false } : undefined);
  return () => { for (const [name, run] of heard) room.removeEventListener(name, run); };
}
