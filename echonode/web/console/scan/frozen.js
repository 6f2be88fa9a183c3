// The ring of a freeze: its frames by number, fetched as they are looked at.
//
// Rules
// - The frame that was on the screen when Freeze was pressed is the first that is shown.
// - While a thumb drags, only the newest frame asked for is fetched; at most KEPT are held.

import { blob, del, part, post } from "../core/api.js";
import { draw, setGeometry, shown } from "./picture.js";

const KEPT = 90;

// Freezes an exam's probe. Throws ApiError. onchange(): the shown frame is another.
export async function freeze(examId, onchange) {
  const wanted = shown.sequence;
  const { freeze: id, frames, geometry } = await post(`api/exams/${part(examId)}/freeze`);
  if (geometry) setGeometry(geometry);
  let at = frames.findLastIndex((frame) => wanted !== null && frame.sequence <= wanted);
  if (at < 0) at = frames.length - 1;
  const kept = new Map(); // sequence -> ImageBitmap, oldest use first
  let fetching = false;
  let ended = false;
  let problem = null;

  async function picture(sequence) {
    const known = kept.get(sequence);
    if (known) {
      kept.delete(sequence);
      kept.set(sequence, known);
      return known;
    }
    const bitmap = await createImageBitmap(await blob(`api/exams/${part(examId)}/freeze/${part(id)}/frames/${sequence}`));
    kept.set(sequence, bitmap);
    if (kept.size > KEPT) {
      const [oldest, old] = kept.entries().next().value;
      kept.delete(oldest);
      old.close();
    }
    return bitmap;
  }

  async function follow() {
    if (fetching) return;
    fetching = true;
    try {
      while (!ended && frames[at].sequence !== shown.sequence) {
        const frame = frames[at];
        const bitmap = await picture(frame.sequence);
        if (!ended && frame === frames[at]) draw({ sequence: frame.sequence }, bitmap);
      }
      problem = null;
    } catch (error) {
      problem = error;
    } finally {
      fetching = false;
      onchange();
    }
  }

  const ring = {
    id,
    frames,
    get at() { return at; },
    get frame() { return frames[at]; },
    get problem() { return problem; },
    // Seconds before the newest frame.
    get secondsBack() { return frames[frames.length - 1].at_s - frames[at].at_s; },
    show(index) {
      at = Math.max(0, Math.min(frames.length - 1, index));
      onchange();
      follow();
    },
    step(count) { ring.show(at + count); },
    end() {
      ended = true;
      for (const bitmap of kept.values()) bitmap.close();
      kept.clear();
      return del(`api/exams/${part(examId)}/freeze/${part(id)}`).catch(() => {}); // it expires by itself
    },
  };
  if (frames[at].sequence !== wanted) follow();
  return ring;
}
