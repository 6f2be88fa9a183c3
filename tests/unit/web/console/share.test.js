// Share: how a QR code is drawn, whom an address serves, and how long a link is open.
import assert from "node:assert/strict";
import test from "node:test";

import { isOwnMachine, qrPath, secondsLeft } from "./scan/share-link.js";

test("each run of dark modules is one bar, in its row and column", () => {
  assert.equal(qrPath(["110", "000", "101"]), "M0 0h2v1h-2zM0 2h1v1h-1zM2 2h1v1h-1z");
  assert.equal(qrPath([]), "");
});

test("an address of this machine serves no other", () => {
  for (const own of ["localhost", "LOCALHOST", "localhost.", "a.localhost", "127.0.0.1", "127.1.2.3", "[::1]"]) assert.equal(isOwnMachine(own), true, own);
  for (const far of ["node.example", "localhost.example", "10.0.0.7", "127.example", "[fe80::1]", "notlocalhost"]) assert.equal(isOwnMachine(far), false, far);
});

test("time left ends at nothing", () => {
  const now = new Date("2026-01-01T10:00:00Z");
  assert.equal(secondsLeft("2026-01-01T10:10:00+00:00", now), 600);
  assert.equal(secondsLeft("2026-01-01T10:09:57+00:00", now), 600);
  assert.equal(secondsLeft("2026-01-01T10:00:58.5+00:00", now), 59);
  assert.equal(secondsLeft("2026-01-01T09:00:00Z", now), 0);
  assert.equal(secondsLeft("soon", now), 0);
});
