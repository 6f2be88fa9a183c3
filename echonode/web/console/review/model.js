// What the review shows: one image, its measurements, its study and exam; fetched and kept up to date.
//
// Rules
// - open(uid) fetches all of it; only what concerns the image that is shown now is kept.
// - The image is asked for again while an archive has still to prove it, so that its steps fill.

import { changed, onStatus } from "../core/state.js";
import { del, get, part, post } from "../core/api.js";
import { proofOf } from "../core/parts.js";

const EVERY_MS = 3000;

export const review = { uid: "", view: null, error: null, measurements: [], study: null, exam: null, documents: [] };

let stop = () => {};
let askedAt = 0;

const isShown = (uid) => review.uid === uid;

export async function open(uid) {
  Object.assign(review, { uid, view: null, error: null, measurements: [], exam: null, documents: [] });
  if (!review.study?.series_list.some((series) => series.instances.some((each) => each.sop_instance_uid === uid))) review.study = null;
  changed();
  stop();
  stop = onStatus(() => { if (performance.now() - askedAt > EVERY_MS) refresh(uid); });
  askedAt = performance.now();
  try {
    const view = await get(`api/instances/${part(uid)}`);
    if (!isShown(uid)) return;
    review.view = view;
    changed();
    await Promise.all([measurements(uid), study(view), exam(view)]);
  } catch (error) {
    if (isShown(uid)) { review.error = error; changed(); }
  }
}

export function leave() {
  stop();
  stop = () => {};
}

const wanted = (proof) => {
  const { done, all, held } = proofOf(proof);
  return proof.some((each) => each.destination) && (done < all || held);
};

async function refresh(uid) {
  if (!isShown(uid) || !review.view || !wanted(review.view.proof)) return;
  askedAt = performance.now();
  try {
    const view = await get(`api/instances/${part(uid)}`);
    if (isShown(uid) && review.view) { Object.assign(review.view, { proof: view.proof, replaced_by: view.replaced_by, rejected_by: view.rejected_by }); changed(); }
  } catch { /* the shell says that the node is away */ }
}

async function measurements(uid) {
  const all = await get(`api/instances/${part(uid)}/measurements`);
  if (isShown(uid)) { review.measurements = all.filter((each) => !each.deleted_at); changed(); }
}

async function study(view) {
  if (review.study) return;
  const found = await get(`api/studies/${part(view.study.study_instance_uid)}`);
  if (!isShown(view.sop_instance_uid)) return;
  // Two patients under one UID are two studies: only the image's own is shown.
  const has = (each) => each.series_list.some((series) => series.instances.some((one) => one.sop_instance_uid === view.sop_instance_uid));
  if (has(found)) review.study = found;
  else {
    for (const row of found.other_rows) {
      const other = await get(`api/studies/${part(view.study.study_instance_uid)}?row=${row}`);
      if (has(other)) { review.study = other; break; }
    }
  }
  changed();
}

async function exam(view) {
  if (!view.exam) return;
  const found = await get(`api/exams/${part(view.exam)}`);
  if (isShown(view.sop_instance_uid)) { review.exam = found; changed(); }
  await documents(view.exam);
}

// Reports and kept views of the image's exam.
export async function documents(examId = review.exam?.id) {
  const { uid } = review;
  if (!examId) return;
  const found = await get(`api/exams/${part(examId)}/reports`);
  if (isShown(uid)) { review.documents = found; changed(); }
}

export async function keep(draft, frame, label) {
  const { uid } = review;
  const made = await post(`api/instances/${part(uid)}/measurements`, { kind: draft.kind, points: draft.points, frame, label });
  if (isShown(uid)) { review.measurements = [...review.measurements, made]; changed(); }
  return made;
}

export async function remove(id) {
  const { uid } = review;
  await del(`api/instances/${part(uid)}/measurements/${part(id)}`);
  if (isShown(uid)) { review.measurements = review.measurements.filter((each) => each.id !== id); changed(); }
}

// The images of the study in the order they were taken, those of another kind left out.
export function siblings() {
  return review.study ? review.study.series_list.flatMap((series) => series.instances).filter((each) => each.rows && each.is_here) : [];
}
