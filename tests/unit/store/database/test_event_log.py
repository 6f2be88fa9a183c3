"""The event log: what happened to each instance, in order, and nothing of the patient."""

from __future__ import annotations

import pytest

from echonode.model.commitment import CommitmentReport
from echonode.model.delivery import DeliveryEvent
from echonode.store.database import event_log
from echonode.store.database.event_log import NewEvent
from echonode.store.store import Store
from tests.unit.store.retention.test_deletion import commit_all
from tests.unit.store.samples import Clock, dataset, put, put_many, send_all

STUDY = "1.2.3.1"


def kinds(store: Store, study: str = STUDY) -> list[str]:
    return [event.kind for event in store.ledger.events(study)]


def test_the_way_of_an_instance_is_told_in_order(store: Store, clock: Clock) -> None:
    """Each try with its status, each request with its transaction, and the report."""
    put_many(store, 1, "pacs")
    [job] = store.deliveries.claim("pacs", now=clock(), limit=1)
    store.deliveries.record_attempt(
        job.id, DeliveryEvent.RETRY, now=clock(), status=0xA700, error="out of resources"
    )
    commit_all(store, clock)
    events = list(store.ledger.events(STUDY))
    assert [event.kind for event in events] == ["retry", "stored", "ask", "report", "committed"]
    assert (events[0].status, events[0].detail, events[0].state) == (
        0xA700,
        "out of resources",
        "queued",
    )
    assert {event.destination for event in events} == {"pacs"}
    assert events[2].transaction_uid == events[3].transaction_uid == "2.25.1"
    assert events[3].detail == "lists 1 committed and 0 failed of ours"


def test_what_befell_the_destination_meanwhile_is_told_too(store: Store, clock: Clock) -> None:
    """Associations and what was negotiated belong to every study that was on its way."""
    store.event_log.add(
        NewEvent(kind="association", destination="pacs", detail="accepted 5"), now=clock()
    )
    store.event_log.add(NewEvent(kind="association", destination="other"), now=clock())
    put_many(store, 1, "pacs")
    commit_all(store, clock)
    assert kinds(store)[0] == "association"
    assert kinds(store).count("association") == 1


@pytest.mark.slow
def test_each_study_has_its_own_record(store: Store, clock: Clock) -> None:
    """An exam's report says nothing of another exam."""
    put_many(store, 1, "pacs")
    put(store, dataset(2, StudyInstanceUID="1.2.3.9"), destinations=["pacs"])
    commit_all(store, clock)
    told = {
        event.sop_instance_uid for event in store.ledger.events("1.2.3.9") if event.sop_instance_uid
    }
    assert told == {"1.2.3.4.2"}
    assert kinds(store, "1.2.3.10") == []


@pytest.mark.slow
def test_it_is_bounded(store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest events go; a node that runs for years does not fill its disk with them."""
    monkeypatch.setattr(event_log, "MOST_EVENTS", 40)
    monkeypatch.setattr(event_log, "_TRIM_EVERY", 10)
    put_many(store, 95, "pacs")
    send_all(store, "pacs", clock())
    assert 40 <= len(list(store.ledger.events(STUDY))) <= 50
    for _ in range(95):
        store.event_log.add(NewEvent(kind="association", destination="pacs"), now=clock())
    assert list(store.ledger.events(STUDY)) == []


def test_a_forged_report_is_on_record(store: Store, clock: Clock) -> None:
    """Who tried what; the Transaction UID only where it is one."""
    forged = CommitmentReport(transaction_uid="../etc", committed=(), failed={})
    store.commitment.reports.apply("EVIL", forged, now=clock())
    with store._readers.connect() as connection:
        [row] = connection.exec_driver_sql(
            "SELECT kind, transaction_uid, detail FROM flight_event"
        ).all()
    assert row.kind == "report_refused"
    assert row.transaction_uid == ""
    assert row.detail.startswith("EVIL")


def test_nothing_of_the_patient_is_in_it(store: Store, clock: Clock) -> None:
    """The record may be mailed to the network's technician."""
    put(store, dataset(1, PatientName="Canary^Yellow", PatientID="CANARY-7"), destinations=["pacs"])
    commit_all(store, clock)
    assert "canary" not in repr(list(store.ledger.events(STUDY))).lower()
