// What a person fills in of a report, and the request that it becomes. Pure.
//
// Rules
// - A choice of the template is text like any other: pressed again it is taken out, and typed text stays.
// - What is measured is chosen already; key images are the frames that were measured, or the first four.

export const MOST_UNMEASURED = 4;
const IMAGES = ["capture", "corrected"];

// The images of an exam that stand, in their order.
export const imagesOf = (exam) => (exam.instances ?? []).filter((each) => IMAGES.includes(each.kind) && !each.rejected_by && !each.replaced_by);

// What was measured and stands, on an image that stands; one that a correction replaced has the same pixels.
export function standing(measurements, exam) {
  const now = new Map(imagesOf(exam).flatMap((each) => [[each.sop_instance_uid, each.sop_instance_uid], [each.replaces, each.sop_instance_uid]]));
  return measurements.filter((each) => !each.deleted_at && now.has(each.sop_instance_uid))
    .map((each) => ({ ...each, sop_instance_uid: now.get(each.sop_instance_uid) }));
}

const keyOf = (uid, frame) => `${uid}/${frame}`;

// Frames that may be shown: each that was measured, and the first of every image.
export function framesOf(exam, measurements) {
  const images = imagesOf(exam);
  const numbers = new Map(images.map((each) => [each.sop_instance_uid, each.instance_number]));
  const found = new Map();
  const add = (uid, frame, measured) => {
    const before = found.get(keyOf(uid, frame));
    found.set(keyOf(uid, frame), { key: keyOf(uid, frame), uid, frame, number: numbers.get(uid), measured: measured || Boolean(before?.measured) });
  };
  for (const each of images) add(each.sop_instance_uid, 1, false);
  for (const each of measurements) add(each.sop_instance_uid, each.frame, true);
  const place = new Map(images.map((each, index) => [each.sop_instance_uid, index]));
  return [...found.values()].sort((one, other) => place.get(one.uid) - place.get(other.uid) || one.frame - other.frame);
}

// A form as it is first shown.
export function emptyForm(template, frames, measurements) {
  const measured = frames.filter((each) => each.measured);
  return {
    template, findings: {}, conclusion: "",
    measurements: new Set(measurements.map((each) => each.id)),
    keys: new Set((measured.length ? measured : frames.slice(0, MOST_UNMEASURED)).map((each) => each.key)),
  };
}

export const isChosen = (text, choice) => parts(text).includes(choice);

// A choice put into a text or taken out of it; what a person typed stays.
export function toggled(text, choice, apart = ", ") {
  const all = parts(text);
  return (all.includes(choice) ? all.filter((each) => each !== choice) : [...all, choice]).join(apart);
}

// Sentences keep their points: "No free fluid. Seen twice." has two parts.
const parts = (text) => text.split(/(?<=[.!?])\s+|,\s+|\n+/u).map((each) => each.trim()).filter(Boolean);

export const without = (set, value) => new Set([...set].filter((each) => each !== value));
export const flipped = (set, value) => (set.has(value) ? without(set, value) : new Set([...set, value]));

// Whether there is anything to report.
export const isEmpty = (form) => !form.conclusion.trim() && !form.measurements.size && !Object.values(form.findings).some((text) => text.trim());

export function requestOf(form, frames, language) {
  return {
    template: form.template, language,
    findings: Object.fromEntries(Object.entries(form.findings).filter(([, text]) => text.trim())),
    conclusion: form.conclusion.trim(),
    key_images: frames.filter((each) => form.keys.has(each.key)).map((each) => ({ sop_instance_uid: each.uid, frame: each.frame })),
    measurements: [...form.measurements],
  };
}

// The part of an image that is seen in a box, in image coordinates; null where all of it is.
export function visiblePart(place, box, view) {
  const [left, top] = [-place.left / place.sx, -place.top / place.sy];
  const [right, bottom] = [left + box.width / place.sx, top + box.height / place.sy];
  const area = [Math.max(0, left), Math.max(0, top), Math.min(view.columns, right), Math.min(view.rows, bottom)];
  return area[0] <= 0 && area[1] <= 0 && area[2] >= view.columns && area[3] >= view.rows ? null : area;
}
