// The studies that are listed: what was asked for, what was found, and where the list goes on.
//
// Rules
// - What a person types stays in this page: not in the address, not in the history. Dates may.
// - An answer counts only while its question is the last one.

import { changed } from "../core/state.js";
import { post } from "../core/api.js";

const WAIT_MS = 250; // of typing

export const list = { text: "", from: "", to: "", studies: [], next: "", loading: false, error: null, asked: false };

let turn = 0;
let timer = 0;

async function ask(cursor) {
  turn += 1;
  const mine = turn;
  list.loading = true;
  list.error = null;
  changed();
  try {
    const found = await post("api/studies/search", { text: list.text, from: list.from, to: list.to, cursor }, { timeoutMs: 30000 });
    if (mine !== turn) return;
    list.studies = cursor ? [...list.studies, ...found.studies] : found.studies;
    list.next = found.next;
    list.asked = true;
  } catch (error) {
    if (mine === turn) list.error = error;
  } finally {
    if (mine === turn) { list.loading = false; changed(); }
  }
}

export const search = () => { clearTimeout(timer); return ask(""); };
export const more = () => ask(list.next);

export function typed(changes) {
  Object.assign(list, changes);
  clearTimeout(timer);
  timer = setTimeout(search, WAIT_MS);
  changed();
}

export const isFiltered = () => Boolean(list.text || list.from || list.to);

// Dates in the address: "20261101-20261130", either side may be missing. Pure.
export const rangeText = (from, to) => (from || to ? `${from.replaceAll("-", "")}-${to.replaceAll("-", "")}` : "");
export function rangeOf(text) {
  const found = /^(\d{8})?-(\d{8})?$/.exec(text ?? "");
  const dashed = (date) => (date ? `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}` : "");
  return found ? { from: dashed(found[1]), to: dashed(found[2]) } : { from: "", to: "" };
}
