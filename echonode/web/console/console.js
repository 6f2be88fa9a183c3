// The console: asks the node every few seconds and draws what it says. Values reach the page as
// text only (textContent), so nothing that came over a network can become markup.
"use strict";

const EVERY_MS = 2000;
const LAST = 30;
const MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"; // Ultrasound Multi-frame Image Storage

// state of the ledger -> [colour, words]. The words say what is proved, and no more.
const STATES = {
  captured: ["wait", "Kept on this machine; no archive is set up"],
  queued: ["wait", "Waiting to be sent"],
  sending: ["busy", "Being sent"],
  sent: ["busy", "Received by the archive; not confirmed as kept"],
  commit_requested: ["busy", "Received; waiting for the archive's confirmation"],
  committed: ["good", "Safe: the archive confirmed that it keeps it"],
  verified: ["good", "Found in the archive"],
  held: ["bad", "Stopped: somebody must look at it"],
};
// commitment policy -> [the state in which its deliveries end, what that proves].
const ENDS = {
  required: ["committed", "safe"],
  verify: ["verified", "found in the archive"],
  none: ["sent", "received, not confirmed"],
};

const byId = (id) => document.getElementById(id);

function element(tag, { className = "", text = "", title = "" } = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  if (title) made.title = title;
  made.append(...children);
  return made;
}

const badge = (colour, text) => element("span", { className: `badge ${colour}`, text });
const sum = (counts, states) => states.reduce((total, state) => total + (counts[state] ?? 0), 0);

function underway(destination) {
  const [end] = ENDS[destination.commitment];
  const before = ["queued", "sending", "sent", "commit_requested"].filter((state) => state !== end);
  return sum(destination.deliveries, before);
}
const counted = (number, one, many) => `${number} ${number === 1 ? one : many}`;

function card(name, detail, mark, ...lines) {
  const top = element("div", { className: "top" },
    element("span", {}, element("strong", { text: name }), element("span", { className: "quiet", text: detail })),
    mark);
  return element("li", { className: "card" }, top,
    ...lines.filter(Boolean).map((text) => element("p", { className: "quiet", text })));
}

// What the probe says of itself; most say nothing.
function ownWords(probe) {
  const words = [probe.state.replaceAll("_", " ")];
  if (probe.battery_percent !== null) words.push(`battery ${probe.battery_percent}%`);
  if (probe.temperature_c !== null) words.push(`${probe.temperature_c.toFixed(1)} \u00b0C`);
  return words.filter(Boolean).join(", ");
}

function probeCard(probe) {
  const lost = probe.frames_dropped + probe.frames_partial;
  return card(probe.name, "",
    probe.connected ? badge("good", "Connected") : badge("bad", "Not connected"),
    `${counted(probe.frames_received, "picture", "pictures")} received` +
      (lost ? `, ${probe.frames_dropped} lost, ${probe.frames_partial} incomplete` : ", none lost"),
    ownWords(probe),
    probe.refusal ? `Not recorded: ${probe.refusal}` : "",
    probe.connected ? "" : "Is the probe switched on, and on the same network?");
}

function destinationCard(destination) {
  const counts = destination.deliveries;
  const held = counts.held ?? 0;
  const waiting = underway(destination);
  let mark = badge("good", "Up to date");
  if (destination.problem || held) mark = badge("bad", destination.problem ? "Not reached" : "Needs attention");
  else if (waiting) mark = badge("busy", `${waiting} on the way`);
  const [end, words] = ENDS[destination.commitment];
  return card(destination.name, ` ${destination.ae_title}`, mark,
    `${counts[end] ?? 0} ${words}, ${waiting} on the way, ${held} stopped`,
    destination.commitment === "none" ? "This archive is not asked to confirm what it keeps." : "",
    waits(destination),
    destination.lossy_copies
      ? `Of ${counted(destination.lossy_copies, "image", "images")} it has only a lossy copy; the originals are kept here`
      : "",
    destination.problem);
}

// How long the oldest picture has waited, once that is worth a word.
function waits(destination) {
  const hours = (destination.oldest_unproved_s ?? 0) / 3600;
  return hours < 1 ? "" : `The oldest image that is not safe there is ${Math.floor(hours)} h old`;
}

function instanceRow(row) {
  const [colour, words] = STATES[row.state] ?? ["wait", row.state];
  const taken = new Date(row.acquired_at ?? row.stored_at);
  const clip = row.sop_class_uid === MULTI_FRAME || row.frames > 1;
  return element("tr", {},
    element("td", { text: taken.toLocaleString(), title: row.sop_instance_uid }),
    element("td", { text: clip ? `Clip, ${counted(row.frames, "picture", "pictures")}` : "Still" }),
    element("td", { text: row.destination || "—" }),
    element("td", {}, badge(colour, words)),
    element("td", { text: remark(row) }));
}

function remark(row) {
  const tries = row.attempts > 1 ? `${row.attempts} attempts` : "";
  return [tries, row.last_error].filter(Boolean).join(" · ");
}

function verdict(status) {
  const lost = status.probes.filter((probe) => !probe.connected).length;
  const stopped = status.destinations.reduce((total, d) => total + (d.deliveries.held ?? 0), 0);
  const unreached = status.destinations.filter((d) => d.problem).length;
  const waiting = status.destinations.reduce((total, d) => total + underway(d), 0);
  if (stopped) return ["bad", `${counted(stopped, "delivery", "deliveries")} stopped`];
  if (unreached) return ["bad", "An archive is not reached; images are kept here meanwhile"];
  if (status.alarms.length) return ["bad", `${counted(status.alarms.length, "matter needs", "matters need")} a person`];
  if (lost) return ["wait", `${counted(lost, "probe", "probes")} not connected`];
  if (waiting) return ["busy", `${waiting} on the way to the archive`];
  return ["good", "All is well"];
}

function say(colour, text) {
  const line = byId("verdict");
  if (line.textContent === text) return; // a reader is not told the same again
  line.className = `verdict ${colour}`;
  line.textContent = text;
}

const orNone = (items, text) => (items.length ? items : [element("li", { className: "card quiet", text })]);

async function ask(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(10000) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

// The ledger is read again when the counts say that it has changed, and at times for its remarks.
const LEDGER_EVERY = 10;
let drawnCounts = "";
let turn = 0;

async function refresh() {
  const status = await ask("api/status");
  byId("ae-title").textContent = status.ae_title;
  byId("probes").replaceChildren(...orNone(status.probes.map(probeCard), "No probe is set up"));
  byId("destinations").replaceChildren(
    ...orNone(status.destinations.map(destinationCard), "No archive is set up"));
  byId("facts").textContent = `Version ${status.version} · running since ` +
    `${new Date(status.started_at).toLocaleString()} · ${Math.round(status.disk_free_percent)} % of the disk is free, ` +
    `room for ${Math.floor(status.minutes_of_cine)} minutes of film`;
  byId("alarms").replaceChildren(...status.alarms.map((text) => element("li", { className: "card bad", text })));
  const counts = JSON.stringify(status.destinations.map((d) => d.deliveries));
  if (counts !== drawnCounts || turn++ % LEDGER_EVERY === 0) {
    const rows = await ask(`api/ledger?last=${LAST}`);
    const empty = element("tr", {}, element("td", { text: "Nothing yet" }));
    byId("instances").replaceChildren(...(rows.length ? rows.map(instanceRow) : [empty]));
    drawnCounts = counts;
  }
  say(...verdict(status));
}

async function loop() {
  try {
    await refresh();
  } catch (error) {
    say("bad", "The node does not answer");
    drawnCounts = "";
  }
  setTimeout(loop, EVERY_MS);
}

loop();
