// The console and the node compute the same: cases and the node's answers are in measured.json.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { measure } from "./review/geometry.js";

const near = (value, wanted, within) => assert.ok(Math.abs(value - wanted) <= within, `${value}, not ${wanted}`);

test("the cases that the node computes give the node's values", () => {
  const cases = JSON.parse(readFileSync("measured.json", "utf8"));
  assert.ok(cases.length > 50);
  for (const { kind, points, regions, results, refused } of cases) {
    const found = measure(kind, points, regions);
    if (refused) {
      assert.ok(found.why, kind);
      continue;
    }
    assert.deepEqual(found.results.map((each) => [each.name, each.unit]), results.map((each) => [each.name, each.unit]));
    found.results.forEach((each, index) => near(each.value, results[index].value, 1e-9 * Math.max(1, each.value)));
  }
});
