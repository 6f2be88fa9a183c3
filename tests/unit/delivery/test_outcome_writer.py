"""Outcomes are written many at a time, and none is lost on the way."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime

import pytest

from echonode.delivery import outcome_writer as clerk_module
from echonode.delivery.claimed_jobs import Claims
from echonode.delivery.outcome_writer import MOST_UNWRITTEN, Clerk, Outcome
from echonode.errors import OutOfSpace
from echonode.model.delivery import DeliveryEvent, DeliveryState, after
from echonode.store.values import Attempt
from tests.support.clock import START
from tests.support.log_recorder import Recorder
from tests.unit.delivery.doubles import FakeStore, delivery_job, stored_instance

PATIENCE_S = 10.0


class CountingStore(FakeStore):
    """Counts transactions, which change all or nothing."""

    def __init__(self, count: int) -> None:
        super().__init__(*(delivery_job(n, stored_instance(n)) for n in range(1, count + 1)))
        self.claim("pacs", now=START, limit=count)
        self.transactions = 0

    def record_attempts(self, attempts: Sequence[Attempt], *, now: datetime) -> None:
        self.transactions += 1
        for attempt in attempts:  # all or none
            after(self.jobs[attempt.job_id].state, attempt.event)
        super().record_attempts(attempts, now=now)


def clerk_of(store: FakeStore, written: list[int] | None = None) -> Clerk:
    told: list[int] = [] if written is None else written
    return Clerk("pacs", store, now=lambda: START, written=lambda o: told.append(o.job.id))


def stored(store: FakeStore, job_id: int) -> Outcome:
    attempt = Attempt(job_id=job_id, event=DeliveryEvent.STORED, status=0)
    return Outcome(job=store.jobs[job_id], attempt=attempt)


def test_many_outcomes_are_one_transaction() -> None:
    """However many came, the disk is waited for once; each is told of, in order, afterwards."""
    written: list[int] = []
    store = CountingStore(50)
    clerk = clerk_of(store, written)
    for number in range(1, 51):
        clerk.note(stored(store, number))
    assert written == []
    clerk.flush()
    assert store.transactions == 1
    assert written == list(range(1, 51))


def test_a_disk_that_refuses_gets_them_again() -> None:
    """Nothing is told of, nothing forgotten, and the order stays."""
    written: list[int] = []
    store = CountingStore(2)
    clerk = clerk_of(store, written)
    clerk.note(stored(store, 1))
    store.fail_next = OutOfSpace("full")
    with pytest.raises(OutOfSpace):
        clerk.flush()
    clerk.note(stored(store, 2))
    assert written == []
    clerk.flush()
    assert written == [1, 2]


def test_one_that_was_moved_meanwhile_does_not_hold_up_the_others() -> None:
    """The operator's hand goes before; the others count all the same."""
    written: list[int] = []
    store = CountingStore(3)
    clerk = clerk_of(store, written)
    for number in (1, 2, 3):
        clerk.note(stored(store, number))
    store.move(2, DeliveryEvent.HOLD)
    clerk.flush()
    assert written == [1, 3]
    assert store.state(2) is DeliveryState.HELD


def test_nobody_runs_ahead_of_the_disk() -> None:
    """Beyond a bound the lane writes itself, and feels what the disk says."""
    store = CountingStore(MOST_UNWRITTEN + 1)
    clerk = clerk_of(store)
    for number in range(1, MOST_UNWRITTEN + 1):
        clerk.note(stored(store, number))
    store.fail_next = OutOfSpace("full")
    with pytest.raises(OutOfSpace):
        clerk.note(stored(store, MOST_UNWRITTEN + 1))


def test_it_writes_by_itself_and_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its thread nobody has to ask; what comes at the last moment is written by `stop`."""
    monkeypatch.setattr(clerk_module, "GATHER_S", 0.0)
    store = CountingStore(2)
    told, seen = threading.Event(), []

    def written(outcome: Outcome) -> None:
        seen.append(outcome.job.id)
        told.set()

    clerk = Clerk("pacs", store, now=lambda: START, written=written)
    clerk.start()
    clerk.note(stored(store, 1))
    assert told.wait(PATIENCE_S)
    clerk.note(stored(store, 2))
    clerk.stop(PATIENCE_S)
    assert seen == [1, 2]


class FailingStore(CountingStore):
    """Writes one outcome after another, then refuses to write as a full disk does."""

    def __init__(self, count: int, *, writes: int) -> None:
        super().__init__(count)
        self.writes = writes

    def record_attempts(self, attempts: Sequence[Attempt], *, now: datetime) -> None:
        super().record_attempts(attempts, now=now)
        self.writes -= 1
        if not self.writes:
            self.fail_next = OutOfSpace("full")


def test_what_was_written_before_the_disk_refused_is_not_written_again(lines: Recorder) -> None:
    """One was moved, so they are written one by one, and the disk fills up between two: each counts
    once, is told of once, and nothing is lost."""
    written: list[int] = []
    store = FailingStore(4, writes=2)
    clerk = clerk_of(store, written)
    for number in (1, 2, 3, 4):
        clerk.note(stored(store, number))
    store.move(1, DeliveryEvent.HOLD)
    with pytest.raises(OutOfSpace):
        clerk.flush()
    assert written == [2, 3]
    clerk.flush()
    assert written == [2, 3, 4]
    assert [line["job"] for line in lines.named("outcome_ignored")] == [1]


def test_an_outcome_that_cannot_be_written_is_left_out(lines: Recorder) -> None:
    """The row of one delivery is gone: its outcome is dropped by its UID, the others are written,
    and the writing goes on."""
    written: list[int] = []
    store = CountingStore(3)
    clerk = clerk_of(store, written)
    for number in (1, 2, 3):
        clerk.note(stored(store, number))
    del store.jobs[2]
    clerk.flush()
    assert written == [1, 3]
    (line,) = lines.named("outcome_ignored")
    assert line["sop_instance_uid"] == "1.2.3.2"


def claims_of(store: FakeStore) -> Claims:
    claims = Claims("pacs", store, now=lambda: START)
    claims.give_back(store.jobs[3])
    claims.give_back(store.jobs[2])
    claims.give_back(store.jobs[1])
    return claims


def test_a_claim_is_put_back_once_and_none_is_lost(lines: Recorder) -> None:
    """One was moved, so they go back one by one, and the disk refuses the last: it waits, and goes
    back later; none stays claimed and unknown."""
    store = FailingStore(3, writes=1)
    claims = claims_of(store)
    store.move(1, DeliveryEvent.HOLD)
    with pytest.raises(OutOfSpace):
        claims.put_back()
    assert store.state(2) is DeliveryState.QUEUED
    assert claims.waiting == 1
    claims.put_back()
    assert [store.state(n) for n in (2, 3)] == [DeliveryState.QUEUED] * 2
    assert claims.waiting == 0
