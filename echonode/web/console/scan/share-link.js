// What the Share dialog works out of a link. Pure.

// The path of an SVG that draws a QR code's dark modules, one unit each. rows: texts of 0 and 1.
export function qrPath(rows) {
  const runs = rows.flatMap((row, y) => [...row.matchAll(/1+/g)].map(({ 0: run, index }) => `M${index} ${y}h${run.length}v1h-${run.length}z`));
  return runs.join("");
}

// Whether an address with this host leads to the machine that it is opened on (RFC 6890, RFC 6761).
export function isOwnMachine(hostname) {
  const host = hostname.toLowerCase().replace(/^\[|\]$/g, "").replace(/\.$/, "");
  return host === "::1" || /^127(\.\d{1,3}){3}$/.test(host) || host === "localhost" || host.endsWith(".localhost");
}

// Seconds until the link is over, in whole minutes while there is one: what was just made for 30 says 30.
export function secondsLeft(expiresAt, now) {
  const seconds = Math.max(0, Math.ceil((new Date(expiresAt) - now) / 1000)) || 0;
  return seconds > 59 ? Math.ceil(seconds / 60) * 60 : seconds;
}
