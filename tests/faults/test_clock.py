"""A wall clock that is set while the node works (scenario 12).

A year forward and back, the hour of summer time, and a year forward that is taken back: each at
every stage of an instance's life, with what must not happen and what must happen all the same.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.commands.lying_pacs.script import (
    Arrival,
    StoreAnswer,
    Way,
    never_reports,
    reporting,
)
from echonode.model.delivery import DeliveryState
from echonode.model.identity import CommitmentPolicy
from tests.faults.callers.client import Client
from tests.faults.callers.instances import small_instance
from tests.faults.judging.books import Book
from tests.faults.judging.verdict import judged
from tests.faults.nodes.delivering_half import PACS, DeliveringHalf, memory_folder
from tests.faults.programme import CLOCK_STEPS
from tests.integration.dimse.parts import start_node
from tests.peers.ports import free_port

YEAR, HOUR = timedelta(days=365), timedelta(hours=1)
# How the clock is set: each step, ten minutes after the one before.
STEPS: dict[str, tuple[timedelta, ...]] = {
    "a year forward": (YEAR,),
    "a year back": (-YEAR,),
    "summer time begins": (HOUR,),
    "summer time ends": (-HOUR,),
    "a year forward, and back": (YEAR, -YEAR),
}
S = DeliveryState


MOMENTS = ("archive off", "sending", "awaiting the report", "grace period")
TRIALS = tuple(itertools.product(STEPS, MOMENTS))[: CLOCK_STEPS.count]


class Life:
    """An instance in a node whose clock will be set, and its archive."""

    def __init__(self, node: DeliveringHalf, archive: LyingArchive, steps: Iterable[timedelta]):
        self.node, self.archive = node, archive
        self._steps = deque(steps)
        instance = small_instance(pixels=1_000)
        self._uid = instance.sop_instance_uid
        node.put(instance)

    def set_clock(self) -> None:
        """The next step, if there is one more."""
        if self._steps:
            self.node.clock.set_by(self._steps.popleft())

    def live(self, minutes: float) -> None:
        self.node.live(minutes * 60.0, housekeeping=True)

    def live_and_set(self, minutes: float, *, is_set: bool) -> None:
        """So many minutes; the clock is set at their beginning and after ten of them."""
        if is_set:
            self.set_clock()
        self.live(10)
        if is_set:
            self.set_clock()
        self.live(minutes - 10)

    @property
    def state(self) -> DeliveryState:
        return self.node.job(self._uid).state

    @property
    def is_here(self) -> bool:
        return self.node.store.index.instance(self._uid) is not None

    @property
    def remembered_as(self) -> str:
        """What the ledger says of it."""
        return self.node.row(self._uid).state

    # --- its stages: what is promised of each, and the clock that may be set in it ---

    def outage(self, *, is_set: bool) -> None:
        """Called at least every minute and, eight minutes in, no more often."""
        self.live(9)
        before = len(self.node.association_times)
        self.live_and_set(20, is_set=is_set)
        calls = len(self.node.association_times) - before
        assert 19 <= calls <= 21, f"{calls} calls in 20 minutes"
        assert self.is_here

    def sending(self, *, is_set: bool) -> None:
        """Sent within a minute of the archive's return, once."""
        if is_set:
            self.archive.store = self._set_clock_meanwhile
        self.node.port = self.archive.port
        self.live(2)
        assert self.state is S.COMMIT_REQUESTED
        self.live(10)
        if is_set:
            self.set_clock()
        assert len(self.archive.arrivals) == 1

    def _set_clock_meanwhile(self, arrival: Arrival) -> StoreAnswer:
        self.set_clock()
        return StoreAnswer()

    def awaiting(self, *, is_set: bool) -> None:
        """Asked for again within the hour; one request too many at most for each step."""
        self.archive.commit = reporting(ways=(Way.BEFORE_ANSWER,))
        if is_set:
            self.set_clock()
        waited = 0
        while self.state is not S.COMMITTED:
            assert waited <= 70, f"no request in {waited} minutes"
            self.live(1)
            waited += 1
        if is_set:
            self.set_clock()
        assert len(self.archive.asked) <= 4
        assert len(self.archive.arrivals) == 1

    def grace_period(self, *, is_set: bool) -> None:
        """Here until an hour has really passed, and gone soon after."""
        self.live_and_set(58, is_set=is_set)
        assert self.is_here, "deleted early"
        self.live(5)
        assert not self.is_here, "kept too long"
        assert self.remembered_as == S.COMMITTED


@pytest.mark.long
@pytest.mark.parametrize(("step", "moment"), TRIALS)
def test_a_clock_that_is_set_deletes_nothing_early_and_delays_nothing(
    step: str, moment: str
) -> None:
    """Whenever the clock is set, by an hour or a year: a dead archive is called no more often and
    no less, an instance is sent once, its promise is asked for until it comes, and the local copy
    stays for the whole grace period and goes after it.
    """
    with memory_folder() as folder:
        captures, archive_book = Book(folder / "captures"), Book(folder / "archive")
        with LyingArchive(archive_book) as archive, a_node(folder / "var", captures) as node:
            archive.commit = never_reports
            life = Life(node, archive, STEPS[step])
            life.outage(is_set=moment == "archive off")
            life.sending(is_set=moment == "sending")
            life.awaiting(is_set=moment == "awaiting the report")
            life.grace_period(is_set=moment == "grace period")
        verdict = judged(
            data_dir=folder / "var", books=[captures.path], required={PACS: archive_book.path}
        )
    assert not any(verdict.values()), verdict


def a_node(folder: Path, book: Book) -> DeliveringHalf:
    """Its archive is off."""
    return DeliveringHalf(
        folder,
        free_port(),
        commitment=CommitmentPolicy.REQUIRED,
        keep_s=3600.0,
        book=book,
    )


@pytest.mark.parametrize("step", [YEAR, -YEAR, HOUR, -HOUR], ids=str)
def test_a_step_of_the_clock_ends_no_association_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: timedelta
) -> None:
    """The system's clock is set while the archive takes an instance: the answer is still awaited,
    and the next instance goes over the same association.
    """
    wrong_by_s, true_time = [0.0], time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + wrong_by_s[0])

    def set_clock(arrival: Arrival) -> StoreAnswer:
        wrong_by_s[0] += step.total_seconds()
        time.sleep(0.2)  # the archive's own time, in which whoever watches a clock looks at it
        return StoreAnswer()

    with LyingArchive(Book(tmp_path / "archive")) as archive:
        archive.store = set_clock
        with a_node(tmp_path / "var", Book(tmp_path / "captures")) as node:
            node.port = archive.port
            for _ in range(2):
                node.put(small_instance())
            node.live(1.0)
        assert [arrival.of_association for arrival in archive.arrivals] == [1, 2]


@pytest.mark.parametrize("step", [YEAR, -YEAR, HOUR, -HOUR], ids=str)
def test_a_step_of_the_clock_ends_no_association_of_a_client(
    monkeypatch: pytest.MonkeyPatch, step: timedelta
) -> None:
    """A client stores before and after the step, over one association, within the idle time."""
    wrong_by_s, true_time = 0.0, time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + wrong_by_s)
    node = start_node()
    try:
        with Client(node.port) as client:
            client.associate()
            assert client.store(small_instance()) == 0x0000
            wrong_by_s = step.total_seconds()
            time.sleep(0.2)
            assert client.store(small_instance()) == 0x0000
            client.release()
    finally:
        node.acceptor.stop(5.0)
