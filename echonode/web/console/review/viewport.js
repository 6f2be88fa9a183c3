// Where an image lies on the screen: fitted, zoomed, moved. Pure; CSS pixels and image coordinates.
//
// Rules
// - A place is {left, top, sx, sy}: an image's [column, row] is at [left + column * sx, top + row * sy].
// - sy / sx is the shape of a pixel (view.pixel_ratio), so that pictures are never distorted.
// - zoom 1 shows the whole image; the picture cannot be moved out of sight.

export const MOST_ZOOM = 12;

export function fit(box, image, { zoom = 1, x = 0, y = 0 } = {}) {
  const ratio = image.ratio || 1;
  const scale = Math.min(box.width / image.columns, box.height / (image.rows * ratio)) * zoom;
  const [sx, sy] = [scale, scale * ratio];
  return {
    left: (box.width - image.columns * sx) / 2 + x, top: (box.height - image.rows * sy) / 2 + y, sx, sy,
  };
}

export const toScreen = (place, [column, row]) => [place.left + column * place.sx, place.top + row * place.sy];
export const toImage = (place, [x, y]) => [(x - place.left) / place.sx, (y - place.top) / place.sy];

// The zoom changed by `factor` with the image's point under [x, y] staying there.
export function zoomAt(box, image, at, factor, [x, y]) {
  const zoom = Math.min(MOST_ZOOM, Math.max(1, at.zoom * factor));
  const point = toImage(fit(box, image, at), [x, y]);
  const [nx, ny] = toScreen(fit(box, image, { ...at, zoom }), point);
  return kept(box, image, { zoom, x: at.x + (x - nx), y: at.y + (y - ny) });
}

export const moved = (box, image, at, dx, dy) => kept(box, image, { ...at, x: at.x + dx, y: at.y + dy });

// Moved no further than its edges: a smaller picture stays in the middle.
function kept(box, image, at) {
  const place = fit(box, image, { zoom: at.zoom });
  const most = (available, used) => Math.max(0, (used - available) / 2);
  const [mx, my] = [most(box.width, image.columns * place.sx), most(box.height, image.rows * place.sy)];
  const within = (limit, value) => (limit ? Math.min(limit, Math.max(-limit, value)) : 0);
  return { zoom: at.zoom, x: within(mx, at.x), y: within(my, at.y) };
}

// What a screen shows for each of 256 values under a window (PS3.3 C.11.2.1.2.1).
export function windowTable(center, width) {
  const table = new Uint8ClampedArray(256);
  for (let value = 0; value < 256; value += 1) {
    table[value] = width <= 1 ? (value > center - 0.5 ? 255 : 0)
      : Math.round(((value - (center - 0.5)) / (width - 1) + 0.5) * 255);
  }
  return table;
}

export const isWhole = (window) => window.center === 128 && window.width === 256;
