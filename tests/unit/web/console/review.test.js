// Measuring, playing, placing and writing MP4, in numbers.
import assert from "node:assert/strict";
import test from "node:test";

import { ellipseCircumference, ellipseOf, ellipseOutline, measure, regionOfAll } from "./review/geometry.js";
import { microseconds, mp4, TIMESCALE } from "./review/mp4.js";
import { advance, ASSUMED_MS, durationsOf, frameAt, loadOrder, startsOf } from "./review/playback.js";
import { thumbnailOf } from "./review/thumbnails.js";
import { rangeOf, rangeText } from "./archive/studies.js";
import { fit, moved, toImage, toScreen, windowTable, zoomAt } from "./review/viewport.js";

const near = (value, wanted, within = 1e-9) => assert.ok(Math.abs(value - wanted) <= within, `${value}, not ${wanted}`);
// A pixel is 0.2 mm wide and 0.5 mm high.
const OBLONG = { x0: 0, y0: 0, x1: 999, y1: 799, physical_delta_x_mm: 0.2, physical_delta_y_mm: 0.5, why_not: "" };
const value = (kind, points, name) => measure(kind, points, [OBLONG]).results.find((each) => each.name === name).value;

test("lengths, angles and areas by both deltas", () => {
  near(value("distance", [[10, 10], [25, 18]], "length"), 5);
  near(value("angle", [[100, 0], [0, 0], [50, 20]], "angle"), 45);
  near(value("ellipse", [[100, 100], [150, 100], [125, 90], [125, 110]], "area"), 25 * Math.PI);
  near(value("area", [[900, 700], [950, 700], [950, 710], [900, 710]], "area"), 50);
  near(value("area", [[900, 700], [950, 700], [950, 710], [900, 710]], "perimeter"), 30);
  near(ellipseCircumference(50, 1), 200.1919579907154);
});

test("why nothing is measured", () => {
  const why = (regions, ...points) => regionOfAll(regions, points).why;
  assert.equal(why([], [1, 1]), "none");
  assert.equal(why([OBLONG], [1, 1], [1001, 1]), "outside");
  assert.equal(why([{ ...OBLONG, why_not: "trace" }], [1, 1]), "trace");
  assert.equal(why([OBLONG, { ...OBLONG, x0: 2000, x1: 2100 }], [1, 1], [2050, 1]), "two");
  assert.equal(measure("distance", [[1, 1], [1, 1]], [OBLONG]).why, "nothing");
  assert.equal(measure("area", [[0, 0], [10, 10], [10, 0], [0, 10]], [OBLONG]).why, "nothing");
});

test("an ellipse from one axis and a point beside it", () => {
  const ends = ellipseOf([100, 100], [150, 100], [140, 110], OBLONG);
  near(ends[2][0], 125);
  near(Math.abs(ends[2][1] - 100), 10);
  const all = measure("ellipse", ends, [OBLONG]);
  near(all.results[2].value, 10);
  const skewed = ellipseOf([100, 100], [180, 140], [100, 140], OBLONG);
  assert.ok(!measure("ellipse", skewed, [OBLONG]).why);
  near(ellipseOutline(skewed, 4)[0][0], 180);
});

test("a frame is shown for its own duration", () => {
  const starts = startsOf([40, 60, 50, 50]);
  assert.deepEqual(starts, [0, 40, 100, 150, 200]);
  assert.deepEqual([0, 39.9, 40, 99, 100, 149, 150, 500].map((moment) => frameAt(starts, moment)), [0, 0, 1, 1, 2, 2, 3, 3]);
  assert.deepEqual(advance(starts, 190, 20), { moment: 10, ended: false });
  assert.deepEqual(advance(starts, 190, 20, { loop: false }), { moment: 200, ended: true });
  assert.deepEqual(advance(starts, 0, 50, { speed: 0.5 }), { moment: 25, ended: false });
  assert.deepEqual(durationsOf({ frames: 3, frame_durations_ms: [] }), [ASSUMED_MS, ASSUMED_MS, ASSUMED_MS]);
  assert.deepEqual(durationsOf({ frames: 1 }), []);
  assert.deepEqual(loadOrder(4, 2), [2, 3, 0, 1]);
  assert.equal(frameAt(startsOf([]), 5), 0);
});

test("an image lies where it is drawn, and its pixels keep their shape", () => {
  const image = { columns: 320, rows: 240, ratio: 2.5 };
  const box = { width: 640, height: 600 };
  const place = fit(box, image);
  near(place.sy / place.sx, 2.5);
  near(place.sx, 1);
  assert.deepEqual(toScreen(place, [0, 0]), [160, 0]);
  const [x, y] = toImage(place, toScreen(place, [12.5, 7.25]));
  near(x, 12.5);
  near(y, 7.25);
});

test("zoom holds the point under the finger, and nothing is moved out of sight", () => {
  const image = { columns: 100, rows: 100, ratio: 1 };
  const box = { width: 200, height: 200 };
  const at = zoomAt(box, image, { zoom: 1, x: 0, y: 0 }, 4, [60, 150]);
  const point = toImage(fit(box, image, at), [60, 150]);
  near(point[0], 30);
  near(point[1], 75);
  assert.deepEqual(zoomAt(box, image, at, 0.01, [0, 0]), { zoom: 1, x: 0, y: 0 });
  const far = moved(box, image, at, 1e6, -1e6);
  near(fit(box, image, far).left, 0);
  near(fit(box, image, far).top + 100 * fit(box, image, far).sy, 200);
});

test("a window as the node applies it", () => {
  assert.deepEqual([...windowTable(128, 256)], [...Array(256).keys()]);
  const step = windowTable(100, 1);
  assert.deepEqual([step[99], step[100]], [0, 255]);
  const narrow = windowTable(128, 65);
  assert.deepEqual([narrow[95], narrow[160], narrow[127]], [0, 255, 126]);
});

test("durations in microseconds lose nothing", () => {
  const durations = Array(1001).fill(1000 / 30);
  const whole = microseconds(durations);
  near(whole.reduce((sum, each) => sum + each, 0), (1001 * 1e6) / 30, 0.5);
  assert.ok(whole.every((each) => each === 33333 || each === 33334));
});

test("an MP4 has every picture with its duration", () => {
  const samples = [[5, 40000, true], [7, 60000, false], [6, 60000, false], [9, 50000, true]]
    .map(([length, duration, key], index) => ({ data: new Uint8Array(length).fill(index + 1), duration, key }));
  const file = mp4({ width: 320, height: 600, description: Uint8Array.of(1, 66, 0, 30), samples });
  const boxes = parse(file);
  assert.deepEqual(boxes.map((each) => each.name), ["ftyp", "moov", "mdat"]);
  const flat = new Map();
  walk(boxes, flat);
  const view = (name) => new DataView(flat.get(name).buffer, flat.get(name).byteOffset);
  assert.equal(view("mdhd").getUint32(12), TIMESCALE);
  assert.equal(view("mdhd").getUint32(16), 210000);
  const stts = view("stts");
  assert.deepEqual([stts.getUint32(4), stts.getUint32(8), stts.getUint32(12), stts.getUint32(16), stts.getUint32(20), stts.getUint32(24), stts.getUint32(28)],
    [3, 1, 40000, 2, 60000, 1, 50000]);
  assert.equal(view("stco").getUint32(8), file.indexOf(1, file.length - 27 - 1));
  assert.deepEqual([...file.subarray(file.length - 27, file.length - 22)], [1, 1, 1, 1, 1]);
  assert.deepEqual([view("stss").getUint32(4), view("stss").getUint32(8), view("stss").getUint32(12)], [2, 1, 4]);
  assert.throws(() => mp4({ width: 2, height: 2, description: [], samples: samples.slice(1) }), /key/);
});

const INSIDE = { moov: 0, trak: 0, mdia: 0, minf: 0, stbl: 0, dinf: 0 };
function parse(file) {
  const found = [];
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  for (let at = 0; at < file.length;) {
    const length = view.getUint32(at);
    assert.ok(length >= 8 && at + length <= file.length);
    const name = String.fromCharCode(...file.subarray(at + 4, at + 8));
    found.push({ name, content: file.subarray(at + 8, at + length) });
    at += length;
  }
  return found;
}
function walk(boxes, flat) {
  for (const each of boxes) {
    flat.set(each.name, each.content);
    if (each.name in INSIDE) walk(parse(each.content), flat);
  }
}

test("an image without a thumbnail shows its middle frame, and a document nothing", () => {
  const image = { sop_instance_uid: "1.2", rows: 4, frames: 5, is_here: true, thumbnail: true };
  assert.equal(thumbnailOf(image), "api/instances/1.2/thumbnail");
  assert.equal(thumbnailOf({ ...image, thumbnail: false }), "api/instances/1.2/frames/3?quality=60");
  assert.equal(thumbnailOf({ ...image, rows: 0 }), "");
  assert.equal(thumbnailOf({ ...image, is_here: false }), "");
});

test("dates in the address are read back, and nothing else is", () => {
  assert.equal(rangeText("2026-11-01", ""), "20261101-");
  assert.equal(rangeText("", ""), "");
  assert.deepEqual(rangeOf("20261101-20261130"), { from: "2026-11-01", to: "2026-11-30" });
  assert.deepEqual(rangeOf("Doe"), { from: "", to: "" });
});
