// Lengths, areas and angles on an ultrasound image. Pure; the same formulas as model/measurement.py.
//
// Rules
// - Points are [column, row] in image coordinates: [0, 0] is the corner of the first pixel, its middle is
//   [0.5, 0.5]. A region's pixels x0 to x1 are inside it, so its coordinates go from x0 to x1 + 1.
// - Computed in millimetres by the region's own deltas in X and Y, which may differ.
// - What is shown while a person measures comes from here; the value that is kept is the node's own.
// - measure() gives {results, region} or {why}: none, outside, two, or the region's own why_not.

export const KINDS = ["distance", "ellipse", "area", "angle"];
export const MOST_POINTS = 500;
const LEAST_MM = 1e-6;

export function regionAt(regions, [x, y]) {
  let best = null;
  for (const each of regions) {
    if (x < each.x0 || x > each.x1 + 1 || y < each.y0 || y > each.y1 + 1) continue;
    if (best === null || before(each, best)) best = each;
  }
  return best;
}

const size = (region) => (region.x1 - region.x0 + 1) * (region.y1 - region.y0 + 1);
const before = (one, other) => (Boolean(one.low_priority) !== Boolean(other.low_priority)
  ? !one.low_priority : size(one) < size(other));
const alike = (one, other) => ["x0", "y0", "x1", "y1", "physical_delta_x_mm", "physical_delta_y_mm"]
  .every((name) => one[name] === other[name]);

export function regionOfAll(regions, points) {
  if (!regions.length) return { why: "none" };
  const found = points.map((point) => regionAt(regions, point));
  if (found.includes(null)) return { why: "outside" };
  for (const each of found) if (each.why_not) return { why: each.why_not };
  if (found.some((each) => !alike(each, found[0]))) return { why: "two" };
  return { region: found[0] };
}

const inMm = (region, [x, y]) => [x * region.physical_delta_x_mm, y * region.physical_delta_y_mm];
const length = ([x1, y1], [x2, y2]) => Math.hypot(x2 - x1, y2 - y1);

export function measure(kind, points, regions) {
  const { region, why } = regionOfAll(regions, points);
  if (why) return { why };
  const placed = points.map((point) => inMm(region, point));
  const results = {
    distance: ofDistance, angle: ofAngle, ellipse: ofEllipse, area: ofOutline,
  }[kind](placed);
  return results ? { results, region } : { why: "nothing" };
}

const result = (name, value, unit) => ({ name, value, unit });

function ofDistance([one, other]) {
  const value = length(one, other);
  return value < LEAST_MM ? null : [result("length", value, "mm")];
}

function ofAngle([first, corner, last]) {
  if (length(first, corner) < LEAST_MM || length(last, corner) < LEAST_MM) return null;
  const [ax, ay, bx, by] = [first[0] - corner[0], first[1] - corner[1], last[0] - corner[0], last[1] - corner[1]];
  const value = Math.atan2(Math.abs(ax * by - ay * bx), ax * bx + ay * by) * (180 / Math.PI);
  return [result("angle", value, "deg")];
}

function ofEllipse([a1, a2, b1, b2]) {
  const [one, other] = [length(a1, a2), length(b1, b2)];
  if (one < LEAST_MM || other < LEAST_MM) return null;
  return [
    result("area", Math.PI * (one / 2) * (other / 2), "mm2"),
    result("circumference", ellipseCircumference(one / 2, other / 2), "mm"),
    result("major_axis", Math.max(one, other), "mm"),
    result("minor_axis", Math.min(one, other), "mm"),
  ];
}

// Exact, by the arithmetic-geometric mean (Abramowitz and Stegun 17.6).
export function ellipseCircumference(half, otherHalf) {
  const [a, b] = [Math.max(half, otherHalf), Math.min(half, otherHalf)];
  let [an, bn, total, power] = [a, b, 0.5 * (a * a - b * b), 1];
  for (let turn = 0; turn < 40; turn += 1) {
    const cn = (an - bn) / 2;
    if (cn <= 1e-16 * a) break;
    [an, bn] = [(an + bn) / 2, Math.sqrt(an * bn)];
    total += power * cn * cn;
    power *= 2;
  }
  return (2 * Math.PI * (a * a - total)) / an;
}

function ofOutline(placed) {
  const edges = placed.map((point, index) => [point, placed[(index + 1) % placed.length]]);
  if (placed.length < 3 || crossesItself(edges)) return null;
  const [x, y] = placed[0];
  let [doubled, around] = [0, 0];
  for (const [[x1, y1], [x2, y2]] of edges) {
    doubled += (x1 - x) * (y2 - y) - (x2 - x) * (y1 - y);
    around += Math.hypot(x2 - x1, y2 - y1);
  }
  if (Math.abs(doubled) < LEAST_MM) return null;
  return [result("area", Math.abs(doubled) / 2, "mm2"), result("perimeter", around, "mm")];
}

export function crossesItself(edges) {
  for (let one = 0; one < edges.length; one += 1) {
    for (let other = one + 1; other < edges.length; other += 1) {
      const [[a, b], [c, d]] = [edges[one], edges[other]];
      if (side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0) return true;
    }
  }
  return false;
}

const side = (a, b, p) => (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]);

// The four ends of an ellipse's axes: one axis, and a point that its outline goes through.
export function ellipseOf(first, second, through, region) {
  const [dx, dy] = [region.physical_delta_x_mm, region.physical_delta_y_mm];
  const [x1, y1] = inMm(region, first);
  const [x2, y2] = inMm(region, second);
  const [px, py] = inMm(region, through);
  const axis = Math.hypot(x2 - x1, y2 - y1);
  if (axis < LEAST_MM) return [first, second, first, first];
  const [ux, uy] = [(x2 - x1) / axis, (y2 - y1) / axis];
  const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2];
  const half = Math.abs(-uy * (px - mx) + ux * (py - my));
  return [first, second,
    [(mx - uy * half) / dx, (my + ux * half) / dy],
    [(mx + uy * half) / dx, (my - ux * half) / dy]];
}

// Points around an ellipse given by its four axis ends, to draw it: exact for any shape of pixel.
export function ellipseOutline([a1, a2, b1, b2], count = 72) {
  const [mx, my] = [(a1[0] + a2[0]) / 2, (a1[1] + a2[1]) / 2];
  const [ax, ay] = [(a2[0] - a1[0]) / 2, (a2[1] - a1[1]) / 2];
  const [bx, by] = [(b2[0] - b1[0]) / 2, (b2[1] - b1[1]) / 2];
  return Array.from({ length: count }, (_, index) => {
    const turn = (2 * Math.PI * index) / count;
    return [mx + ax * Math.cos(turn) + bx * Math.sin(turn), my + ay * Math.cos(turn) + by * Math.sin(turn)];
  });
}

// How many points a person sets: an outline is closed by hand.
export const pointsWanted = (kind) => ({ distance: 2, angle: 3, ellipse: 3, area: MOST_POINTS })[kind];
