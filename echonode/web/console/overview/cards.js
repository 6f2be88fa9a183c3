// The cards of probes and archives, and the one line that says how all of it is.
import { badge, counted, duration, element, withCommands } from "./elements.js";

// commitment policy -> [the state in which its deliveries end, what that proves].
const ENDS = {
  required: ["committed", "committed"],
  verify: ["verified", "found in the archive"],
  none: ["sent", "received, not confirmed"],
};
const sum = (counts, states) => states.reduce((total, state) => total + (counts[state] ?? 0), 0);

function underway(destination) {
  const [end] = ENDS[destination.commitment];
  const before = ["queued", "sending", "sent", "commit_requested"].filter((state) => state !== end);
  return sum(destination.deliveries, before);
}

function card(name, detail, mark, ...lines) {
  const top = element("div", { className: "top" },
    element("span", {}, element("strong", { text: name }), element("span", { className: "quiet", text: detail })),
    mark);
  return element("li", { className: "card" }, top,
    ...lines.filter(Boolean).map((text) => element("p", { className: "quiet" }, ...withCommands(text))));
}

// What the probe says of itself; most say nothing.
function ownWords(probe) {
  const words = [probe.state.replaceAll("_", " ")];
  if (probe.battery_percent !== null) words.push(`battery ${probe.battery_percent}%`);
  if (probe.temperature_c !== null) words.push(`${probe.temperature_c.toFixed(1)} \u00b0C`);
  return words.filter(Boolean).join(", ");
}

const DROPPED = {
  this_machine_too_slow: "this machine was too slow",
  incomplete_on_the_wire: "incomplete on the wire",
  no_image_possible: "no image could be made of it",
};

// Which frames came, and why those that were dropped were.
function frames(probe) {
  if (!probe.frames_received && !probe.frames_dropped) return "";
  const received = `${counted(probe.frames_received, "frame", "frames")} received`;
  const losses = Object.entries(probe.frames_dropped_by).filter(([, count]) => count)
    .map(([reason, count]) => `${count} dropped: ${DROPPED[reason] ?? reason}`);
  if (probe.frames_partial) losses.push(`${probe.frames_partial} with lines missing`);
  return [received, ...(losses.length ? losses : ["none dropped"])].join(", ");
}

// Of a probe that is there: what was refused on an earlier connection may be admitted by now.
const notRecording = (probe) => Boolean(probe.connected && probe.refusal);

export function probeCard(probe) {
  let mark = badge("good", "Connected");
  if (notRecording(probe)) mark = badge("bad", "NOT RECORDING");
  else if (!probe.connected) mark = badge("wait", "Not connected");
  else if (probe.problem) mark = badge("bad", "No images");
  const made = card(probe.name, "", mark,
    frames(probe), ownWords(probe),
    probe.connected ? "" : "Is the probe switched on, and on the same network?",
    probe.problem ?? "",
    !probe.connected && probe.refusal ? `When last asked, nothing could be recorded: ${probe.refusal}` : "");
  if (notRecording(probe)) {
    made.classList.add("alert");
    made.append(element("p", {}, element("strong", { text: "Nothing is recorded: " }), ...withCommands(probe.refusal)));
  }
  return made;
}

function destinationMark(destination, held, waiting) {
  if (destination.contact === "not_reached") return badge("bad", "Unreachable");
  if (destination.commitment_problem) return badge("bad", "Not committing");
  if (destination.problem) return badge("bad", "Not delivering");
  if (held) return badge("bad", `${held} held`);
  if (destination.contact === "not_tried") return badge("quiet-badge", "Not tried yet");
  if (waiting) return badge("busy", `${waiting} on the way`);
  return badge("good", "Up to date");
}

export function destinationCard(destination) {
  const counts = destination.deliveries;
  const held = counts.held ?? 0;
  const waiting = underway(destination);
  const [end, words] = ENDS[destination.commitment];
  return card(destination.name, ` ${destination.ae_title}`, destinationMark(destination, held, waiting),
    `${counts[end] ?? 0} ${words}, ${waiting} on the way, ${held} held`,
    destination.commitment === "none" ? "This archive is not asked to commit to what it keeps." : "",
    waits(destination),
    destination.lossy_copies
      ? `Of ${counted(destination.lossy_copies, "image", "images")} it has only a lossy copy; the originals are kept here`
      : "",
    destination.commitment_problem && destination.contact !== "not_reached"
      ? `Stored, but the archive does not commit: ${destination.commitment_problem}. Run \`echonode preflight\`.`
      : destination.problem);
}

// How long the oldest image has waited, once that is worth a word.
function waits(destination) {
  const seconds = destination.oldest_unproved_s ?? 0;
  return seconds < 3600 ? "" : `The oldest image without its proof is ${duration(seconds)} old`;
}

// What a card tells already is not told again.
const ON_A_CARD = /^(unreachable|held|commitment|no_images):/;

export function alarmCards(status) {
  const told = new Set(status.probes.filter(notRecording).map((probe) => probe.refusal));
  const texts = status.alarms
    .filter((alarm) => !ON_A_CARD.test(alarm.name) && !told.has(alarm.text)).map((alarm) => alarm.text);
  const problems = (status.problems ?? []).filter((problem) => !texts.includes(problem) && !told.has(problem));
  if (status.captures_lost) {
    problems.push(`${counted(status.captures_lost, "capture was", "captures were")} lost since the start: the log says why`);
  }
  return [...texts, ...problems].map((text) => element("li", { className: "card alert" }, ...withCommands(text)));
}

export function verdict(status) {
  const dead = status.probes.filter(notRecording);
  const away = status.probes.filter((probe) => !probe.connected).length;
  const total = (of) => status.destinations.reduce((all, destination) => all + of(destination), 0);
  const held = total((d) => d.deliveries.held ?? 0);
  const waiting = total(underway);
  const named = (test) => status.destinations.filter(test).map((d) => d.name).join(", ");
  const refusing = named((d) => d.commitment_problem);
  const unreachable = named((d) => d.contact === "not_reached");
  const failing = named((d) => d.problem && !d.commitment_problem && d.contact !== "not_reached");
  const untried = named((d) => d.contact === "not_tried");
  if (dead.length) return ["bad", `NOT RECORDING: ${dead.map((probe) => probe.name).join(", ")}`];
  if ((status.problems ?? []).length) return ["bad", "Not ready for an exam"];
  if (status.captures_lost) return ["bad", `${counted(status.captures_lost, "capture", "captures")} lost`];
  if (held) return ["bad", `${counted(held, "delivery", "deliveries")} held`];
  if (failing) return ["bad", `Not delivering to ${failing}`];
  if (refusing) return ["bad", `Stored, but not committed by ${refusing}`];
  if (unreachable) return ["bad", `${unreachable} unreachable; images are kept here meanwhile`];
  if (status.alarms.length) return ["bad", counted(status.alarms.length, "alarm", "alarms")];
  if (away) return ["wait", `${counted(away, "probe", "probes")} not connected`];
  if (waiting) return ["busy", `${waiting} on the way to the archive`];
  if (untried) return ["busy", `${untried} not tried yet`];
  return ["good", "All is well"];
}
