// Who may do what in a page, what stands before its screens, and when it locks itself.
import assert from "node:assert/strict";
import test from "node:test";

import { gateOf, may } from "./access/session.js";
import { isIdle } from "./access/idle.js";

const as = (role, more = {}) => ({ users: true, setup: false, user: role && { name: "ada", role }, locked: false, ...more });

test("a role may do what the one below it may", () => {
  assert.deepEqual(["viewer", "operator", "administrator"].map((least) => may(least, as("operator"))), [true, true, false]);
  assert.equal(may("operator", as("viewer")), false);
  assert.equal(may("administrator", as("administrator")), true);
});

test("without users everyone may, and who is not logged in may nothing", () => {
  assert.equal(may("administrator", { users: false, user: null }), true);
  assert.equal(may("viewer", as(null)), false);
});

test("set-up, log-in and lock stand before the screens", () => {
  assert.equal(gateOf({ users: false, setup: true, user: null }), "setup");
  assert.equal(gateOf(as(null)), "login");
  assert.equal(gateOf(as("viewer", { locked: true })), "lock");
  assert.equal(gateOf(as("viewer")), "");
  assert.equal(gateOf({ users: false, setup: false, user: null }), "");
});

test("a page locks after its seconds, and never without any", () => {
  assert.equal(isIdle(0, 9999, 10), false);
  assert.equal(isIdle(0, 10000, 10), true);
  assert.equal(isIdle(0, 1e12, null), false);
  assert.equal(isIdle(0, 1e12, undefined), false);
});
