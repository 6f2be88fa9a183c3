"""An operator's action on a delivery: what it does, and words for what it cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from echonode.delivery.operator_actions import acknowledge, act
from echonode.errors import OperatorRefused
from echonode.model.commitment import TransactionEvent
from echonode.model.delivery import DeliveryEvent
from echonode.store.store import Store
from tests.unit.store.retention.test_deletion import commit_all
from tests.unit.store.samples import NOON, Clock, dataset, put, put_many

UID = "1.2.3.4.1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "var", now=Clock()) as opened:
        put_many(opened, 1, "backup", "pacs")
        yield opened


def test_hold_and_release(store: Store) -> None:
    """Each answers with the deliveries as they are now."""
    assert act(store, "hold", UID, now=NOON) == {
        "changed": 2,
        "deliveries": [
            {"destination": "backup", "state": "held", "last_error": "held by the operator"},
            {"destination": "pacs", "state": "held", "last_error": "held by the operator"},
        ],
    }
    released = act(store, "release", UID, now=NOON, destination="pacs")
    assert released["changed"] == 1
    assert [row["state"] for row in released["deliveries"]] == ["held", "queued"]  # type: ignore[attr-defined]


def test_retry_makes_it_due_now(store: Store) -> None:
    """What waits for an hour goes at once."""
    [job] = store.deliveries.claim("pacs", now=NOON, limit=1)
    later = Clock().pass_(hours=1)
    store.deliveries.record_attempt(job.id, DeliveryEvent.RETRY, now=NOON, next_attempt_at=later)
    act(store, "retry", UID, now=NOON, destination="pacs")
    assert store.deliveries.next_due("pacs") == NOON


def test_retry_asks_now_for_a_refused_commitment(store: Store) -> None:
    """The archive did not take the request and was put right: it is asked again now, and nothing is
    sent a second time."""
    [job] = store.deliveries.claim("pacs", now=NOON, limit=1)
    store.deliveries.record_attempt(job.id, DeliveryEvent.STORED, now=NOON, status=0)
    with pytest.raises(OperatorRefused, match="pacs is sent"):
        act(store, "retry", UID, now=NOON, destination="pacs")  # it is due as it is
    store.commitment.transactions.create("pacs", "2.25.1", [job.id], peer_ae_title="PACS", now=NOON)
    later = Clock().pass_(hours=6)
    store.commitment.transactions.apply_event(
        "2.25.1", TransactionEvent.REFUSED, now=NOON, next_attempt_at=later, error="unknown AE"
    )
    due: list[str] = []
    store.on_delivery_due.append(due.append)
    assert store.deliveries.sent("pacs", limit=9, now=NOON) == []
    done = act(store, "retry", UID, now=NOON, destination="pacs")
    assert [row["state"] for row in done["deliveries"]] == ["queued", "sent"]  # type: ignore[attr-defined]
    assert [job.id for job in store.deliveries.sent("pacs", limit=9, now=NOON)] == [job.id]
    assert due == ["pacs"]


def test_a_conflict_is_acknowledged_once(store: Store) -> None:
    """The alarm ends; a study without a conflict is refused in words."""
    put(store, dataset(7, PatientID="P2", PatientName="Roe^Rick"))
    assert acknowledge(store, "1.2.3.1", now=NOON) == {"acknowledged": 1}
    assert store.index.identity_conflicts() == ()
    with pytest.raises(OperatorRefused, match="no conflict"):
        acknowledge(store, "1.2.3.1", now=NOON)


def test_what_is_unknown_is_said(store: Store) -> None:
    """A UID that no peer sent, and a destination that it does not go to."""
    with pytest.raises(OperatorRefused, match=r"no delivery of 1\.2\.3\.9"):
        act(store, "hold", "1.2.3.9", now=NOON)
    with pytest.raises(OperatorRefused, match="to elsewhere"):
        act(store, "hold", UID, now=NOON, destination="elsewhere")


def test_what_cannot_be_done_is_said_with_the_reason(store: Store) -> None:
    """Committed is done; what is being sent just now can be asked for again in a moment."""
    commit_all(store, Clock())
    with pytest.raises(OperatorRefused, match="pacs is committed"):
        act(store, "hold", UID, now=NOON, destination="pacs")
    with pytest.raises(OperatorRefused, match="backup is queued, pacs is committed"):
        act(store, "release", UID, now=NOON)
    store.deliveries.claim("backup", now=NOON, limit=1)
    with pytest.raises(OperatorRefused, match="being sent just now"):
        act(store, "hold", UID, now=NOON)


def test_what_is_just_being_sent_is_held_once_that_has_ended(store: Store) -> None:
    """An archive that refuses takes a moment: a person who holds everything need not try again."""
    [job] = store.deliveries.claim("backup", now=NOON, limit=1)
    waited: list[float] = []

    def refused(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            event = DeliveryEvent.RETRY
            store.deliveries.record_attempt(job.id, event, now=NOON, next_attempt_at=NOON)

    done = act(store, "hold", UID, now=NOON, destination="backup", wait=refused)
    assert (done["changed"], len(waited)) == (1, 2)


def test_what_goes_on_being_sent_is_told_after_a_moment(store: Store) -> None:
    """A large image, or a slow archive: within a second the person hears that it is under way."""
    store.deliveries.claim("backup", now=NOON, limit=1)
    waited: list[float] = []
    with pytest.raises(OperatorRefused, match="being sent just now"):
        act(store, "hold", UID, now=NOON, destination="backup", wait=waited.append)
    assert 0 < sum(waited) <= 1


def test_a_retry_calls_the_archives_that_it_concerns(store: Store) -> None:
    """Who presses Retry expects a call now, and not at the end of the archive's pause."""
    called: list[str] = []
    for job in store.deliveries.of_instance(UID):
        store.deliveries.claim(job.destination, now=NOON, limit=1)
        store.deliveries.record_attempt(
            job.id, DeliveryEvent.RETRY, now=NOON, next_attempt_at=Clock().pass_(hours=1)
        )
    act(store, "retry", UID, now=NOON, destination="pacs", call_now=called.append)
    assert called == ["pacs"]
    act(store, "hold", UID, now=NOON, call_now=called.append)
    assert called == ["pacs"]
