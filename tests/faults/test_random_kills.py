"""kill -9 at any moment under full load (scenario 2): nothing that was acknowledged is lost."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

from echonode.commands.lying_pacs.script import never_reports
from tests.faults.callers.full_load import FullLoad
from tests.faults.nodes.forked import ForkedNode
from tests.faults.programme import KILLS
from tests.faults.test_judge import NOTHING
from tests.support.waiting import wait_until

SEED = 5
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


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_node_that_is_killed_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """A probe, eight clients and two archives at work, kill -9 while it starts, repairs, stores,
    sends, asks and deletes: what was acknowledged is held or promised by both archives, with the
    same bytes; nothing goes early; in the end all is delivered, and rows and files agree.
    """
    moments, stages = Moments(SEED), Counter[str]()
    with FullLoad(tmp_path) as load:
        for number in range(1, KILLS.count + 1):
            quiet = number % 20 >= 12
            load.be_quiet(quiet)
            stages[live_and_die(load.node, moments.draw(quiet=quiet), moments)] += 1
            load.write_captures_down()
            assert defects_said(load.node) == []
            load.node.forget_events()
            if number % JUDGED_EVERY == 0:
                verdict = load.verdict()
                assert {promise: verdict[promise] for promise in AT_ANY_TIME} == {
                    promise: [] for promise in AT_ANY_TIME
                }, f"after {number} kills"
        load.drain()
        assert load.verdict() == NOTHING
        load.let_go()
        assert load.verdict() == NOTHING
        assert "Traceback" not in load.node.stderr()
    print(f"{stages.total()} kills: {dict(stages)}")
    assert min(stages["start"], stages["load"]) > KILLS.count / 20


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_node_that_answers_before_the_commit_is_found_out(tmp_path: Path) -> None:
    """One kill after one acknowledgement is enough: the judge misses what was acknowledged."""
    defect = {"ECHONODE_TEST_DEFECT": "answers before the commit"}
    with FullLoad(tmp_path, env=defect) as load:
        load.node.start()
        load.clients.wait_for(1)
        assert load.node.kill() == KILLED
        assert load.verdict()["I1"]


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_node_that_deletes_before_the_commitment_is_found_out(tmp_path: Path) -> None:
    """It deletes on the commitment of one archive of two, and the judge sees what is missing.

    A node looks for what it may delete when it starts, so it is started again once there is one.
    """
    defect = {"ECHONODE_TEST_DEFECT": "deletes before the promise"}
    with FullLoad(tmp_path, env=defect) as load:
        load.archives["vna"].commit = never_reports
        load.be_quiet(True)
        pacs = load.archives["pacs"]
        load.node.start()
        pacs.wait(lambda: any(sent.status == 0 for sent in pacs.reported), "one commitment of two")
        assert load.node.kill() == KILLED
        kept = set(load.node.stored_files())
        load.node.start()
        # The row says so first; a file that is still there at the kill is not lost yet.
        wait_until(
            lambda: load.deleted() > 0 and bool(kept - set(load.node.stored_files())),
            "an early deletion",
            timeout_s=90.0,
        )
        assert load.node.kill() == KILLED
        assert load.verdict()["I2"]
