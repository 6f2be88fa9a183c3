"""Order messages: the whole effect once, whatever is sent twice, merged or killed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from echonode.errors import ControlIdReused
from echonode.model.exam_state import ExamEvent
from echonode.model.order_change import (
    Change,
    OrderPlaced,
    OrderWithdrawn,
    PatientMerge,
    PatientUpdate,
)
from echonode.model.patient import Identifier, Patient
from echonode.model.worklist_item import ScheduledStep, WorklistItem, WorklistSource
from echonode.store.exams.order_messages import Applied, OrderMessage
from echonode.store.store import Store
from tests.unit.store.samples import NOON, Clock

P1 = Identifier(value="P1", issuer="CLINIC")
PATIENT = Patient(id="P1", issuer="CLINIC", name="Miller^Joe")
ITEM = WorklistItem(
    id="00000000000000a1",
    source=WorklistSource.HL7,
    source_name="RIS",
    fetched_at=NOON,
    patient=PATIENT,
    placer_order_number=Identifier(value="O1"),
    filler_order_number=Identifier(value="F1"),
    step=ScheduledStep(id="S1", start_date="21261120"),
)
PLACED = OrderPlaced(item=ITEM, is_change=False)
CANCELLED = OrderWithdrawn(source_name="RIS", patient_id=P1, placer_order_number="O1")


def message(number: int, *, sha256: str = "") -> OrderMessage:
    return OrderMessage(
        sending_application="RIS",
        sending_facility="CLINIC",
        control_id=f"M{number}",
        message_type="ORM^O01",
        received_at=NOON,
        sha256=sha256 or f"{number:064x}",
    )


def apply(store: Store, number: int, *changes: Change) -> Applied:
    return store.order_messages.apply(message(number), changes, f"ACK{number}".encode())


def test_the_same_message_again_has_no_second_effect(data_dir: Path) -> None:
    """After a restart too: the first acknowledgement comes back, and what was done since stays."""
    with Store.open(data_dir, now=Clock()) as store:
        assert apply(store, 1, PLACED) == Applied(acknowledgement=b"ACK1", placed=1)
        apply(store, 2, CANCELLED)
    with Store.open(data_dir, now=Clock()) as store:
        again = store.order_messages.apply(message(1), [PLACED], b"another")
        assert (again.acknowledgement, again.again) == (b"ACK1", True)
        assert store.worklist.items() == []


def test_another_message_under_a_known_control_id_is_refused(data_dir: Path) -> None:
    """Nothing of it is taken: which one the sender means cannot be known."""
    with Store.open(data_dir, now=Clock()) as store:
        apply(store, 1, PLACED)
        with pytest.raises(ControlIdReused):
            store.order_messages.apply(message(1, sha256="f" * 64), [CANCELLED], b"")
        assert store.worklist.items() == [ITEM]


def test_an_order_is_changed_and_cancelled_by_its_numbers(data_dir: Path) -> None:
    """A change takes the item's place, also where it brings a number that the first had not."""
    first = replace(ITEM, filler_order_number=Identifier())
    with Store.open(data_dir, now=Clock()) as store:
        apply(store, 1, OrderPlaced(item=first, is_change=False))
        moved = replace(ITEM, id="00000000000000b2", step=replace(ITEM.step, start_time="0900"))
        apply(store, 2, OrderPlaced(item=moved, is_change=True))
        assert store.worklist.items() == [replace(moved, id=ITEM.id)]
        by_other = replace(CANCELLED, placer_order_number="", filler_order_number="F2")
        assert apply(store, 3, by_other).withdrawn == 0
        assert apply(store, 4, replace(CANCELLED, patient_id=Identifier())).withdrawn == 1
        assert store.worklist.items() == []


def test_a_change_does_not_undo_a_step_that_was_begun(data_dir: Path) -> None:
    """A RIS that corrects the description of a running exam does not make it scheduled again."""
    begun = replace(ITEM, step=replace(ITEM.step, status="STARTED"))
    with Store.open(data_dir, now=Clock()) as store:
        store.worklist.put([begun])
        apply(store, 1, OrderPlaced(item=replace(ITEM, requesting_service="X"), is_change=True))
        (item,) = store.worklist.items()
        assert (item.step.status, item.requesting_service) == ("STARTED", "X")


def test_a_patient_is_remembered_and_corrected_in_the_worklist(data_dir: Path) -> None:
    """What a message does not say stays; what is known fills an order that says less."""
    update = PatientUpdate(
        patient_id=P1, said={"name": "Miller^Joseph", "sex": "M", "issuer": "CLINIC"}
    )
    with Store.open(data_dir, now=Clock()) as store:
        apply(store, 1, PLACED)
        apply(store, 2, update)
        (item,) = store.worklist.items()
        assert item.patient == replace(PATIENT, name="Miller^Joseph", sex="M")
        bare = replace(ITEM, id="00000000000000c3", patient=Patient(id="P1", name=""))
        bare = replace(bare, placer_order_number=Identifier(value="O2"))
        apply(
            store,
            3,
            OrderPlaced(item=replace(bare, filler_order_number=Identifier()), is_change=False),
        )
        assert {each.patient.name for each in store.worklist.items()} == {"Miller^Joseph"}
        other = PatientUpdate(
            patient_id=replace(P1, issuer="OTHER"), said={"name": "Else^Who", "issuer": "OTHER"}
        )
        apply(store, 4, other)
        assert store.order_messages.patient(P1) == replace(PATIENT, name="Miller^Joseph", sex="M")


def test_a_merge_moves_items_and_empty_exams_and_names_the_others(data_dir: Path) -> None:
    """Worklist and open exams follow; an exam with captures is named until it is corrected."""
    remaining = Identifier(value="P9", issuer="CLINIC")
    merge = PatientMerge(
        patient_id=remaining, prior=P1, said={"name": "Miller^Joe", "issuer": "CLINIC"}
    )
    with Store.open(data_dir, now=Clock()) as store:
        apply(store, 1, PLACED)
        empty = store.exams.open("a", at=NOON, held=False, patient=PATIENT, worklist_item=ITEM)
        scanned = store.exams.open("b", at=NOON, held=False, patient=PATIENT)
        store.exams.apply(scanned.id, ExamEvent.CAPTURED, at=NOON)
        store.exams.apply(scanned.id, ExamEvent.ENDED, at=NOON)
        later = replace(message(2), received_at=NOON + timedelta(minutes=1))
        done = store.order_messages.apply(later, [merge], b"ACK2")

        (item,) = store.worklist.items()
        assert item.patient.id == "P9"
        moved = store.exams.exam(empty.id)
        assert moved is not None
        assert moved.patient is not None
        assert moved.patient.id == "P9"
        assert moved.worklist_item is not None
        assert moved.worklist_item.patient.id == "P9"
        assert done.exams_to_correct == (scanned.id,)
        assert [each.exam_id for each in store.order_messages.merged_exams()] == [scanned.id]
        store.exams.apply(
            scanned.id, ExamEvent.CORRECTED, at=NOON, patient=replace(PATIENT, id="P9")
        )
        assert store.order_messages.merged_exams() == []


def test_old_messages_are_forgotten_but_merges_are_not(data_dir: Path) -> None:
    """The record of a merge outlives the time in which a message may be sent again."""
    merge = PatientMerge(patient_id=Identifier(value="P9"), prior=P1, said={})
    with Store.open(data_dir, now=Clock()) as store:
        apply(store, 1, PLACED)
        apply(store, 2, merge)
        assert store.order_messages.prune(now=NOON + timedelta(days=29)) == 0
        assert len(store.worklist.items()) == 1
        later = NOON + timedelta(days=32)
        assert store.order_messages.prune(now=later) == 1
        assert store.worklist.items() == []
        assert store.worklist.item(ITEM.id) is not None
        assert store.order_messages.prune(now=later + timedelta(days=31)) == 0
        assert store.worklist.item(ITEM.id) is None
