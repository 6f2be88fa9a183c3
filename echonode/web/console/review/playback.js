// When which frame of a cine is shown. Pure: times are given in milliseconds.
//
// Rules
// - A frame is shown for its own duration; durations come from the image (Frame Time Vector, Frame Time).
// - The clock decides, not the number of drawings: a slow screen leaves frames out and stays in time.
// - A cine without recorded times is played at ASSUMED_MS a frame, and the screen says so.

export const ASSUMED_MS = 100;
export const SPEEDS = [0.25, 0.5, 1, 2];

export function durationsOf(view) {
  if (view.frames < 2) return [];
  const known = view.frame_durations_ms ?? [];
  return known.length === view.frames ? known : new Array(view.frames).fill(ASSUMED_MS);
}

// When each frame begins; one more entry than frames: the last is the end.
export function startsOf(durations) {
  const starts = [0];
  for (const each of durations) starts.push(starts[starts.length - 1] + each);
  return starts;
}

// The frame (from 0 on) at a moment; starts: of startsOf. Beyond the end: the last frame.
export function frameAt(starts, moment) {
  let [low, high] = [0, starts.length - 2];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (starts[middle] <= moment) low = middle; else high = middle - 1;
  }
  return Math.max(low, 0);
}

// Where a player stands: {moment, ended} after `elapsed` more milliseconds of the clock.
export function advance(starts, moment, elapsed, { speed = 1, loop = true } = {}) {
  const end = starts[starts.length - 1];
  const next = moment + elapsed * speed;
  if (next < end) return { moment: next, ended: false };
  if (!loop || end <= 0) return { moment: end, ended: true };
  return { moment: next % end, ended: false };
}

// The frames to load, nearest first: from the one shown on, round to the one before it.
export function loadOrder(frames, at) {
  return Array.from({ length: frames }, (_, index) => (at + index) % frames);
}
