"""What was wrong is rejected, what is instead is right, and the ledger says which is which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from echonode.errors import FieldRefused, IllegalTransition, OperatorRefused, OutOfSpace
from echonode.exam.rewriting import rewritten
from echonode.model.correction import Reason
from echonode.model.criteria import Level, Root, Selection
from echonode.model.delivery import DeliveryState
from echonode.model.exam import Exam
from echonode.model.exam_state import Identity
from echonode.store.database.exam_holds import REJECTED
from echonode.store.values import LedgerRow
from tests.unit.exam.clinic_room import Room
from tests.unit.exam.test_desk import JANE, JOHN
from tests.unit.store.exams.test_worklist_items import FULL
from tests.unit.store.samples import send_all

KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with Room(tmp_path / "var") as opened:
        yield opened


def sent(room: Room) -> tuple[Exam, list[str]]:
    """Jane's exam with two stills, ended and sent."""
    exam = room.desk.open("hand", patient=JANE)
    uids: list[str] = []
    for _ in range(2):
        room.hand.show()
        uids += room.desk.still(exam.id)
    room.desk.end(exam.id)
    send_all(room.store, "pacs", room.now())
    return room.exam(exam.id), uids


def ledger(room: Room) -> dict[str, LedgerRow]:
    return {row.sop_instance_uid: row for row in room.store.ledger.rows()}


def note_of(room: Room) -> tuple[str, Dataset]:
    """The only rejection note."""
    [uid] = [u for u, row in ledger(room).items() if row.sop_class_uid == KEY_OBJECT_SELECTION]
    return uid, room.read(uid)


@pytest.mark.slow
def test_a_wrong_patient_gets_another_study_with_new_uids(room: Room) -> None:
    """113038: the note is in the wrong study, new instances are the right patient's."""
    exam, uids = sent(room)
    corrected = room.correction.correct(exam, Reason.WRONG_PATIENT, worklist_item=FULL)
    assert corrected.state.identity is Identity.CORRECTED
    assert corrected.study_instance_uid == FULL.study_instance_uid
    note_uid, note = note_of(room)
    assert note.ConceptNameCodeSequence[0].CodeValue == "113038"
    assert (note.PatientID, note.StudyInstanceUID) == ("P1", exam.study_instance_uid)
    [study] = note.CurrentRequestedProcedureEvidenceSequence
    [series] = study.ReferencedSeriesSequence
    assert [each.ReferencedSOPInstanceUID for each in series.ReferencedSOPSequence] == uids
    assert len(note.ContentSequence) == 2
    rows = ledger(room)
    for uid in uids:
        row = rows[uid]
        assert row.rejected_by == note_uid
        new = room.read(row.replaced_by)
        assert str(new.PatientName) == FULL.patient.name
        assert new.StudyInstanceUID == FULL.study_instance_uid
        assert new.SeriesInstanceUID != room.read(uid).SeriesInstanceUID
        assert new.PixelData == room.read(uid).PixelData
        assert rows[row.replaced_by].replaces == uid
        assert rows[row.replaced_by].state == rows[note_uid].state == "queued"
        assert room.read(uid).PatientID == "P1"  # what was sent stays what was sent
    assert room.exam(exam.id).captures == 2


@pytest.mark.slow
def test_a_wrong_side_is_corrected_within_the_study(room: Room) -> None:
    """113037: new UIDs in a new series, with the side that it is."""
    exam, uids = sent(room)
    room.correction.correct(exam, Reason.WRONG_SIDE, laterality="L", instances=frozenset(uids[:1]))
    _, note = note_of(room)
    assert note.ConceptNameCodeSequence[0].CodeValue == "113037"
    rows = ledger(room)
    new = room.read(rows[uids[0]].replaced_by)
    assert (new.Laterality, new.PatientID) == ("L", "P1")
    assert new.StudyInstanceUID == exam.study_instance_uid
    assert rows[uids[1]].rejected_by == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reason", "title"), [(Reason.QUALITY, "113001"), (Reason.WITHDRAWN, "113037")]
)
def test_what_is_only_rejected_is_not_replaced(room: Room, reason: Reason, title: str) -> None:
    """A bad picture, or one that should not be there."""
    exam, uids = sent(room)
    room.correction.correct(exam, reason)
    _, note = note_of(room)
    assert note.ConceptNameCodeSequence[0].CodeValue == title
    assert {ledger(room)[uid].replaced_by for uid in uids} == {""}
    with pytest.raises(OperatorRefused, match="no instance"):
        room.correction.correct(room.exam(exam.id), reason)


@pytest.mark.slow
def test_what_was_not_sent_yet_is_not_sent_any_more(room: Room) -> None:
    """Neither by itself nor by an operator: nothing goes out under a wrong patient."""
    exam = room.desk.open("hand", patient=JANE)
    room.hand.show()
    (uid,) = room.desk.still(exam.id)
    room.desk.end(exam.id)
    room.correction.correct(room.exam(exam.id), Reason.WRONG_PATIENT, patient=JOHN)
    assert room.states(uid) == ["held"]
    with pytest.raises(OperatorRefused, match="rejected"):
        room.store.operator.release(uid, now=room.now())
    figures = room.store.statistics.destination("pacs")
    assert (figures.held, DeliveryState.HELD in figures.oldest) == (0, False)


@pytest.mark.slow
def test_a_correction_may_be_wrong_as_well(room: Room) -> None:
    """The second rejects what the first made, in a third study."""
    exam, uids = sent(room)
    first = room.correction.correct(exam, Reason.WRONG_PATIENT, patient=JOHN)
    second = room.correction.correct(first, Reason.WRONG_PATIENT, patient=replace(JANE, id="P5"))
    assert len({exam.study_instance_uid, first.study_instance_uid, second.study_instance_uid}) == 3
    rows = ledger(room)
    middle = rows[uids[0]].replaced_by
    last = rows[middle].replaced_by
    assert (rows[middle].replaces, rows[last].replaces) == (uids[0], middle)
    assert [room.read(uid).PatientID for uid in (uids[0], middle, last)] == ["P1", "P2", "P5"]
    assert sum(row.sop_class_uid == KEY_OBJECT_SELECTION for row in rows.values()) == 2


@pytest.mark.slow
def test_nothing_of_the_wrong_patient_stays_in_the_right_one(room: Room) -> None:
    """Not in any attribute of patient, visit, order or study."""
    exam = room.desk.open("hand", worklist_item=FULL)
    room.hand.show()
    (uid,) = room.desk.still(exam.id)
    room.desk.end(exam.id)
    room.correction.correct(room.exam(exam.id), Reason.WRONG_PATIENT, patient=JOHN)
    new = room.read(ledger(room)[uid].replaced_by)
    text = str(new)
    for wrong in ("P1", "Yamada", "山田", "HOSPITAL", "A1", FULL.study_instance_uid + "'"):
        assert wrong not in text.replace(f"'{uid}'", "")


def test_an_exam_that_is_not_ended_or_not_named_is_not_corrected(room: Room) -> None:
    """Each refusal says what to do instead."""
    exam = room.desk.open("hand", patient=JANE)
    room.hand.show()
    room.desk.still(exam.id)
    with pytest.raises(IllegalTransition):
        room.correction.correct(room.exam(exam.id), Reason.WITHDRAWN)
    other = room.desk.open("cart")
    room.cart.show()
    room.desk.still(other.id)
    room.desk.end(other.id)
    with pytest.raises(OperatorRefused, match="identify"):
        room.correction.correct(room.exam(other.id), Reason.WRONG_SIDE, laterality="L")


def unnamed(room: Room) -> tuple[Exam, list[str]]:
    """An exam without a patient, ended, with three stills."""
    exam = room.desk.open("hand")
    uids: list[str] = []
    for _ in range(3):
        room.hand.show()
        uids += room.desk.still(exam.id)
    room.desk.end(exam.id)
    return room.exam(exam.id), uids


@pytest.mark.slow
def test_what_nobody_named_is_withdrawn_without_a_note(room: Room) -> None:
    """A trial on a phantom: nothing of it is sent, and no one has to invent a patient for it."""
    exam, uids = unnamed(room)
    withdrawn = room.correction.correct(exam, Reason.WITHDRAWN)
    assert (withdrawn.state, withdrawn.captures) == (exam.state, 0)
    rows = ledger(room)
    assert set(rows) == set(uids)
    assert {(row.state, row.rejected_by) for row in rows.values()} == {("held", "withdrawn")}
    assert {row.last_error for row in rows.values()} == {REJECTED}
    with pytest.raises(OperatorRefused, match="rejected"):
        room.store.operator.release(uids[0], now=room.now())
    with pytest.raises(OperatorRefused, match="no instance"):
        room.correction.correct(room.exam(exam.id), Reason.WITHDRAWN)


@pytest.mark.slow
def test_a_withdrawn_image_is_not_sent_under_the_name_that_its_exam_gets(room: Room) -> None:
    """One bad still of three: the others are named and due, and a peer does not retrieve it."""
    exam, uids = unnamed(room)
    room.correction.correct(exam, Reason.QUALITY, instances=frozenset(uids[:1]))
    room.identification.by_patient(exam.id, JANE)
    assert [room.states(uid) for uid in uids] == [["held"], ["queued"], ["queued"]]
    assert room.read(uids[0]).PatientID.startswith("UNIDENTIFIED")
    root = Selection(
        root=Root.STUDY,
        level=Level.STUDY,
        keys={"StudyInstanceUID": (exam.study_instance_uid,)},
    )
    found = {each.sop_instance_uid for each in room.store.index.select(root, may_leave=True)}
    assert uids[0] not in found


@pytest.mark.slow
def test_images_that_went_out_unnamed_can_be_corrected(tmp_path: Path) -> None:
    """Of a node that delivers them without a patient."""
    with Room(tmp_path / "var", hold=False) as room:
        exam = room.desk.open("hand")
        room.hand.show()
        (uid,) = room.desk.still(exam.id)
        room.desk.end(exam.id)
        send_all(room.store, "pacs", room.now())
        room.correction.correct(room.exam(exam.id), Reason.WRONG_PATIENT, patient=JOHN)
        assert room.read(ledger(room)[uid].replaced_by).PatientID == "P2"
        later = room.correction.correct(room.exam(exam.id), Reason.QUALITY)
        assert later.patient == JOHN


@pytest.mark.slow
def test_a_defect_in_one_corrected_instance_keeps_no_other_from_being_made(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever one raises, the others are made, and that one is made when it can be."""
    exam, _ = sent(room)
    made = rewritten
    failures = [RuntimeError("a defect")]

    def failing_once(*facts: Any) -> Iterator[bytes]:
        if failures:
            raise failures.pop()
        return iter(made(*facts))

    monkeypatch.setattr("echonode.exam.correction.rewritten", failing_once)
    before = len(ledger(room))
    room.correction.correct(exam, Reason.WRONG_PATIENT, worklist_item=FULL)
    assert len(ledger(room)) == before + 2  # the note, and one of two images
    room.correction.make_all()
    assert len(ledger(room)) == before + 3


@pytest.mark.parametrize(
    ("reason", "given", "field"),
    [
        (Reason.WRONG_PATIENT, {}, "patient"),
        (Reason.WRONG_PATIENT, {"patient": JOHN, "instances": frozenset(["1.2"])}, "instances"),
        (Reason.QUALITY, {"patient": JOHN}, "patient"),
        (Reason.WRONG_SIDE, {}, "laterality"),
        (Reason.WRONG_SIDE, {"laterality": "X"}, "laterality"),
        (Reason.QUALITY, {"laterality": "L"}, "laterality"),
    ],
)
def test_what_does_not_go_with_the_reason_is_refused(
    room: Room, reason: Reason, given: dict[str, object], field: str
) -> None:
    """With the field named, and nothing changed."""
    exam, _ = sent(room)
    with pytest.raises(FieldRefused) as refused:
        room.correction.correct(exam, reason, **given)  # type: ignore[arg-type]  # by the table
    assert refused.value.field == field
    assert room.exam(exam.id) == exam


@pytest.mark.slow
def test_a_correction_that_is_durable_is_not_answered_as_refused(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it owes could not even be read: the exam is corrected, and the objects follow."""
    exam, uids = sent(room)

    def full(*_: object) -> None:
        raise OutOfSpace("no room")

    with monkeypatch.context() as during:
        during.setattr(room.store.corrections, "unmade", full)
        corrected = room.correction.correct(exam, Reason.WITHDRAWN)
    assert corrected.state.identity is Identity.CORRECTED
    room.correction.make_all()
    assert note_of(room)[0] == ledger(room)[uids[0]].rejected_by


@pytest.mark.slow
@pytest.mark.parametrize("refusals", [1, 2, 3])
def test_a_correction_that_is_cut_off_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    """Full disk or kill: what it owes is made at the next look, once, with the same UIDs."""
    with Room(tmp_path / "var") as room:
        exam, uids = sent(room)
        commit, calls = room.store.files.commit, 0

        def refuse(*values: object, **keys: object) -> object:
            nonlocal calls
            calls += 1
            if calls >= refusals:
                raise OutOfSpace("no room")
            return commit(*values, **keys)  # type: ignore[arg-type]  # passed on as they are

        with monkeypatch.context() as during:
            during.setattr(room.store.files, "commit", refuse)
            room.correction.correct(exam, Reason.WRONG_PATIENT, patient=JOHN)
        promised = [ledger(room)[uid].replaced_by for uid in uids]
    with Room(tmp_path / "var") as room:
        room.correction.make_all()
        room.correction.make_all()
        rows = ledger(room)
        assert [rows[uid].replaced_by for uid in uids] == promised
        assert [room.read(uid).PatientID for uid in promised] == ["P2", "P2"]
        assert len(rows) == 5
