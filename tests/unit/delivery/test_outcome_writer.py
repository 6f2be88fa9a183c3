"""Outcomes are written many at a time, and none is lost on the way."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime

import pytest

from echonode.delivery import outcome_writer as clerk_module
from echonode.delivery.claimed_jobs import ClaimedJobs
from echonode.delivery.outcome_writer import MOST_UNWRITTEN, Outcome, OutcomeWriter
from echonode.errors import OutOfSpace
from echonode.model.delivery import DeliveryEvent, DeliveryState, after
from echonode.store.values import Attempt
from tests.support.clock import START, Clock
from tests.support.log_recorder import Recorder
from tests.unit.delivery.doubles import FakeStore, context_of, delivery_job, stored_instance

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


def clerk_of(store: FakeStore, written: list[int] | None = None) -> OutcomeWriter:
    told: list[int] = [] if written is None else written
    return OutcomeWriter(context_of(Clock(), store=store), written=lambda o: told.append(o.job.id))


def stored(store: FakeStore, job_id: int) -> Outcome:
    attempt = Attempt(job_id=job_id, event=DeliveryEvent.STORED, status=0)
    return Outcome(job=store.jobs[job_id], attempt=attempt)


def test_many_outcomes_are_one_transaction() -> None:
    """However many came, the disk is waited for once; each is logged, in order, afterwards."""
    written: list[int] = []
    store = CountingStore(50)
    outcome_writer = clerk_of(store, written)
    for number in range(1, 51):
        outcome_writer.note(stored(store, number))
    assert written == []
    outcome_writer.flush()
    assert store.transactions == 1
    assert written == list(range(1, 51))


def test_a_disk_that_refuses_gets_them_again() -> None:
    """Nothing is logged, nothing forgotten, and the order stays."""
    written: list[int] = []
    store = CountingStore(2)
    outcome_writer = clerk_of(store, written)
    outcome_writer.note(stored(store, 1))
    store.fail_next = OutOfSpace("full")
    with pytest.raises(OutOfSpace):
        outcome_writer.flush()
    outcome_writer.note(stored(store, 2))
    assert written == []
    outcome_writer.flush()
    assert written == [1, 2]


def test_one_that_was_moved_meanwhile_does_not_hold_up_the_others() -> None:
    """The operator's action counts; the other outcomes do as well."""
    written: list[int] = []
    store = CountingStore(3)
    outcome_writer = clerk_of(store, written)
    for number in (1, 2, 3):
        outcome_writer.note(stored(store, number))
    store.move(2, DeliveryEvent.HOLD)
    outcome_writer.flush()
    assert written == [1, 3]
    assert store.state(2) is DeliveryState.HELD


def test_nobody_runs_ahead_of_the_disk() -> None:
    """Beyond a bound the lane writes itself, and feels what the disk says."""
    store = CountingStore(MOST_UNWRITTEN + 1)
    outcome_writer = clerk_of(store)
    for number in range(1, MOST_UNWRITTEN + 1):
        outcome_writer.note(stored(store, number))
    store.fail_next = OutOfSpace("full")
    with pytest.raises(OutOfSpace):
        outcome_writer.note(stored(store, MOST_UNWRITTEN + 1))


def test_it_writes_by_itself_and_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread needs no request; what comes at the last moment is written by `stop`."""
    monkeypatch.setattr(clerk_module, "GATHER_S", 0.0)
    store = CountingStore(2)
    told, seen = threading.Event(), []

    def written(outcome: Outcome) -> None:
        seen.append(outcome.job.id)
        told.set()

    outcome_writer = OutcomeWriter(context_of(Clock(), store=store), written=written)
    outcome_writer.start()
    outcome_writer.note(stored(store, 1))
    assert told.wait(PATIENCE_S)
    outcome_writer.note(stored(store, 2))
    outcome_writer.stop(PATIENCE_S)
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
    once, is logged once, and nothing is lost."""
    written: list[int] = []
    store = FailingStore(4, writes=2)
    outcome_writer = clerk_of(store, written)
    for number in (1, 2, 3, 4):
        outcome_writer.note(stored(store, number))
    store.move(1, DeliveryEvent.HOLD)
    with pytest.raises(OutOfSpace):
        outcome_writer.flush()
    assert written == [2, 3]
    outcome_writer.flush()
    assert written == [2, 3, 4]
    assert [line["job"] for line in lines.named("outcome_ignored")] == [1]


def test_an_outcome_that_cannot_be_written_is_left_out(lines: Recorder) -> None:
    """The row of one delivery is gone: its outcome is dropped by its UID, the others are written,
    and the writing goes on."""
    written: list[int] = []
    store = CountingStore(3)
    outcome_writer = clerk_of(store, written)
    for number in (1, 2, 3):
        outcome_writer.note(stored(store, number))
    del store.jobs[2]
    outcome_writer.flush()
    assert written == [1, 3]
    (line,) = lines.named("outcome_ignored")
    assert line["sop_instance_uid"] == "1.2.3.2"


def claims_of(store: FakeStore) -> ClaimedJobs:
    claimed_jobs = ClaimedJobs(context_of(Clock(), store=store))
    claimed_jobs.give_back(store.jobs[3])
    claimed_jobs.give_back(store.jobs[2])
    claimed_jobs.give_back(store.jobs[1])
    return claimed_jobs


def test_a_claim_is_put_back_once_and_none_is_lost(lines: Recorder) -> None:
    """One was moved, so they go back one by one, and the disk refuses the last: it waits, and goes
    back later; none stays claimed and unknown."""
    store = FailingStore(3, writes=1)
    claimed_jobs = claims_of(store)
    store.move(1, DeliveryEvent.HOLD)
    with pytest.raises(OutOfSpace):
        claimed_jobs.put_back()
    assert store.state(2) is DeliveryState.QUEUED
    assert claimed_jobs.waiting == 1
    claimed_jobs.put_back()
    assert [store.state(n) for n in (2, 3)] == [DeliveryState.QUEUED] * 2
    assert claimed_jobs.waiting == 0
