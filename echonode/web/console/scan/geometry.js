// Where millimetres are in the picture. Pure.
//
// Rules
// - A picture is shown with square pixels: a millimetre is as long across as it is down.
// - Depth is counted from the transducer's face on the middle line. geometry.depth_mm is the depth of the
//   deepest row, so the scale hangs from the bottom of the region.
// - A sender of finished pictures (OpenIGTLink) gives the size of a pixel, and not where the face is: the scale then
//   counts from the top of the region, and says so. Without the size of a pixel there is no scale, and it says why.

// {x, y}: how far a pixel is stretched so that pixels are square.
export function stretch(geometry) {
  const region = geometry?.regions?.[0];
  if (!region || !(region.physical_delta_x_mm > 0) || !(region.physical_delta_y_mm > 0)) return { x: 1, y: 1 };
  return { x: 1, y: region.physical_delta_y_mm / region.physical_delta_x_mm };
}

// The largest size in CSS pixels that fits, with square pixels.
export function fitted(geometry, width, height, room) {
  const { x, y } = stretch(geometry);
  if (!width || !height || room.width <= 0 || room.height <= 0) return { width: 0, height: 0 };
  const scale = Math.min(room.width / (width * x), room.height / (height * y));
  return { width: Math.floor(width * x * scale), height: Math.floor(height * y * scale) };
}

// What the scale counts: {mm: at the deepest row, from: "face" or "top"}; null where the picture is not calibrated.
export function scaleOf(geometry) {
  const region = geometry?.regions?.[0];
  if (!region || !(region.physical_delta_y_mm > 0)) return null;
  if (geometry.depth_mm) return { mm: geometry.depth_mm, from: "face" };
  return { mm: (region.y1 + 1 - region.y0) * region.physical_delta_y_mm, from: "top" };
}

// The key of the words that say why there is no scale.
const NO_SCALE = ["not_given", "not_believed", "skewed", "too_large"];
export const noScaleKey = (geometry) => `scan.no_scale.${NO_SCALE.includes(geometry?.no_scale) ? geometry.no_scale : "unknown"}`;

// Marks of the scale: [{mm, y (share of the picture's height), major}]; [] where it is not calibrated.
export function depthMarks(geometry, height) {
  const scale = scaleOf(geometry);
  if (!scale || !height) return [];
  const region = geometry.regions[0];
  const perRow = region.physical_delta_y_mm;
  const bottom = region.y1 + 1;
  const step = scale.mm > 60 ? 10 : 5;
  const marks = [];
  for (let mm = 0; mm <= scale.mm + 1e-6; mm += step) {
    const row = bottom - (scale.mm - mm) / perRow;
    if (row >= region.y0 - 0.5 && row <= bottom + 0.5) marks.push({ mm, y: row / height, major: step === 5 ? mm % 10 === 0 : mm % 50 === 0 });
  }
  return marks;
}

// What a mark says: centimetres, or millimetres in a shallow picture.
export const depthWord = (mm, depth) => (depth > 60 ? `${mm / 10}` : `${mm}`);
export const depthUnit = (depth) => (depth > 60 ? "cm" : "mm");

// The gain curve as points of a polyline: x 0 to 1 from least to most gain, y the share of the height.
export function gainPoints(geometry, height) {
  const curve = geometry?.gain_curve;
  const region = geometry?.regions?.[0];
  if (!curve || curve.length < 2 || !region || !geometry.depth_mm) return [];
  const gains = curve.map(([, gain]) => gain);
  const least = Math.min(...gains), span = Math.max(...gains) - least || 1;
  const bottom = region.y1 + 1;
  return curve.map(([mm, gain]) => ({
    x: (gain - least) / span, y: (bottom - (geometry.depth_mm - mm) / region.physical_delta_y_mm) / height,
  })).filter((each) => each.y >= 0 && each.y <= 1);
}
