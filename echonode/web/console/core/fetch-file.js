// A file that the node makes while it comes: fetched piece by piece, with how much there is so far.
//
// Rules
// - What came is handed to the browser in parts, so that a long file does not fill the page's memory.
// - signal ends it; then it rejects, and nothing is saved.

import { stream } from "./api.js";

const PART_BYTES = 16 * 1024 * 1024;

// oncount(bytes, all): all is 0 where the node does not know it before. Gives back a Blob.
export async function fetchFile(path, { body, signal, type, oncount = () => {} }) {
  const answer = await stream(path, signal, body);
  const all = Number(answer.headers.get("Content-Length")) || 0;
  const parts = [];
  let held = [], size = 0, count = 0;
  const reader = answer.body.getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    held.push(piece.value);
    size += piece.value.length;
    count += piece.value.length;
    if (size >= PART_BYTES) {
      parts.push(new Blob(held));
      [held, size] = [[], 0];
    }
    oncount(count, all);
  }
  return new Blob([...parts, ...held], { type });
}
