// What the outbox shows, and how it stays new: asked every two seconds while the screen is open.
import { get, part } from "../core/api.js";
import { changed } from "../core/state.js";

const EVERY_MS = 2000;
const MOST_PAGES = 5; // of a list that is read again; further ones are a person's own "Show more"

// answer: of GET api/outbox. lists: archive -> {name, items, next, pages, error}. selected: "archive uid".
export const outbox = { answer: null, error: null, answeredAt: 0, lists: new Map(), selected: new Set() };

let timer = 0;
let open = false;
let counts = "";

export function enter() {
  open = true;
  loop();
}

export function leave() {
  open = false;
  clearTimeout(timer);
  Object.assign(outbox, { answer: null, error: null, lists: new Map(), selected: new Set() });
  counts = "";
}

async function loop() {
  clearTimeout(timer);
  if (!document.hidden) await reload();
  if (open) timer = setTimeout(loop, EVERY_MS);
}

export async function reload() {
  try {
    const answer = await get("api/outbox");
    if (!open) return;
    Object.assign(outbox, { answer, error: null, answeredAt: performance.now() });
    const now = JSON.stringify(answer.archives.map((each) => [each.waiting, each.sending, each.sent_not_proved, each.held]));
    if (now !== counts) await Promise.all([...outbox.lists.keys()].map(reloadList));
    counts = now;
  } catch (error) {
    outbox.error = error;
  }
  if (open) changed();
}

const address = (archive, list, after) => `api/outbox/${part(archive)}/items?list=${list}&after=${after}`;

export async function showList(archive, name) {
  if (outbox.lists.get(archive)?.name === name) {
    outbox.lists.delete(archive);
    select(keysOf(archive), false);
    changed();
    return;
  }
  outbox.lists.set(archive, { name, items: null, next: null, pages: 1, error: null });
  select(keysOf(archive), false);
  changed();
  await reloadList(archive);
  changed();
}

export async function showMore(archive) {
  const list = outbox.lists.get(archive);
  try {
    const page = await get(address(archive, list.name, list.next));
    Object.assign(list, { items: [...list.items, ...page.items], next: page.next, pages: list.pages + 1, error: null });
  } catch (error) {
    list.error = error;
  }
  changed();
}

async function reloadList(archive) {
  const list = outbox.lists.get(archive);
  try {
    const items = [];
    let next = 0;
    for (let turn = 0; turn < Math.min(list.pages, MOST_PAGES) && next !== null; turn += 1) {
      const page = await get(address(archive, list.name, next));
      items.push(...page.items);
      next = page.next;
    }
    if (outbox.lists.get(archive) !== list) return; // another one was chosen meanwhile
    Object.assign(list, { items, next, error: null });
    const shown = new Set(items.map((item) => keyOf(archive, item)));
    for (const key of keysOf(archive)) if (!shown.has(key)) outbox.selected.delete(key);
  } catch (error) {
    list.error = error;
  }
}

export const keyOf = (archive, item) => `${archive} ${item.sop_instance_uid}`;
const keysOf = (archive) => [...outbox.selected].filter((key) => key.startsWith(`${archive} `));

export function select(keys, chosen) {
  for (const key of keys) {
    if (chosen) outbox.selected.add(key);
    else outbox.selected.delete(key);
  }
  changed();
}

// The items that are selected of an archive's open list.
export function selectedItems(archive) {
  const items = outbox.lists.get(archive)?.items ?? [];
  return items.filter((item) => outbox.selected.has(keyOf(archive, item)));
}
