"""Deliveries: order, attempts, what each event sets, and the operator's actions."""

from __future__ import annotations

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from echonode.errors import IllegalTransition, UsageError
from echonode.model.delivery import TRANSITIONS, DeliveryEvent, DeliveryState, after
from echonode.store.store import Store
from echonode.store.values import Attempt
from tests.support.examples import examples
from tests.unit.store.samples import NOON, Clock, dataset, put, put_many, send_all


def numbers(jobs: list) -> list[int]:  # type: ignore[type-arg]  # jobs of any kind
    return [int(job.instance.sop_instance_uid.split(".")[-1]) for job in jobs]


def test_jobs_are_claimed_in_order_of_acquisition(store: Store) -> None:
    """Not the order of arrival counts, but when the picture was taken."""
    for number, minutes in [(1, 30), (2, 10), (3, 20)]:
        put(
            store,
            dataset(number),
            destinations=["pacs"],
            acquired_at=NOON + timedelta(minutes=minutes),
        )
    assert numbers(store.deliveries.claim("pacs", now=NOON, limit=2)) == [2, 3]
    assert numbers(store.deliveries.claim("pacs", now=NOON, limit=2)) == [1]
    assert store.deliveries.claim("pacs", now=NOON, limit=2) == []


def test_a_claimed_job_says_all_that_sending_needs(store: Store) -> None:
    """The instance, where its file is and where its dataset begins."""
    kept = put(store, dataset(1), destinations=["pacs"]).instance
    [job] = store.deliveries.claim("pacs", now=NOON, limit=1)
    assert job.instance == kept
    assert (job.state, job.attempts, job.destination) == (DeliveryState.SENDING, 0, "pacs")


def test_destinations_do_not_meet(store: Store) -> None:
    """What one destination does with an instance says nothing of the other."""
    put(store, dataset(1), destinations=["pacs", "backup", "pacs"])
    assert len(store.deliveries.claim("pacs", now=NOON, limit=9)) == 1
    assert store.deliveries.next_due("pacs") is None
    assert store.deliveries.next_due("backup") == NOON


def test_a_retry_waits_for_its_time(store: Store) -> None:
    """Not due before, due at the minute, and the attempt, status and reason are kept."""
    put(store, dataset(1), destinations=["pacs"])
    [job] = store.deliveries.claim("pacs", now=NOON, limit=1)
    later = NOON + timedelta(minutes=5)
    store.deliveries.record_attempt(
        job.id, DeliveryEvent.RETRY, now=NOON, status=0xA700, error="full", next_attempt_at=later
    )
    assert store.deliveries.claim("pacs", now=later - timedelta(microseconds=1), limit=1) == []
    assert store.deliveries.next_due("pacs") == later
    [again] = store.deliveries.claim("pacs", now=later, limit=1)
    assert (again.attempts, again.last_status, again.last_error) == (1, 0xA700, "full")


def test_an_attempt_that_never_began_is_not_counted(store: Store) -> None:
    """An association lost before the instance's turn costs it nothing."""
    put(store, dataset(1), destinations=["pacs"])
    [job] = store.deliveries.claim("pacs", now=NOON, limit=1)
    store.deliveries.record_attempt(job.id, DeliveryEvent.INTERRUPTED, now=NOON)
    [again] = store.deliveries.claim("pacs", now=NOON, limit=1)
    assert again.attempts == 0


@pytest.mark.slow
def test_a_crash_while_sending_counts_and_sends_again(data_dir: Path, clock: Clock) -> None:
    """An instance that brings the node down does not look untried at the next start."""
    store = Store.open(data_dir, now=clock)
    put(store, dataset(1), destinations=["backup", "cold", "pacs"])
    for destination in ("backup", "pacs"):
        store.deliveries.claim(destination, now=NOON, limit=1)
    store.close()
    with Store.open(data_dir, now=clock) as again:
        assert again.recovery.report.deliveries_requeued == 2
        for destination, attempts in (("backup", 1), ("cold", 0), ("pacs", 1)):
            [job] = again.deliveries.claim(destination, now=NOON, limit=1)
            assert job.attempts == attempts


def test_sent_jobs_wait_for_proof_until_they_are_due(store: Store) -> None:
    """`sent` lists them; with a time, only those to be asked for by then."""
    put_many(store, 2, "pacs")
    first, second = store.deliveries.claim("pacs", now=NOON, limit=2)
    later = NOON + timedelta(hours=1)
    store.deliveries.record_attempts(
        [
            Attempt(job_id=first.id, event=DeliveryEvent.STORED, status=0),
            Attempt(
                job_id=second.id, event=DeliveryEvent.STORED, status=0xB000, next_attempt_at=later
            ),
        ],
        now=NOON,
    )
    assert numbers(store.deliveries.sent("pacs", limit=9)) == [1, 2]
    assert numbers(store.deliveries.sent("pacs", limit=9, now=NOON)) == [1]
    assert numbers(store.deliveries.sent("pacs", limit=9, now=later)) == [1, 2]
    assert [job.last_status for job in store.deliveries.sent("pacs", limit=9)] == [0, 0xB000]
    assert store.deliveries.sent("pacs", limit=1)[0].sent_at == NOON


def test_many_outcomes_are_one_transaction(store: Store) -> None:
    """One impossible event among them, and none is recorded."""
    put_many(store, 3, "pacs")
    jobs = store.deliveries.claim("pacs", now=NOON, limit=2)
    attempts = [Attempt(job_id=job.id, event=DeliveryEvent.STORED) for job in jobs]
    with pytest.raises(IllegalTransition):
        store.deliveries.record_attempts([*attempts, attempts[0]], now=NOON)
    assert {row.state for row in store.ledger.rows()} == {"sending", "queued"}
    with pytest.raises(UsageError):
        store.deliveries.record_attempt(999, DeliveryEvent.STORED, now=NOON)


def test_found_by_query_is_verified_but_not_committed(store: Store) -> None:
    """Proof is shown as what it is."""
    put_many(store, 1, "pacs")
    [job] = send_all(store, "pacs", NOON)
    store.deliveries.record_attempt(job.id, DeliveryEvent.FOUND, now=NOON)
    [row] = store.ledger.rows()
    assert (row.state, row.committed_at) == ("verified", None)


def test_the_operator_holds_and_releases(store: Store) -> None:
    """Held is out of the queue; released is due at once, its attempts counted from zero."""
    woken: list[str] = []
    put(store, dataset(1), destinations=["pacs", "backup"])
    [job] = store.deliveries.claim("pacs", now=NOON, limit=1)
    store.deliveries.record_attempt(
        job.id, DeliveryEvent.RETRY, now=NOON, next_attempt_at=NOON + timedelta(hours=1)
    )
    assert store.operator.hold("1.2.3.4.1", now=NOON) == 2
    assert store.deliveries.claim("pacs", now=NOON + timedelta(days=9), limit=1) == []
    store.on_delivery_due.append(woken.append)
    assert store.operator.release("1.2.3.4.1", now=NOON, destination="pacs") == 1
    assert woken == ["pacs"]
    [again] = store.deliveries.claim("pacs", now=NOON, limit=1)
    assert again.attempts == 0
    assert store.deliveries.claim("backup", now=NOON, limit=1) == []


@pytest.mark.slow
def test_the_operator_does_not_wait_for_a_retry(store: Store) -> None:
    """`retry` makes what is queued for later, or held, due now; what is done stays done."""
    put_many(store, 3, "pacs")
    first, second, third = store.deliveries.claim("pacs", now=NOON, limit=3)
    tomorrow = NOON + timedelta(days=1)
    store.deliveries.record_attempt(
        first.id, DeliveryEvent.RETRY, now=NOON, next_attempt_at=tomorrow
    )
    store.deliveries.record_attempt(second.id, DeliveryEvent.HOLD, now=NOON, error="no")
    store.deliveries.record_attempt(third.id, DeliveryEvent.STORED, now=NOON)
    assert [store.operator.retry(f"1.2.3.4.{n}", now=NOON) for n in (1, 2, 3, 4)] == [1, 1, 0, 0]
    assert numbers(store.deliveries.claim("pacs", now=NOON, limit=9)) == [1, 2]


def test_what_is_being_sent_is_not_held_under_the_worker(store: Store) -> None:
    """The worker's own outcome would have no row in the table."""
    put_many(store, 1, "pacs")
    [job] = store.deliveries.claim("pacs", now=NOON, limit=1)
    assert store.operator.hold("1.2.3.4.1", now=NOON) == 0
    store.deliveries.record_attempt(job.id, DeliveryEvent.STORED, now=NOON)


def test_instances_may_be_queued_later(store: Store) -> None:
    """A destination added to the configuration gets what it has not had, once."""
    put_many(store, 2, "pacs")
    uids = ["1.2.3.4.1", "1.2.3.4.2", "9.9"]
    assert store.deliveries.add(uids, ["pacs", "new"]) == 2
    assert store.deliveries.add(uids, ["pacs", "new"]) == 0
    assert len(store.deliveries.claim("new", now=NOON, limit=9)) == 2


def test_without_destinations_an_instance_is_captured_and_no_more(store: Store) -> None:
    """The ledger shows it, and no state of a delivery."""
    put(store, dataset(1, NumberOfFrames=3), acquired_at=NOON)
    [row] = store.ledger.rows()
    assert (row.destination, row.state, row.attempts, row.frames) == ("", "captured", 0, 3)
    assert (row.acquired_at, row.stored_at, row.committed_at) == (NOON, NOON, None)


class DeliveryLife(RuleBasedStateMachine):
    """Any sequence of events: the store's state is that of the table, illegal ones change nothing.

    The events that need a transaction (REQUEST_COMMITMENT) are left to test_reports.py.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.store = Store.open(Path(self.folder), now=Clock())
        put_many(self.store, 1, "pacs")
        [job] = self.store.deliveries.of_instance("1.2.3.4.1")
        self.job_id = job.id
        self.state = DeliveryState.QUEUED
        self.attempts = 0

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule()
    def claim(self) -> None:
        claimed = self.store.deliveries.claim("pacs", now=NOON, limit=5)
        assert bool(claimed) == (self.state is DeliveryState.QUEUED)
        if claimed:
            self.state = DeliveryState.SENDING

    @rule(
        event=st.sampled_from(
            [e for e in DeliveryEvent if e is not DeliveryEvent.REQUEST_COMMITMENT]
        )
    )
    def event(self, event: DeliveryEvent) -> None:
        legal = (self.state, event) in TRANSITIONS
        try:
            self.store.deliveries.record_attempt(self.job_id, event, now=NOON)
        except IllegalTransition:
            assert not legal
            return
        assert legal
        counted = {DeliveryEvent.STORED, DeliveryEvent.RETRY, DeliveryEvent.HOLD}
        self.attempts += self.state is DeliveryState.SENDING and event in counted
        self.state = after(self.state, event)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = Store.open(Path(self.folder), now=Clock())
        if self.state is DeliveryState.SENDING:
            self.state = DeliveryState.QUEUED
            self.attempts += 1

    @rule()
    def look(self) -> None:
        [job] = self.store.deliveries.of_instance("1.2.3.4.1")
        assert (job.state, job.attempts) == (self.state, self.attempts)


DeliveryLife.TestCase.settings = settings(max_examples=examples(15), stateful_step_count=12)
TestDeliveryLife = pytest.mark.slow(DeliveryLife.TestCase)
