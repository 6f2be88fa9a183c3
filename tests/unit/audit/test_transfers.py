"""Many instances are the two records of one transfer, each of one patient."""

from __future__ import annotations

from datetime import timedelta

from echonode.audit.codes import Kind, Outcome
from echonode.audit.event import Patient
from echonode.audit.transfers import IDLE, LONGEST, MOST, MOST_OPEN, Transfers
from tests.unit.audit.events import AT, US_IMAGE, instance


def test_a_study_is_one_begin_and_one_end() -> None:
    """The end names every instance once."""
    transfers = Transfers()
    records = [r for n in (1, 2, 3, 3) for r in transfers.add(instance(n))]
    assert [r.kind for r in records] == [Kind.BEGIN_TRANSFER]
    assert list(transfers.due(AT + timedelta(seconds=1))) == []
    [ended] = transfers.due(AT + IDLE)
    assert ended.kind is Kind.TRANSFER
    assert ended.studies[0].instances == {US_IMAGE: ("1.2.3.1", "1.2.3.2", "1.2.3.3")}
    assert not transfers


def test_patients_and_studies_are_apart() -> None:
    """And what failed has its own record, without a begin."""
    transfers = Transfers()
    records = [
        *transfers.add(instance(1)),
        *transfers.add(instance(1, study="1.2.4")),
        *transfers.add(instance(1, patient=Patient(id="P-2"))),
        *transfers.add(instance(2, outcome=Outcome.MINOR_FAILURE)),
    ]
    assert [r.kind for r in records] == [Kind.BEGIN_TRANSFER] * 3
    assert len(list(transfers.end())) == 4


def test_a_long_transfer_has_records_on_its_way() -> None:
    """After so many instances, after a minute, and when the clock was set back."""
    transfers = Transfers()
    records = [r for n in range(MOST) for r in transfers.add(instance(n))]
    assert [r.kind for r in records] == [Kind.BEGIN_TRANSFER, Kind.TRANSFER]
    for seconds in range(0, int(LONGEST.total_seconds()), 2):
        list(transfers.add(instance(seconds, seconds=seconds)))
    assert len(list(transfers.due(AT + LONGEST))) == 1
    list(transfers.add(instance(1)))
    assert len(list(transfers.due(AT - timedelta(hours=1)))) == 1


def test_what_is_open_is_bounded() -> None:
    """The oldest ends early."""
    transfers = Transfers()
    records = [r for n in range(MOST_OPEN + 1) for r in transfers.add(instance(1, study=f"1.{n}"))]
    assert [r.kind for r in records].count(Kind.TRANSFER) == 1
