"""The worklist outlives a restart, and shows what its source last named."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from echonode.model.patient import Identifier, Patient
from echonode.model.worklist_item import (
    Code,
    Reference,
    ScheduledStep,
    WorklistItem,
    WorklistSource,
    worklist_item_id,
)
from echonode.store.store import Store
from tests.unit.store.samples import NOON, Clock

FULL = WorklistItem(
    id="0123456789abcdef",
    source=WorklistSource.RIS,
    source_name="ris",
    fetched_at=NOON,
    patient=Patient(
        id="P1",
        issuer="HOSPITAL",
        name="Yamada^Tarou=山田^太郎=やまだ^たろう",
        birth_date="19700228",
        sex="M",
        other_ids=(Identifier(value="7", issuer="CITY", kind="TEXT"),),
        pregnancy_status=4,
    ),
    step=ScheduledStep(
        id="SPS1",
        protocol_codes=(Code(value="US1", scheme="99LOCAL", meaning="Abdomen"),),
        station_ae_titles=("ECHONODE",),
        modality="US",
        start_date="20261129",
        start_time="0830",
    ),
    study_instance_uid="1.2.3",
    accession_number=Identifier(value="A1", universal_id="1.2.9", universal_id_type="ISO"),
    admission_id=Identifier(value="V1", issuer="HOSPITAL"),
    referenced_studies=(Reference(sop_class_uid="1.2", sop_instance_uid="1.3"),),
)


def item(number: int, **changes: object) -> WorklistItem:
    one = worklist_item_id(WorklistSource.RIS, "ris", f"A{number}")
    return replace(FULL, **{"id": one, **changes})  # type: ignore[arg-type]  # of the test's making


def test_every_value_comes_back(data_dir: Path) -> None:
    """After a restart an item is what it was, nested values and scripts included."""
    with Store.open(data_dir, now=Clock()) as store:
        store.worklist.put([FULL])
    with Store.open(data_dir, now=Clock()) as store:
        assert store.worklist.item(FULL.id) == FULL
        assert store.worklist.items() == [FULL]


def test_what_a_source_names_no_more_is_withdrawn(store: Store) -> None:
    """It is not on the list any more, and still known by its id; named again, it is back."""
    store.worklist.replace(WorklistSource.RIS, "ris", [item(1), item(2)], now=NOON)
    store.worklist.replace(WorklistSource.RIS, "ris", [item(2)], now=NOON)
    assert store.worklist.items() == [item(2)]
    assert store.worklist.item(item(1).id) == item(1)
    store.worklist.replace(WorklistSource.RIS, "ris", [item(1)], now=NOON)
    assert store.worklist.items() == [item(1)]


def test_a_source_withdraws_its_own_items_only(store: Store) -> None:
    """What a person entered stays when the RIS answers."""
    entered = item(3, source=WorklistSource.ENTERED, source_name="")
    store.worklist.put([entered])
    store.worklist.replace(WorklistSource.RIS, "ris", [item(1)], now=NOON)
    store.worklist.replace(WorklistSource.RIS, "other", [], now=NOON)
    assert set(store.worklist.items()) == {entered, item(1)}


def test_days_narrow_the_list(store: Store) -> None:
    """By start date, inclusive; an item without one is always shown from a day on."""
    late = item(2, step=replace(FULL.step, start_date="20261130"))
    undated = item(3, step=replace(FULL.step, start_date=""))
    store.worklist.put([item(1), late, undated])
    assert store.worklist.items(start_date_from="20261130") == [undated, late]
    assert store.worklist.items(start_date_to="20261129") == [undated, item(1)]


def test_withdrawn_items_can_be_removed(store: Store) -> None:
    """So that the list does not grow without a limit."""
    store.worklist.put([item(1), item(2)])
    store.worklist.withdraw([item(1).id], now=NOON)
    assert store.worklist.remove_withdrawn(before=NOON) == 0
    assert store.worklist.remove_withdrawn(before=NOON + timedelta(seconds=1)) == 1
    assert store.worklist.item(item(1).id) is None


def test_an_id_is_of_what_the_source_says() -> None:
    """The same words, the same id; and no two lists of words are confused."""
    ris = WorklistSource.RIS
    assert worklist_item_id(ris, "ris", "a", "b") == worklist_item_id(ris, "ris", "a", "b")
    assert worklist_item_id(ris, "ris", "ab", "c") != worklist_item_id(ris, "ris", "a", "bc")
