"""Two nodes on one PostgreSQL and one bucket, at any moment under load (scenario 56): one is killed
or frozen, or their database is killed, or their object storage fails.

The nodes are `echonode run` with a lease of 2 s in the place of a minute (nodes/short_lease.py);
test_two_nodes.py in tests/integration/cluster has the lease as shipped.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.faults.callers.cluster_load import ClusterLoad
from tests.faults.judging.delivery_history import DeliveryHistory, Event
from tests.faults.nodes.forked import ForkedNode
from tests.faults.nodes.short_lease import LEASE_S
from tests.faults.programme import CLUSTER_FAULTS, FULL
from tests.faults.test_judge import NOTHING
from tests.peers.fixtures import require_program
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.peers]

SEED = 56
JUDGED_EVERY = 40
KILLED = -9
TAKEN_OVER_WITHIN_S = LEASE_S + 10
ALL_IS_WELL = {**NOTHING, "changed twice": []}
# While nobody has mended what a kill left, rows and objects need not agree.
AT_ANY_TIME = ("I1", "I2", "I3", "I5", "changed twice")


class Trials:
    """Draws faults, and plays them; `played` counts them by name."""

    def __init__(self, load: ClusterLoad, chance: random.Random) -> None:
        self._load, self._chance = load, chance
        self.played: Counter[str] = Counter()
        self.slowest_take_over_s = 0.0
        self._faults: list[Callable[[ForkedNode, ForkedNode], None]] = [
            *(self.kill,) * 4,
            self.kill_until_taken_over,
            *(self.freeze,) * 2,
            self.kill_the_database,
            self.disturb_the_storage,
            self.kill_at_a_disturbed_storage,
        ]
        self._undrawn: list[Callable[[ForkedNode, ForkedNode], None]] = []

    def one(self) -> None:
        """A fault of either node at a moment that chance chooses; each kind as often as planned."""
        if not self._undrawn:
            self._undrawn = self._chance.sample(self._faults, len(self._faults))
        fault = self._undrawn.pop()
        victim, other = self._chance.sample(self._load.nodes, 2)
        self._load.archive.node_port = other.port
        time.sleep(self._chance.uniform(0, 0.3))
        fault(victim, other)
        self.played[fault.__name__] += 1

    def kill(self, victim: ForkedNode, other: ForkedNode) -> None:
        """And start it again at once, or a moment later."""
        _kill(victim)
        time.sleep(self._chance.choice((0, self._chance.uniform(0, 0.3))))
        _start(victim)

    def kill_until_taken_over(self, victim: ForkedNode, other: ForkedNode) -> None:
        """And start it only when the other has sent all that was stored."""
        _kill(victim)
        self._is_taken_over()
        _start(victim)

    def freeze(self, victim: ForkedNode, other: ForkedNode) -> None:
        """SIGSTOP for longer than the lease; the other sends everything; then it goes on."""
        os.kill(victim.pid, signal.SIGSTOP)
        began = time.monotonic()
        try:
            self._is_taken_over()
            time.sleep(max(0.0, began + LEASE_S * 1.1 - time.monotonic()))
        finally:
            os.kill(victim.pid, signal.SIGCONT)

    def kill_the_database(self, victim: ForkedNode, other: ForkedNode) -> None:
        """Both nodes lose it in the middle of what they do, and go on by themselves."""
        self._load.kill_database()
        self._are_served()

    def disturb_the_storage(self, victim: ForkedNode, other: ForkedNode) -> None:
        """It stalls, is busy, is full or hangs up between PUT and commit."""
        with self._load.disturbed():
            time.sleep(0.5)

    def kill_at_a_disturbed_storage(self, victim: ForkedNode, other: ForkedNode) -> None:
        """Killed while it waits for an answer to a PUT, which may have been done."""
        with self._load.disturbed():
            time.sleep(self._chance.uniform(0.1, 0.4))
            _kill(victim)
        _start(victim)

    def _is_taken_over(self) -> None:
        began, newest = time.monotonic(), self._load.newest_delivery()
        wait_until(
            lambda: self._load.unsent(newest) == 0,
            lambda: f"the other node has sent all: {self._load.unsent(newest)} are left",
            timeout_s=TAKEN_OVER_WITHIN_S,
            every_s=0.1,
        )
        self.slowest_take_over_s = max(self.slowest_take_over_s, time.monotonic() - began)

    def _are_served(self) -> None:
        for clients in self._load.clients:
            clients.wait_for(2)


def _start(node: ForkedNode) -> None:
    try:
        node.start()
    except TimeoutError as error:
        raise AssertionError(f"{error}: {node.stderr()}") from error


def _kill(node: ForkedNode) -> None:
    assert node.kill() == KILLED, f"it ended by itself: {node.life_events()[-5:]}"
    assert [event for event in node.life_events() if "exception" in event] == []
    node.forget_events()


def _wrote_no_traceback(nodes: Iterable[ForkedNode]) -> None:
    for node in nodes:
        said = node.stderr()
        assert "Traceback" not in said, said


@pytest.mark.long
@pytest.mark.timeout(0 if FULL else 600)
def test_whatever_fails_of_a_cluster_nothing_is_lost_and_no_state_is_changed_twice(
    tmp_path: Path,
) -> None:
    """kill -9, SIGSTOP past the lease, a killed PostgreSQL, an S3 server that stalls, refuses or is
    full between PUT and commit: what was acknowledged is held or promised with the same bytes,
    nothing goes early, each delivery's states follow each other, and what a dead or frozen node
    had left is sent by the other within the lease and ten seconds.
    """
    require_program("initdb")
    chance = random.Random(SEED)
    with ClusterLoad(tmp_path, chance=random.Random(SEED + 1)) as load:
        trials = Trials(load, chance)
        for node in load.nodes:
            node.start()
        for number in range(1, CLUSTER_FAULTS.count + 1):
            trials.one()
            if number % JUDGED_EVERY == 0:
                for node in load.nodes:
                    _kill(node)
                verdict = load.verdict()
                found = {promise: verdict[promise] for promise in AT_ANY_TIME}
                assert found == {promise: [] for promise in AT_ANY_TIME}, f"after {number} faults"
                _wrote_no_traceback(load.nodes)
                print(f"{number} faults: {dict(trials.played)}", flush=True)
                for node in load.nodes:
                    _start(node)
        for node in load.nodes:
            _kill(node)
        load.drain()
        assert load.verdict() == ALL_IS_WELL
        load.let_go()
        assert load.verdict() == ALL_IS_WELL
        acknowledged = sum(clients.acknowledged for clients in load.clients)
        _wrote_no_traceback(load.nodes)
    print(
        f"{trials.played.total()} faults: {dict(trials.played)}; {acknowledged} acknowledged, "
        f"{load.history.changes} changes of state, "
        f"the slowest take-over took {trials.slowest_take_over_s:.1f} s"
    )
    assert acknowledged > 2 * CLUSTER_FAULTS.count


def test_a_state_that_is_changed_twice_is_found_out() -> None:
    """Two nodes of which each says that it stored an instance; or that it is committed."""
    once = ["retry", "stored", "ask", "committed"]
    assert list(_replayed(once)) == []
    assert list(_replayed(["stored", "ask", "request_lost", *once[2:]])) == []
    assert list(_replayed(["stored", "ask", "request_lost", "committed"])) == []
    assert list(_replayed(["stored", "committed"])) == ["1.2: committed of what is sent (2)"]
    assert list(_replayed(["stored", "stored"])) == ["1.2: stored of what is sent (2)"]
    assert list(_replayed([*once, "committed"])) == ["1.2: committed of what is done (5)"]


def _replayed(kinds: list[str]) -> list[str]:
    events = [Event(number, kind, "1.2") for number, kind in enumerate(kinds, 1)]
    return list(DeliveryHistory().replay(events))
