// What the status line says of the node, its probes, its archives and its disk. Pure.
//
// Rules
// - Each entry is {id, kind, icon, key, values}: kind is good, info, warn or bad; key is of core/words.js.
// - Green means proved; grey not yet or nothing to say; amber needs attention soon; red is NOT RECORDING or
//   not reachable.
// - An archive that is away is amber while images wait safely here: nothing is lost.

const LOW_MINUTES = 30;
// Commitment policy -> the state in which its deliveries end.
const ENDS = { required: "committed", verify: "verified", none: "sent" };

const entry = (id, kind, icon, key, values = {}) => ({ id, kind, icon, key, values });

// How many instances are on their way to an archive, and how many wait for a person.
export function backlog(destination) {
  const end = ENDS[destination.commitment];
  const before = ["queued", "sending", "sent", "commit_requested"].filter((each) => each !== end);
  const counts = destination.deliveries ?? {};
  return {
    waiting: before.reduce((total, each) => total + (counts[each] ?? 0), 0),
    held: counts.held ?? 0,
    proved: counts[end] ?? 0,
  };
}

// A probe: the screen that shows one passes its own frames per second.
export function probeHealth(probe, fps) {
  if (!probe) return entry("probe", "bad", "probe", "core.probe.none");
  const values = { name: probe.name };
  if (!probe.connected) return entry("probe", "warn", "probe", "core.probe.away", values);
  if (probe.refusal) return entry("probe", "bad", "alert", "core.probe.refused", values);
  if (probe.problem) return entry("probe", "bad", "alert", "core.probe.no_frames", values);
  if (fps !== undefined) return entry("probe", "good", "probe", "core.probe.fps", { ...values, fps });
  return entry("probe", "good", "probe", "core.probe.ok", values);
}

export function archiveHealth(destination) {
  const { waiting, held } = backlog(destination);
  const values = { name: destination.name, count: waiting, held };
  if (destination.contact === "not_reached") {
    return waiting
      ? entry("archive", "warn", "pacs", "core.archive.away_waiting", values)
      : entry("archive", "warn", "pacs", "core.archive.away", values);
  }
  if (held) return entry("archive", "bad", "held", "core.archive.held", { ...values, count: held });
  if (destination.commitment_problem) return entry("archive", "bad", "pacs", "core.archive.not_committing", values);
  if (destination.problem) return entry("archive", "bad", "pacs", "core.archive.problem", values);
  if (waiting) return entry("archive", "info", "pacs", "core.archive.waiting", values);
  if (destination.contact === "not_tried") return entry("archive", "info", "pacs", "core.archive.not_tried", values);
  return entry("archive", "good", "pacs", "core.archive.ok", values);
}

export function diskHealth(status) {
  if (status.refusing) return entry("disk", "bad", "disk", "core.disk.refusing");
  const low = status.minutes_of_cine < LOW_MINUTES;
  return entry("disk", low ? "warn" : "info", "disk", "core.disk.left", { minutes: status.minutes_of_cine });
}

const WORST = ["bad", "warn", "info", "good"];

// The status line's entries for a state of the console.
export function healthLine({ status, stale }, fps) {
  if (!status) return [entry("node", stale ? "bad" : "info", "system", stale ? "core.node.away" : "core.node.asking")];
  const node = stale
    ? entry("node", "bad", "alert", "core.node.away", { name: status.ae_title })
    : entry("node", "good", "system", "core.node.ok", { name: status.ae_title });
  if (stale) return [node];
  const archives = status.destinations.map(archiveHealth);
  return [node, worst(status.probes.map((probe) => probeHealth(probe, fps))) ?? probeHealth(null),
    worst(archives) ?? entry("archive", "warn", "pacs", "core.archive.none"), diskHealth(status)];
}

export function worst(entries) {
  return [...entries].sort((one, other) => WORST.indexOf(one.kind) - WORST.indexOf(other.kind))[0];
}

// How many matters need a person, for the title of the page.
export function attention(status) {
  if (!status) return 0;
  const told = new Set(status.alarms.map((alarm) => alarm.text));
  const problems = (status.problems ?? []).filter((problem) => !told.has(problem)).length;
  return status.alarms.length + problems + status.probes.filter((probe) => probe.connected && probe.refusal).length;
}
