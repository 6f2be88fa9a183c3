"""What a person enters into the worklist: checked, complete for others, and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from echonode.errors import FieldRefused, OperatorRefused, UsageError
from echonode.exam.entering import Entering, Planned
from echonode.model.patient import Patient
from echonode.model.worklist_item import WorklistItem, WorklistSource
from echonode.store.store import Store
from tests.unit.objects.orders import FULL_ITEM

NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
HERE = timezone(timedelta(hours=1))
JANE = Patient(id="P-1", name="Doe^Jane=山田^太郎")
LIVER = {"requested_procedure": "Liver"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store", now=lambda: NOW) as opened:
        yield opened


@pytest.fixture
def entering(store: Store) -> Entering:
    return Entering(
        store.worklist,
        planned=Planned(modality="US", station_ae_titles=("ECHONODE", "CART1")),
        node_id=store.node_id,
        next_number=lambda: store.counter("entered_item"),
        now=lambda: NOW,
        local=HERE,
    )


def test_what_is_not_said_is_as_it_is_planned_here(entering: Entering, store: Store) -> None:
    """Who and what is an order for now, at this clinic's stations, in a study of its own."""
    item = entering.enter(JANE, LIVER)
    assert store.worklist.items() == [item]
    assert (item.source, item.source_name, item.patient) == (WorklistSource.ENTERED, "", JANE)
    assert (item.step.start_date, item.step.start_time) == ("20261121", "003000")
    assert (item.step.modality, item.step.station_ae_titles) == ("US", ("ECHONODE", "CART1"))
    assert item.study_instance_uid.startswith("2.25.")
    again = entering.enter(JANE, LIVER)
    assert again.id != item.id
    assert again.study_instance_uid != item.study_instance_uid


def test_all_that_is_said_is_in_the_item(entering: Entering) -> None:
    """Days and times as a person types them."""
    item = entering.enter(
        JANE,
        {
            "accession_number": "A-7",
            "requested_procedure": " Abdomen ",
            "start_date": "2026-11-24",
            "start_time": "8:05",
            "modality": "us",
            "station_ae_titles": ["CART1"],
            "referring_physician": "House^Gregory",
        },
    )
    assert item.accession_number.value == "A-7"
    assert item.requested_procedure_description == "Abdomen"
    assert item.step.description == "Abdomen"
    assert (item.step.start_date, item.step.start_time) == ("20261124", "080500")
    assert (item.step.modality, item.step.station_ae_titles) == ("US", ("CART1",))
    assert item.referring_physician_name == "House^Gregory"
    later = entering.enter(JANE, {**LIVER, "start_date": "20261124"})
    assert later.step.start_time == "000000"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("accession_number", "A" * 17),
        ("accession_number", "A\\B"),
        ("accession_number", 7),
        ("requested_procedure", "x" * 65),
        ("requested_procedure", "a\nb"),
        ("requested_procedure", " "),
        ("start_date", "20261131"),
        ("start_date", "tomorrow"),
        ("start_time", "25:00"),
        ("start_time", "8"),
        ("modality", "U S!"),
        ("station_ae_titles", "CART1"),
        ("station_ae_titles", [""]),
        ("station_ae_titles", ["A" * 17]),
        ("station_ae_titles", ["A"] * 17),
        ("referring_physician", "House" * 20),
        ("colour", "red"),
    ],
)
def test_a_wrong_value_is_refused_with_its_field(
    entering: Entering, store: Store, field: str, value: object
) -> None:
    """And nothing is entered."""
    with pytest.raises(FieldRefused) as refused:
        entering.enter(JANE, {**LIVER, field: value})
    assert refused.value.field == field
    assert store.worklist.items() == []


def test_an_entered_item_is_taken_back(entering: Entering, store: Store) -> None:
    """It is on no list any more; a second time it is unknown."""
    item = entering.enter(JANE, LIVER)
    entering.take_back(item.id)
    assert store.worklist.items() == []
    with pytest.raises(UsageError):
        entering.take_back(item.id)
    with pytest.raises(UsageError):
        entering.take_back("0000000000000000")


def test_what_another_ordered_is_not_a_persons_to_take_back(
    entering: Entering, store: Store
) -> None:
    """The RIS would name it again; its sender cancels it."""
    of_ris: WorklistItem = FULL_ITEM
    store.worklist.put([of_ris])
    with pytest.raises(OperatorRefused, match="`ris`"):
        entering.take_back(of_ris.id)
    assert store.worklist.items() == [of_ris]
