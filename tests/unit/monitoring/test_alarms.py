"""What needs a person is an alarm; what ends by itself is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from echonode.delivery.delivery_status import DeliveryStatus
from echonode.model.delivery import DeliveryState
from echonode.model.identity import CommitmentPolicy
from echonode.model.instance import ConflictKind, IdentityConflict
from echonode.monitoring.alarms import LATE_AFTER, DestinationFacts, Facts, alarms_of
from echonode.store.ingest.quarantine import MOST_QUARANTINED
from echonode.store.statistics import DestinationStatistics, StoreStatistics

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
QUIET = DestinationStatistics(
    oldest={}, unreported_since=None, last_report_at=None, retries=0, held=0
)
PACS = DestinationFacts(
    name="pacs", commitment=CommitmentPolicy.REQUIRED, status=DeliveryStatus(), statistics=QUIET
)
WELL = Facts(
    destinations=[PACS],
    store=StoreStatistics(
        missing_files=0, refused_reports=0, kept_after_warning=0, instances_deleted=7
    ),
    quarantined=0,
    disk_problem="",
    call_back="AE ECHONODE at 10.0.0.5:11112",
)


def names(facts: Facts) -> list[str]:
    return [alarm.name for alarm in alarms_of(facts, NOW)]


def with_pacs(**changes: object) -> Facts:
    return replace(WELL, destinations=[replace(PACS, **changes)])  # type: ignore[arg-type]


def statistics(**changes: object) -> DestinationStatistics:
    return replace(QUIET, **changes)  # type: ignore[arg-type]


def conflict(kind: ConflictKind) -> IdentityConflict:
    return IdentityConflict(kind=kind, study_instance_uid="1.2.840.7")


def test_a_conflict_names_the_study_to_look_for() -> None:
    """By its UID, and what ends the alarm; at most a few UIDs in one text."""
    [alarm] = alarms_of(replace(WELL, conflicts=[conflict(ConflictKind.STUDY)]), NOW)
    assert "1.2.840.7" in alarm.whole
    assert "1.2.840.7" not in alarm.text
    assert "echonode acknowledge" in alarm.text
    many = [replace(conflict(ConflictKind.STUDY), study_instance_uid=f"1.2.{n}") for n in range(99)]
    [alarm] = alarms_of(replace(WELL, conflicts=many), NOW)
    assert "99 studies" in alarm.text
    assert "1.2.50" not in alarm.whole


def test_a_merged_patient_names_the_exams_to_correct() -> None:
    """Images that were taken before a merge are never changed without a person."""
    (alarm,) = alarms_of(replace(WELL, merged_exams=["E00000012"]), NOW)
    assert alarm.name == "patient_merged"
    assert "E00000012" in alarm.whole
    assert "E00000012" not in alarm.text


def test_a_full_quarantine_says_what_it_does_not_keep() -> None:
    """A person must empty it before more is kept."""
    few, full = (
        alarms_of(replace(WELL, quarantined=number), NOW) for number in (2, MOST_QUARANTINED)
    )
    assert "full" not in few[0].text
    assert "full" in full[0].text


def test_all_is_well() -> None:
    """There is no alarm when nothing is wrong."""
    assert names(WELL) == []


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        (replace(WELL, store=replace(WELL.store, missing_files=1)), "missing_files"),
        (replace(WELL, store=replace(WELL.store, damaged_files=1)), "damaged_files"),
        (replace(WELL, store=replace(WELL.store, refused_reports=1)), "refused_reports"),
        (replace(WELL, store=replace(WELL.store, kept_after_warning=1)), "stored_with_warning"),
        (replace(WELL, quarantined=2), "quarantine"),
        (replace(WELL, index_corrupt=True), "index_damaged"),
        (replace(WELL, index_gone=True), "index_gone"),
        (replace(WELL, refusing="Read-only file system"), "refusing"),
        (replace(WELL, conflicts=[conflict(ConflictKind.STUDY)]), "patient_conflict"),
        (replace(WELL, conflicts=[conflict(ConflictKind.SERIES)]), "series_conflict"),
        (replace(WELL, conflicts=[conflict(ConflictKind.PATIENT)]), "name_conflict"),
        (replace(WELL, disk_problem="9% is free"), "disk"),
        (replace(WELL, frameless_probes={"tablet": "no image came"}), "no_images:tablet"),
        (with_pacs(status=DeliveryStatus(unreachable="refused")), "unreachable:pacs"),
        (with_pacs(status=DeliveryStatus(stalled="RuntimeError")), "delivery_stalled:pacs"),
        (with_pacs(status=DeliveryStatus(unpromising="PACS does not know us")), "commitment:pacs"),
        (with_pacs(statistics=statistics(held=3)), "held:pacs"),
        (with_pacs(statistics=statistics(unreported_since=NOW - LATE_AFTER)), "unreported:pacs"),
        (
            with_pacs(statistics=statistics(oldest={DeliveryState.QUEUED: NOW - LATE_AFTER})),
            "late:pacs",
        ),
    ],
)
def test_each_thing_that_needs_a_person_has_its_name(facts: Facts, name: str) -> None:
    """One alarm each, with words that say what to do."""
    [alarm] = alarms_of(facts, NOW)
    assert alarm.name == name
    assert len(alarm.text) > 5


def test_a_report_that_does_not_come_is_told_with_the_way_back() -> None:
    """The usual cause: the archive cannot call us, so the address to enter stands in the alarm."""
    late = with_pacs(statistics=statistics(unreported_since=NOW - timedelta(hours=30)))
    [alarm] = alarms_of(late, NOW)
    assert "30 h ago" in alarm.text
    assert "AE ECHONODE at 10.0.0.5:11112" in alarm.text


def test_an_hour_is_no_reason_for_alarm() -> None:
    """Archives report at night, and restart: a day is given."""
    recent = NOW - timedelta(hours=23)
    quiet = statistics(unreported_since=recent, oldest={DeliveryState.SENT: recent})
    assert names(with_pacs(statistics=quiet)) == []


def test_received_is_the_end_for_a_destination_without_proof() -> None:
    """Policy none: `sent` for years is as it should be."""
    sent = statistics(oldest={DeliveryState.SENT: NOW - timedelta(days=900)})
    assert names(with_pacs(commitment=CommitmentPolicy.NONE, statistics=sent)) == []
    assert names(with_pacs(commitment=CommitmentPolicy.VERIFY, statistics=sent)) == ["late:pacs"]
