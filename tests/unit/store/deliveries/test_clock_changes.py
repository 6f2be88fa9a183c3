"""A wall clock that is set back, and what waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from echonode.model.commitment import CommitmentRequest, ReferencedInstance, TransactionEvent
from echonode.model.delivery import DeliveryEvent
from echonode.store.store import Store
from echonode.store.values import DeliveryJob
from tests.unit.store.samples import NOON, US_IMAGE, Clock, put_many, send_all

YEAR = timedelta(days=365)
MINUTE = timedelta(minutes=1)


def look(store: Store, clock: Clock, *, minutes: float = 1, set_by: timedelta) -> timedelta:
    """So many minutes pass, and the clock is set at their end."""
    clock.time += minutes * MINUTE + set_by
    return store.deliveries.watch_clock(now=clock(), elapsed_s=minutes * 60)


@pytest.fixture
def woken(store: Store, clock: Clock) -> list[str]:
    """The first look is done; who was woken since."""
    names: list[str] = []
    put_many(store, 3, "pacs", "other")
    store.deliveries.watch_clock(now=clock(), elapsed_s=0)
    store.on_delivery_due.append(names.append)
    return names


@pytest.mark.parametrize(
    ("set_by", "found"),
    [
        (timedelta(), timedelta()),
        (-timedelta(seconds=4), timedelta()),
        (-timedelta(hours=1), timedelta(hours=1)),
        (-YEAR, YEAR),
        (YEAR, timedelta()),
    ],
)
def test_only_a_step_back_is_one(
    store: Store, clock: Clock, woken: list[str], set_by: timedelta, found: timedelta
) -> None:
    """Not what looking takes, and not a step forward; and it is found once."""
    assert look(store, clock, set_by=set_by) == found
    assert look(store, clock, set_by=timedelta()) == timedelta()
    assert sorted(woken) == (["other", "pacs"] if found else [])


def test_a_clock_that_is_behind_after_a_restart_was_set_back(data_dir: Path, clock: Clock) -> None:
    """It is not known how long the node was off; but time did not go back."""
    with Store.open(data_dir, now=clock) as store:
        store.deliveries.watch_clock(now=clock(), elapsed_s=0)
    clock.time -= YEAR
    with Store.open(data_dir, now=clock) as store:
        assert store.deliveries.watch_clock(now=clock(), elapsed_s=0) == YEAR


def test_what_is_queued_is_due_as_long_after_as_before(
    store: Store, clock: Clock, woken: list[str]
) -> None:
    """A backlog at once, a delivery that failed when its delay has passed; the order stays."""
    [first, *_] = store.deliveries.claim("pacs", now=clock(), limit=1)
    in_an_hour = clock() + 60 * MINUTE
    store.deliveries.record_attempt(
        first.id, DeliveryEvent.RETRY, now=clock(), next_attempt_at=in_an_hour
    )
    look(store, clock, set_by=-YEAR)
    assert len(store.deliveries.claim("pacs", now=clock(), limit=10)) == 2
    assert store.deliveries.next_due("pacs") == clock() + 59 * MINUTE
    assert [job.acquired_at for job in store.deliveries.claim("other", now=clock(), limit=9)] == [
        NOON
    ] * 3


def test_what_never_is_due_never_will_be(store: Store, clock: Clock, woken: list[str]) -> None:
    """An instance that nothing can prove is not asked for after the clock was set."""
    never = NOON.replace(year=9999)
    [job] = store.deliveries.claim("pacs", now=clock(), limit=1)
    store.deliveries.record_attempt(
        job.id, DeliveryEvent.STORED, now=clock(), next_attempt_at=never
    )
    look(store, clock, set_by=-YEAR)
    [sent] = store.deliveries.sent("pacs", limit=9)
    assert sent.next_attempt_at == never
    assert sent.sent_at == NOON


@pytest.mark.slow
def test_a_report_is_awaited_as_long_as_before(
    store: Store, clock: Clock, woken: list[str]
) -> None:
    """What was requested ten minutes ago is ten minutes old, whatever the clock says."""
    jobs = send_all(store, "pacs", clock())
    ask(store, clock, jobs)
    look(store, clock, minutes=10, set_by=-YEAR)
    [waiting] = store.commitment.transactions.list_open("pacs")
    assert waiting.requested_at == waiting.first_requested_at == clock() - 10 * MINUTE
    [job] = store.deliveries.of_instance("1.2.3.4.1")[1:]
    assert job.first_asked_at == clock() - 10 * MINUTE


def test_what_was_requested_since_the_step_is_new(
    store: Store, clock: Clock, woken: list[str]
) -> None:
    """Between the step and the look that finds it, a request was made: it is no year old."""
    jobs = send_all(store, "pacs", clock())
    clock.time -= YEAR
    ask(store, clock, jobs)
    requested_at = clock.pass_(minutes=0)
    clock.pass_(seconds=30)
    store.deliveries.watch_clock(now=clock(), elapsed_s=60)
    [waiting] = store.commitment.transactions.list_open("pacs")
    assert waiting.requested_at == waiting.first_requested_at == requested_at


def ask(store: Store, clock: Clock, jobs: Sequence[DeliveryJob]) -> None:
    """A commitment request that the archive took."""
    ids = [job.id for job in jobs]
    store.commitment.transactions.create("pacs", "2.25.1", ids, peer_ae_title="PACS", now=clock())
    store.commitment.transactions.apply_event("2.25.1", TransactionEvent.ACCEPTED, now=clock())


def test_what_we_owe_a_peer_is_due_as_long_after_as_before(store: Store, clock: Clock) -> None:
    """A report that a peer did not take is offered again after its delay."""
    store.deliveries.watch_clock(now=clock(), elapsed_s=0)
    item = ReferencedInstance(sop_class_uid=US_IMAGE, sop_instance_uid="1.2.3.4.1")
    request = CommitmentRequest(transaction_uid="2.25.2", instances=(item,))
    owed = store.commitment.inbound.create("MODALITY", request, clock())
    assert owed is not None
    store.commitment.inbound.retry_later(owed.id, clock() + 10 * MINUTE, "away")
    look(store, clock, minutes=5, set_by=-YEAR)
    assert store.commitment.inbound.pending(clock(), limit=9) == []
    assert store.commitment.inbound.next_due() == clock() + 5 * MINUTE
    [pending] = store.commitment.inbound.pending(clock.pass_(minutes=5), limit=9)
    assert pending.requested_at == clock() - 10 * MINUTE
