// The status page: asks the node every few seconds and draws what it says. When the node does not
// answer, the page says so within seconds and keeps the last state, greyed.
import { alarmCards, destinationCard, probeCard, verdict } from "./cards.js";
import { byId, duration, element, localTime, refreshTimes } from "./elements.js";
import { studies } from "./rows.js";

const EVERY_MS = 2000;
const TIMEOUT_MS = 4000;
const STALE_MS = 6000; // two refreshes missed
const LAST = 60;
// The rows are read again when the counts say that they have changed, and at times for their reasons.
const ROWS_EVERY = 10;

let answeredAt = 0; // by the browser's clock, for the age of what is shown
let drawnCounts = "";
let drawnRows = "";
let turn = 0;

function say(colour, text) {
  const line = byId("verdict");
  if (line.textContent === text) return; // a screen reader is not told the same again
  line.className = `verdict ${colour}`;
  line.textContent = text;
}

const orNone = (items, text) => (items.length ? items : [element("li", { className: "card quiet", text })]);

async function ask(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

async function drawRows(counts, now) {
  if (counts === drawnCounts && turn++ % ROWS_EVERY !== 0) return;
  const rows = await ask(`api/recent?last=${LAST}`);
  const text = JSON.stringify(rows);
  if (text !== drawnRows) {
    if (!byId("studies")) return;
    const changed = () => { drawnCounts = ""; refresh().catch(() => {}); };
    byId("studies").replaceChildren(...studies(rows, now, changed));
    drawnRows = text;
  }
  drawnCounts = counts;
}

// Redrawn only when it says something else, so that a selection or a screen reader is not disturbed.
const drawn = new Map();
function draw(id, values, make) {
  const text = JSON.stringify(values);
  if (drawn.get(id) === text) return;
  byId(id).replaceChildren(...make());
  drawn.set(id, text);
}

async function refresh() {
  const status = await ask("api/status");
  const now = new Date(status.now);
  if (!byId("ae-title")) return; // the screen was left meanwhile
  byId("ae-title").textContent = status.ae_title;
  draw("probes", status.probes, () => orNone(status.probes.map(probeCard), "No probe is configured"));
  draw("destinations", status.destinations,
    () => orNone(status.destinations.map(destinationCard), "No archive is configured"));
  draw("alarms", [status.alarms, status.problems, status.captures_lost], () => alarmCards(status));
  byId("facts").textContent = `EchoNode ${status.version} · running since ` +
    `${localTime(new Date(status.started_at), false)} · ${Math.round(status.disk_free_percent)}% of the disk is free, ` +
    `space for ${duration(status.minutes_of_cine * 60)} of recording`;
  await drawRows(JSON.stringify(status.destinations.map((d) => d.deliveries)), now);
  refreshTimes(now);
  answeredAt = Date.now();
  document.querySelector(".old-overview")?.classList.remove("stale");
  say(...verdict(status));
}

// Apart from the questions, so that an answer that never comes is seen as well.
function watch() {
  if (!byId("updated")) return;
  const age = Date.now() - answeredAt;
  const stale = answeredAt !== 0 && age > STALE_MS;
  if (answeredAt) byId("updated").textContent = stale
    ? `Not up to date: state of ${localTime(new Date(answeredAt))}`
    : "Live";
  if (stale || (!answeredAt && performance.now() > STALE_MS)) {
    document.querySelector(".old-overview")?.classList.add("stale");
    say("bad", "The node does not answer");
  }
}

// Begins once the screen is on the page; gives back what ends it.
export function startOverview() {
  let goesOn = true;
  drawn.clear();
  drawnCounts = drawnRows = "";
  turn = 0;
  async function loop() {
    try {
      await refresh();
    } catch {
      drawnCounts = "";
    }
    if (goesOn) setTimeout(loop, EVERY_MS);
  }
  const watching = setInterval(watch, 1000);
  loop();
  return () => {
    goesOn = false;
    clearInterval(watching);
  };
}
