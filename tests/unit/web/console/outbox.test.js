// What the outbox says of an archive, and how an action on many goes on.
import assert from "node:assert/strict";
import test from "node:test";

import { actOnAll, archiveState, commonActions, listCount, mayCall, pauseLeft, sentIn, shortUid } from "./outbox/model.js";

const PACS = {
  name: "pacs", commitment: "required", contact: "reached", problem: "", commitment_problem: "", waiting: 0, sending: 0,
  sent_not_proved: 0, held: 0, done_today: 3, sent_per_minute: 0, retry_in_s: null, held_for: [],
};
const REFUSED = { key: "status:A900", count: 2, needs_person: true };
const key = (changes) => archiveState({ ...PACS, ...changes }).key;

test("green is what is proved, and nothing else", () => {
  assert.equal(archiveState(PACS).kind, "good");
  for (const changes of [{ waiting: 1 }, { sent_not_proved: 1 }, { contact: "not_tried" }]) {
    assert.equal(archiveState({ ...PACS, ...changes }).kind, "info");
  }
});

test("an archive that is away is amber, and says how many wait safely", () => {
  const away = archiveState({ ...PACS, contact: "not_reached", problem: "unreachable: refused", waiting: 4, held: 2, held_for: [REFUSED] });
  assert.deepEqual([away.kind, away.key, away.values.count], ["warn", "outbox.state.away_waiting", 4]);
  assert.equal(key({ contact: "not_reached" }), "outbox.state.away");
});

test("red is what stays until a person acts", () => {
  assert.equal(key({ held: 2, held_for: [REFUSED] }), "outbox.state.held");
  assert.equal(key({ held: 2, held_for: [{ ...REFUSED, needs_person: false }] }), "outbox.state.well");
  assert.equal(key({ commitment_problem: "0122", problem: "0122" }), "outbox.state.not_committing");
  assert.equal(key({ problem: "deliveries are stalled" }), "outbox.state.problem");
  assert.equal(key({ retry_in_s: 30, waiting: 1 }), "outbox.state.paused");
});

test("a call is offered where it does something", () => {
  assert.equal(mayCall(PACS), false);
  for (const changes of [{ contact: "not_reached" }, { retry_in_s: 3 }, { waiting: 1 }]) assert.equal(mayCall({ ...PACS, ...changes }), true);
});

test("the pause counts down, and the time of sending follows the rate", () => {
  assert.equal(pauseLeft({ retry_in_s: 30.2 }, 10), 21);
  assert.equal(pauseLeft({ retry_in_s: null }, 10), 0);
  assert.equal(sentIn({ ...PACS, waiting: 60, sent_per_minute: 30 }), 120);
  assert.equal(sentIn({ ...PACS, waiting: 60 }), null);
  assert.equal(sentIn(PACS), null);
});

test("a selection has the actions that all of it have", () => {
  assert.deepEqual(commonActions([]), []);
  assert.deepEqual(commonActions([{ actions: ["retry", "hold"] }, { actions: ["hold"] }]), ["hold"]);
  assert.deepEqual(commonActions([{ actions: ["release"] }, { actions: ["hold"] }]), []);
});

test("an action goes on until all is done, and keeps what was refused", async () => {
  const asked = [];
  const answers = [
    { done: 2, refused: 0, results: [], next: 7 },
    { done: 0, refused: 1, results: [{ sop_instance_uid: "1.2", destination: "pacs", error: "its exam has no patient yet" }], next: null },
  ];
  const told = [];
  const outcome = await actOnAll(async (body) => { asked.push(body); return answers.shift(); }, { all: true }, (each) => told.push(each.done));
  assert.deepEqual(asked, [{ all: true }, { all: true, after: 7 }]);
  assert.deepEqual([outcome.done, outcome.refused, outcome.errors.length, told], [2, 1, 1, [2, 2]]);
});

test("lists and UIDs", () => {
  assert.equal(listCount({ ...PACS, waiting: 2, sending: 1 }, "waiting"), 3);
  assert.equal(shortUid("1.2.3"), "1.2.3");
  assert.equal(shortUid("1.2.276.0.7230010.3.1.4.8323329.1234").length, 17);
});
