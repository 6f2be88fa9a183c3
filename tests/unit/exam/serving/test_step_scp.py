"""Procedure steps that other modalities report: whose item they are, and what may not be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from echonode.errors import DimseFailure
from echonode.exam.serving.step_scp import StepSCP
from echonode.model.exam_state import ExamEvent
from echonode.model.identity import Peer, Service, is_valid_uid
from echonode.model.patient import Identifier, Patient
from echonode.model.worklist_item import ScheduledStep, WorklistItem, WorklistSource
from echonode.store.exams.captures import Taken
from echonode.store.store import Store
from tests.unit.store.samples import NOON, Clock

CART = Peer(
    name="cart", ae_title="CART", host="127.0.0.1", port=104, may=frozenset({Service.WORKLIST})
)
ITEM = WorklistItem(
    id="00000000000000a1",
    source=WorklistSource.HL7,
    source_name="RIS",
    fetched_at=NOON,
    patient=Patient(id="P1", name="Miller^Joe"),
    study_instance_uid="1.2.3",
    accession_number=Identifier(value="A1"),
    step=ScheduledStep(id="S1", start_date="21261120"),
)
# The same step ID in another order, and an item that has none.
OTHER = replace(
    ITEM, id="00000000000000b2", study_instance_uid="1.2.4", accession_number=Identifier(value="A2")
)
BARE = replace(
    ITEM, id="00000000000000c3", study_instance_uid="1.2.5", step=ScheduledStep(), source_name="X"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "var", now=Clock()) as opened:
        opened.worklist.put([ITEM, OTHER, BARE])
        yield opened


def scp(store: Store) -> StepSCP:
    return StepSCP(
        store.reported_steps,
        node_id=store.node_id,
        next_number=lambda: store.counter("reported_step"),
        now=Clock(),
    )


def step(status: str = "IN PROGRESS", **scheduled: str) -> Dataset:
    dataset = Dataset()
    dataset.PerformedProcedureStepStatus = status
    item = Dataset()
    for keyword, value in scheduled.items():
        setattr(item, keyword, value)
    dataset.ScheduledStepAttributesSequence = [item]
    return dataset


def status_of(store: Store, item: WorklistItem) -> str:
    found = store.worklist.item(item.id)
    assert found is not None
    return found.step.status


def test_a_step_is_of_the_item_that_it_names(store: Store) -> None:
    """A step ID that two orders have is distinguished by study and accession number."""
    scp(store).create(CART, "1.2.9", step(ScheduledProcedureStepID="S1", StudyInstanceUID="1.2.4"))
    assert (status_of(store, ITEM), status_of(store, OTHER)) == ("", "STARTED")
    scp(store).change(CART, "1.2.9", step("COMPLETED"))
    assert (status_of(store, ITEM), status_of(store, OTHER)) == ("", "COMPLETED")


def test_an_item_without_a_step_id_is_known_by_its_own(store: Store) -> None:
    """What the worklist answered for it comes back."""
    named = step(ScheduledProcedureStepID=BARE.id, StudyInstanceUID="1.2.5")
    scp(store).create(CART, "1.2.9", named)
    assert status_of(store, BARE) == "STARTED"


def test_a_step_id_alone_names_nothing(store: Store) -> None:
    """It could be that of any department."""
    scp(store).create(CART, "1.2.9", step(ScheduledProcedureStepID="S1"))
    assert status_of(store, ITEM) == status_of(store, OTHER) == ""


def test_a_step_without_a_uid_gets_one_that_is_new(store: Store) -> None:
    """PS3.7 10.1.5.1.4 lets the peer leave it to us."""
    first = scp(store).create(CART, "", step(ScheduledProcedureStepID="S1"))
    second = scp(store).create(CART, "", step(ScheduledProcedureStepID="S1"))
    assert is_valid_uid(first)
    assert first != second


def test_an_exam_of_our_own_performs_its_item(store: Store) -> None:
    """Begun it is started, ended it is over; an exam without a capture has performed nothing."""
    performed = store.reported_steps.performed_here
    for item in (ITEM, OTHER):
        exam = store.exams.open(
            item.id, at=NOON, held=False, patient=item.patient, worklist_item=item
        )
        assert performed()[item.id] == "STARTED"
        if item is ITEM:
            taken = Taken(
                sop_instance_uid="1.2.7",
                probe=item.id,
                connection_id="c",
                acquisition_number=1,
                connected_at=NOON,
            )
            store.captures.place(exam.id, taken, at=NOON)
        store.exams.apply(exam.id, ExamEvent.ENDED, at=NOON)
    assert performed() == {ITEM.id: "COMPLETED"}


def test_a_step_belongs_to_the_peer_that_made_it(store: Store) -> None:
    """Another peer does not learn that it exists; what was scheduled cannot be changed."""
    scp(store).create(CART, "1.2.9", step(ScheduledProcedureStepID="S1", StudyInstanceUID="1.2.3"))
    with pytest.raises(DimseFailure) as caught:
        scp(store).change(replace(CART, name="other"), "1.2.9", step("COMPLETED"))
    assert caught.value.status == 0x0112
    moved = step("DISCONTINUED", ScheduledProcedureStepID="S1", StudyInstanceUID="1.2.4")
    scp(store).change(CART, "1.2.9", moved)
    assert (status_of(store, ITEM), status_of(store, OTHER)) == ("DISCONTINUED", "")
    with pytest.raises(DimseFailure) as caught:
        scp(store).change(CART, "1.2.9", step("COMPLETED"))
    assert (caught.value.status, caught.value.error_id) == (0x0110, 0xA710)
