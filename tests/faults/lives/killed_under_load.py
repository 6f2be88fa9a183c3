"""A series of a node's lives under full load, each ended by kill -9 at any moment.

`python -m tests.faults.lives.killed_under_load FOLDER --seed N --kills N` writes how many kills hit
the start and how many the load, as JSON. What breaks a promise ends it with a traceback, and leaves
the folder. Several series at once use the cores: a life waits longer than it computes.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.faults.callers.full_load import FullLoad
from tests.faults.nodes.forked import ForkedNode

JUDGED_EVERY = 40
KILLED = -9
# While nobody has mended what a kill left, rows and files need not agree.
AT_ANY_TIME = ("I1", "I2", "I3", "I5")


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When a life ends: so long after its beginning, or after it is ready."""

    when_ready: bool
    after_s: float


class Moments:
    """Draws moments from start and recovery, from the clients' return, and from the load."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._starts_s = [0.1]

    def ready_after(self, seconds: float) -> None:
        self._starts_s = [*self._starts_s[-50:], seconds]

    def draw(self, *, quiet: bool = False) -> Moment:
        """quiet: little is stored, so that there is time for promises and deletions."""
        if self._random.random() < 0.25:
            start_s = 1.2 * median(self._starts_s)
            return Moment(when_ready=False, after_s=self._random.uniform(0, start_s))
        longest_s = 1.0 if quiet else 0.25
        return Moment(when_ready=True, after_s=self._random.uniform(0, longest_s))


def live_and_die(node: ForkedNode, moment: Moment, moments: Moments) -> str:
    """One life; in which stage it was killed."""
    began = time.monotonic()
    mark = node.begin()
    if moment.when_ready:
        node.wait_for("node_ready", since=mark)
        moments.ready_after(time.monotonic() - began)
    time.sleep(moment.after_s)
    assert node.kill() == KILLED, f"it ended by itself: {node.life_events()[-5:]}"
    was_ready = any(event["event"] == "node_ready" for event in node.life_events())
    return "load" if was_ready else "start"


def defects_said(node: ForkedNode) -> list[str]:
    """What the last life logged that only a defect explains."""
    return [
        f"{event['event']}: {event['exception'][-500:]}"
        for event in node.life_events()
        if "exception" in event
    ]


def kill_often(folder: Path, *, seed: int, kills: int) -> Counter[str]:
    """So many lives, and at last one that is let drain; how many were killed in which stage.

    Raises AssertionError where a promise is broken.
    """
    moments, stages = Moments(seed), Counter[str]()
    with FullLoad(folder) as load:
        for number in range(1, kills + 1):
            quiet = number % 20 >= 12
            load.be_quiet(quiet)
            stages[live_and_die(load.node, moments.draw(quiet=quiet), moments)] += 1
            load.write_captures_down()
            assert not (said := defects_said(load.node)), said
            load.node.forget_events()
            if number % JUDGED_EVERY == 0:
                verdict = load.verdict()
                broken = {promise: verdict[promise] for promise in AT_ANY_TIME if verdict[promise]}
                assert not broken, f"after {number} kills: {broken}"
        load.drain()
        _all_is_kept(load)
        load.let_go()
        _all_is_kept(load)
        assert "Traceback" not in load.node.stderr(), load.node.stderr()[-2000:]
    return stages


def _all_is_kept(load: FullLoad) -> None:
    broken = {promise: found for promise, found in load.verdict().items() if found}
    assert not broken, broken


def main() -> None:
    parser = argparse.ArgumentParser(prog="killed_under_load")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--kills", type=int, required=True)
    given = parser.parse_args()
    with redirect_stdout(sys.stderr):  # what the judge prints is progress
        stages = kill_often(given.folder, seed=given.seed, kills=given.kills)
    json.dump(stages, sys.stdout)


if __name__ == "__main__":
    main()
