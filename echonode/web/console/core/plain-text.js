// Text that came over a network, made harmless to look at. Pure.
//
// Rules
// - A control character, and a mark that turns the direction of what follows (U+202E and the like), is
//   shown as U+FFFD: it can neither hide a part of a text nor reorder the words around it.
// - A text without end is cut, so that one name cannot push everything else off a screen.
// - A value written from right to left stands isolated in a sentence of the other direction.

// C0 but tab and line end, DEL, C1, the bidirectional marks and overrides, line and paragraph separators,
// and what is invisible but for its effect on its neighbours.
const HARMFUL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
// A long error has some hundred characters; DICOM's longest name has 192.
export const LONGEST = 2000;

export function plain(text) {
  const whole = String(text);
  const cut = whole.length > LONGEST ? `${whole.slice(0, LONGEST)}…` : whole;
  return cut.replace(HARMFUL, "\ufffd");
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

// A value inside a sentence: in Unicode's isolates (UAX 9, 2.4) where it has a direction of its own.
export function isolated(value) {
  const text = plain(value);
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;
}

// What reaches the page: as `plain`, but for the isolates that isolated() has put there.
export function shown(text) {
  const whole = String(text);
  const cut = whole.length > LONGEST ? `${whole.slice(0, LONGEST)}…` : whole;
  return cut.replace(HARMFUL, (mark) => (mark === "\u2068" || mark === "\u2069" ? mark : "\ufffd"));
}
