// The frames of an image, fetched ahead of what is shown and kept within a limit.
//
// Rules
// - Pictures stay as they came (JPEG) once fetched; decoded ones are kept up to DECODED_BYTES, the least
//   recently shown go first.
// - AT_ONCE are fetched at a time, from the one that is shown on.
// - A frame that the node cannot make is remembered with its error, and not asked for again.

import { blob, part } from "../core/api.js";
import { loadOrder } from "./playback.js";

const AT_ONCE = 4;
const DECODED_BYTES = 192e6;
const LEAST_DECODED = 8;

// onload(): another frame is there. query(): of each request, "" or "?window_center=...".
export function frameStore(view, { onload, query = () => "" }) {
  const files = new Map(); // frame -> Blob
  const decoded = new Map(); // frame -> ImageBitmap, least recently shown first
  const errors = new Map();
  const asked = new Set();
  const most = Math.max(LEAST_DECODED, Math.floor(DECODED_BYTES / (view.rows * view.columns * 4 || 1)));
  let at = 0, working = 0, ended = false, turn = 0;

  async function load(frame, of) {
    working += 1;
    asked.add(frame);
    try {
      if (!files.has(frame)) {
        const got = await blob(`api/instances/${part(view.sop_instance_uid)}/frames/${frame + 1}${query()}`, { timeoutMs: 60000 });
        if (of === turn) files.set(frame, got);
      }
      if (of === turn && !decoded.has(frame) && (frame === at || decoded.size < most)) {
        const picture = await createImageBitmap(files.get(frame));
        if (of === turn && !ended) keep(frame, picture);
        else picture.close();
      }
    } catch (error) {
      if (of === turn) errors.set(frame, error);
    } finally {
      working -= 1;
      asked.delete(frame);
      if (!ended) {
        onload();
        work();
      }
    }
  }

  function keep(frame, picture) {
    decoded.get(frame)?.close();
    decoded.delete(frame);
    decoded.set(frame, picture);
    for (const [oldest, old] of decoded) {
      if (decoded.size <= most) break;
      if (oldest === at) continue;
      decoded.delete(oldest);
      old.close();
    }
  }

  // Nearest first; far ones are only fetched, and decoded when their turn is near.
  function work() {
    const order = loadOrder(view.frames, at);
    const near = new Set(order.slice(0, most - 1));
    for (const frame of order) {
      if (ended || working >= AT_ONCE) return;
      if (asked.has(frame) || errors.has(frame)) continue;
      if (!files.has(frame) || (near.has(frame) && !decoded.has(frame))) {
        if (files.has(frame) && decoded.size >= most) makeRoom(near);
        load(frame, turn);
      }
    }
  }

  function makeRoom(near) {
    for (const [frame, old] of decoded) {
      if (near.has(frame)) continue;
      decoded.delete(frame);
      old.close();
      return;
    }
  }

  return {
    // The frame decoded; null while it is on its way.
    get(frame) {
      const picture = decoded.get(frame) ?? null;
      if (picture) {
        decoded.delete(frame);
        decoded.set(frame, picture);
      }
      return picture;
    },
    error: (frame) => errors.get(frame) ?? null,
    get loaded() { return files.size; },
    // What is shown now: loading goes on from there.
    show(frame) {
      at = frame;
      work();
    },
    // Once decoded; rejects with the node's error.
    async whole(frame) {
      if (!files.has(frame)) {
        const got = await blob(`api/instances/${part(view.sop_instance_uid)}/frames/${frame + 1}${query()}`, { timeoutMs: 60000 });
        files.set(frame, got);
      }
      return createImageBitmap(files.get(frame));
    },
    // Fetches all of it again: another window, say.
    again() {
      turn += 1;
      files.clear();
      errors.clear();
      for (const picture of decoded.values()) picture.close();
      decoded.clear();
      work();
    },
    end() {
      ended = true;
      turn += 1;
      for (const picture of decoded.values()) picture.close();
      decoded.clear();
      files.clear();
    },
  };
}
