"""What waits at an archive, page by page and reason by reason."""

from __future__ import annotations

from datetime import timedelta

import pytest

from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.store.deliveries.outbox import HeldGroup, OutboxChoice
from echonode.store.store import Store
from tests.unit.store.samples import NOON, Clock, put_many, send_all

HELD = [DeliveryState.HELD]


def held(store: Store, count: int, *, status: int, error: str) -> None:
    for job in store.deliveries.claim("pacs", now=NOON, limit=count):
        store.deliveries.record_attempt(
            job.id, DeliveryEvent.HOLD, now=NOON, status=status, error=error
        )


@pytest.mark.slow
def test_what_is_held_is_grouped_by_words_and_status(store: Store, clock: Clock) -> None:
    """The largest group first; of one destination alone."""
    put_many(store, 4, "pacs", "backup")
    store.operator.hold("1.2.3.4.4", now=NOON, destination="pacs")
    held(store, 3, status=0xA900, error="does not match")
    assert store.outbox.standing("pacs", HELD).held == [
        HeldGroup(last_status=0xA900, last_error="does not match", count=3),
        HeldGroup(last_status=None, last_error="held by the operator", count=1),
    ]
    assert store.outbox.standing("backup", HELD).held == []


def test_counts_and_reasons_are_of_one_moment(store: Store, clock: Clock) -> None:
    """Of the states asked for: a page that says what is under way counts nothing that is done."""
    put_many(store, 3, "pacs")
    store.operator.hold("1.2.3.4.1", now=NOON)
    found = store.outbox.standing("pacs", [DeliveryState.QUEUED, DeliveryState.HELD])
    assert found.counts == {DeliveryState.QUEUED: 2, DeliveryState.HELD: 1}
    assert sum(group.count for group in found.held) == 1
    send_all(store, "pacs", clock())
    assert store.outbox.standing("pacs", [DeliveryState.QUEUED]).counts == {}


@pytest.mark.slow
def test_pages_follow_each_other_without_a_gap(store: Store, clock: Clock) -> None:
    """What is done meanwhile shifts no row: a page goes on behind the last number."""
    uids = put_many(store, 5, "pacs")
    for uid in uids:
        store.operator.hold(uid, now=NOON)
    first = store.outbox.items(OutboxChoice(states=HELD, destination="pacs", limit=2))
    for item in first:
        store.operator.release(item.sop_instance_uid, now=NOON)
    rest = store.outbox.items(
        OutboxChoice(states=HELD, destination="pacs", after=first[-1].number, limit=9)
    )
    assert [item.sop_instance_uid for item in (*first, *rest)] == uids
    assert rest[0].state is DeliveryState.HELD
    assert (rest[0].exam_id, rest[0].frames, rest[0].attempts) == ("", 1, 0)


def test_a_study_and_an_archive_limit_the_choice(store: Store, clock: Clock) -> None:
    """Of both together, what is of both."""
    put_many(store, 2, "pacs", "backup")
    waiting = [DeliveryState.QUEUED]
    study = OutboxChoice(states=waiting, study_instance_uid="1.2.3.1")
    assert len(store.outbox.items(study)) == 4
    other = OutboxChoice(states=waiting, study_instance_uid="1.2.3.9")
    assert store.outbox.items(other) == []
    both = OutboxChoice(states=waiting, study_instance_uid="1.2.3.1", destination="backup")
    assert {item.destination for item in store.outbox.items(both)} == {"backup"}


def test_what_was_done_today_is_counted_by_the_log_of_events(store: Store, clock: Clock) -> None:
    """What was before midnight is not of today."""
    put_many(store, 3, "pacs")
    [first, *_] = store.deliveries.claim("pacs", now=NOON, limit=1)
    store.deliveries.record_attempt(first.id, DeliveryEvent.STORED, now=NOON, status=0)
    today = NOON + timedelta(hours=12)
    assert store.outbox.done_since(today) == {}
    send_all(store, "pacs", today + timedelta(minutes=1))
    assert store.outbox.done_since(today) == {("pacs", "stored"): 2}
    assert store.outbox.done_since(NOON) == {("pacs", "stored"): 3}
