// The lines of the configuration that a probe or an archive needs. Pure.
//
// Rules
// - A value that could mean something else to YAML is put in double quotes, as JSON writes it.
// - check...() gives {field: key of a word} of what cannot be right; the node checks all of it again.

const PLAIN = /^[A-Za-z][A-Za-z0-9_.-]*$/;
const ADDRESS = /^(?:\d{1,3}\.){3}\d{1,3}:\d{1,5}$/;
const RESERVED = new Set(["true", "false", "yes", "no", "on", "off", "null", "y", "n"]);
const NAME = /^[a-z0-9][a-z0-9_-]{0,31}$/;
const HOST = /^[A-Za-z0-9.:-]{1,253}$/;

export const scalar = (text) => (ADDRESS.test(text) || (PLAIN.test(text) && !RESERVED.has(text.toLowerCase())) ? text : JSON.stringify(text));

// What a person starts from, by the kind of probe. A sweeping probe is not among them: its geometry has to be
// measured, and none is made up here (docs/probes.md).
export const PROBES = {
  kit: { protocol: "echopen", dialect: "kit", address: "192.168.128.3:7538" },
  lounger: { protocol: "echopen", dialect: "lounger", address: "192.168.1.10:7538" },
  epf: { protocol: "echopen", dialect: "epf", address: "192.168.4.1:50000", listen: "0.0.0.0:51000" },
  openigtlink: { protocol: "openigtlink", dialect: "", address: "127.0.0.1:18944" },
};

export function probeLines({ name, kind, address }) {
  const { protocol, dialect, listen } = PROBES[kind];
  return [
    "probes:",
    `  - name: ${scalar(name)}`,
    `    protocol: ${protocol}`,
    ...(dialect ? [`    dialect: ${dialect}`] : []),
    `    connect: ${scalar(address)}`,
    ...(listen ? [`    listen: ${scalar(listen)}`] : []),
  ];
}

export function archiveLines({ name, ae_title, host, port, commitment }) {
  return [
    "peers:",
    `  ${scalar(name)}: {ae_title: ${scalar(ae_title)}, host: ${scalar(host)}, port: ${Number(port)}, may: [echo, commit]}`,
    "destinations:",
    `  - {peer: ${scalar(name)}, commitment: ${commitment}}`,
  ];
}

const isPort = (text) => /^\d{1,5}$/.test(String(text)) && Number(text) > 0 && Number(text) < 65536;

export function checkProbe({ name, address }) {
  const wrong = {};
  if (!NAME.test(name)) wrong.name = "start.wrong.name";
  const at = address.lastIndexOf(":");
  if (at < 1 || !HOST.test(address.slice(0, at)) || !isPort(address.slice(at + 1))) wrong.address = "start.wrong.address";
  return wrong;
}

// AE titles: PS3.5 6.2, at most 16 characters, no backslash, not blanks alone.
export function checkArchive({ name, ae_title, host, port }) {
  const wrong = {};
  if (!NAME.test(name)) wrong.name = "start.wrong.name";
  if (!/^[\x20-\x5b\x5d-\x7e]{1,16}$/.test(ae_title) || !ae_title.trim()) wrong.ae_title = "start.wrong.ae_title";
  if (!HOST.test(host)) wrong.host = "start.wrong.host";
  if (!isPort(port)) wrong.port = "start.wrong.port";
  return wrong;
}

// How each of the three steps stands, of GET api/system and GET api/preflight: done, trouble, wait or todo.
export function stepStates(system, preflight) {
  const { probes, archives } = system;
  const probe = !probes.length ? "todo"
    : probes.some((each) => each.connected && !each.problem && !each.refusal && each.frames_received > 0) ? "done"
      : probes.some((each) => each.refusal || (each.connected && each.problem)) ? "trouble" : "wait";
  const archive = !archives.length ? "todo"
    : archives.every((each) => each.contact === "reached" && !each.problem) ? "done"
      : archives.some((each) => each.problem || each.contact === "not_reached") ? "trouble" : "wait";
  const check = !preflight?.number ? "todo" : preflight.running ? "wait" : preflight.ok && preflight.peers.length ? "done" : "trouble";
  return { probe, archive, check };
}

// A node without a probe and an archive has never been set up.
export const isFirstStart = (status) => !status.probes.length && !status.destinations.length;
