"""Commitments that peers ask of us: kept until reported, and answered truthfully."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from echonode.model.commitment import (
    CommitmentRequest,
    FailureReason,
    InboundState,
    ReferencedInstance,
)
from echonode.model.instance import StoredInstance
from echonode.store.store import Store
from tests.unit.store.samples import NOON, US_IMAGE, US_MULTI_FRAME, dataset, put, put_many


def request(*items: tuple[str, str], uid: str = "2.25.7") -> CommitmentRequest:
    return CommitmentRequest(
        transaction_uid=uid,
        instances=tuple(
            ReferencedInstance(sop_class_uid=sop_class, sop_instance_uid=sop_instance)
            for sop_class, sop_instance in items
        ),
    )


ONE = request((US_IMAGE, "1.2.3.4.1"))


def test_a_request_is_kept_over_a_restart_until_it_is_reported(data_dir: Path) -> None:
    """The node that promised to report does so, also after a kill."""
    with Store.open(data_dir) as store:
        made = store.commitment.inbound.create("MODALITY", ONE, NOON)
        assert made is not None
        assert (made.request, made.attempts) == (ONE, 0)
    with Store.open(data_dir) as store:
        assert store.commitment.inbound.pending(NOON, limit=9) == [made]
        store.commitment.inbound.mark_reported(made.id, NOON)
        assert store.commitment.inbound.pending(NOON + timedelta(days=9), limit=9) == []


def test_a_report_that_is_not_taken_comes_back_at_its_time(store: Store) -> None:
    """Retried when told, counted, and given up only by decision."""
    made = store.commitment.inbound.create("MODALITY", ONE, NOON)
    assert made is not None
    later = NOON + timedelta(minutes=1)
    store.commitment.inbound.retry_later(made.id, later, "unreachable")
    assert store.commitment.inbound.pending(NOON, limit=9) == []
    assert store.commitment.inbound.next_due() == later
    [again] = store.commitment.inbound.pending(later, limit=9)
    assert again.attempts == 1
    store.commitment.inbound.give_up(made.id, later, "a week")
    assert store.commitment.inbound.next_due() is None


def test_an_ended_request_stays_as_it_ended(store: Store) -> None:
    """A late retry or give-up does not change a request whose report the peer has taken."""
    made = store.commitment.inbound.create("MODALITY", ONE, NOON)
    assert made is not None
    store.commitment.inbound.mark_reported(made.id, NOON)
    store.commitment.inbound.retry_later(made.id, NOON, "too late")
    store.commitment.inbound.give_up(made.id, NOON, "too late")
    assert store.commitment.inbound.next_due() is None
    with store._readers.connect() as connection:
        state, attempts = connection.exec_driver_sql(
            "SELECT state, attempts FROM inbound_commitment"
        ).one()
    assert (state, attempts) == (InboundState.REPORTED, 1)


def test_a_transaction_uid_is_used_once_by_each_peer(store: Store) -> None:
    """0131 for a second use; the same request again is the first, its answer lost on the way."""
    made = store.commitment.inbound.create("MODALITY", ONE, NOON)
    assert made is not None
    assert store.commitment.inbound.create("MODALITY", ONE, NOON) == made
    assert store.commitment.inbound.create("MODALITY", request((US_IMAGE, "9.9")), NOON) is None
    assert store.commitment.inbound.create("OTHER", ONE, NOON) is not None
    store.commitment.inbound.mark_reported(made.id, NOON)
    assert store.commitment.inbound.create("MODALITY", ONE, NOON) is None


def test_the_answer_promises_only_what_is_here_unchanged(store: Store) -> None:
    """Unknown, of another class, or with changed bytes: named as failed with its reason."""
    put_many(store, 2)
    damaged = put(store, dataset(3)).instance
    damaged.path.write_bytes(damaged.path.read_bytes()[:-1])
    asked = request(
        (US_IMAGE, "1.2.3.4.1"),
        (US_MULTI_FRAME, "1.2.3.4.2"),
        (US_IMAGE, "1.2.3.4.3"),
        (US_IMAGE, "1.2.3.4.9"),
    )
    answer = store.commitment.inbound.answer(asked)
    assert answer.transaction_uid == "2.25.7"
    assert answer.committed == asked.instances[:1]
    assert list(answer.failed.values()) == [
        FailureReason.CLASS_INSTANCE_CONFLICT,
        FailureReason.PROCESSING_FAILURE,
        FailureReason.NO_SUCH_OBJECT_INSTANCE,
    ]


def test_one_instance_that_cannot_be_checked_fails_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its check raises: it is reported as failed (0110), the others are promised."""
    put_many(store, 3, "pacs")
    check = store.commitment.inbound._check_bytes

    def fail_on_the_second(instance: StoredInstance) -> None:
        if instance.sop_instance_uid == "1.2.3.4.2":
            raise MemoryError
        check(instance)

    monkeypatch.setattr(store.commitment.inbound, "_check_bytes", fail_on_the_second)
    answer = store.commitment.inbound.answer(
        request(*((US_IMAGE, f"1.2.3.4.{number}") for number in (1, 2, 3)))
    )
    assert [i.sop_instance_uid for i in answer.committed] == ["1.2.3.4.1", "1.2.3.4.3"]
    assert list(answer.failed.values()) == [FailureReason.PROCESSING_FAILURE]


def test_what_is_owed_can_be_read_in_part(store: Store) -> None:
    """A page at a time, the oldest first, without the peers that are paused but with named requests
    of theirs; and when the next of the others is due."""
    ids = []
    for number, title in enumerate(("DEAD", "LIVE", "DEAD", "LIVE"), start=1):
        asked = request((US_IMAGE, "1.2.3.4.1"), uid=f"2.25.{number}")
        made = store.commitment.inbound.create(title, asked, NOON + timedelta(seconds=number))
        assert made is not None
        ids.append(made.id)
    later = NOON + timedelta(hours=1)

    def found(**which: Any) -> list[int]:
        return [inbound.id for inbound in store.commitment.inbound.pending(later, **which)]

    assert found(limit=9) == ids
    assert found(limit=2) == ids[:2]
    assert found(limit=9, without={"DEAD"}) == [ids[1], ids[3]]
    assert found(limit=9, without={"DEAD"}, but_with=[ids[2]]) == ids[1:]
    assert store.commitment.inbound.next_due() == NOON + timedelta(seconds=1)
    assert store.commitment.inbound.next_due(without={"DEAD"}) == NOON + timedelta(seconds=2)
    assert store.commitment.inbound.next_due(without={"DEAD", "LIVE"}) is None
