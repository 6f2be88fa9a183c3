"""Whose a capture is: of the exam that was open at its probe when its frames came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from echonode.errors import (
    CaptureRefused,
    IllegalTransition,
    InvalidObject,
    OperatorRefused,
    OutOfSpace,
    UsageError,
)
from echonode.model.exam_state import Progress
from echonode.model.patient import Identifier, Patient
from echonode.store.ingest.insertion import FileInserter
from tests.unit.exam.clinic_room import Room
from tests.unit.store.exams.test_worklist_items import FULL

JANE = Patient(id="P1", name="Doe^Jane", birth_date="19800102", sex="F")
JOHN = Patient(id="P2", name="Roe^John")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with Room(tmp_path / "var") as opened:
        yield opened


def test_a_still_of_an_exam_has_its_patient_and_is_due(room: Room) -> None:
    """Opened with a patient, captured, and on its way at once."""
    exam = room.desk.open("hand", patient=JANE)
    room.hand.show()
    (uid,) = room.desk.still(exam.id)
    ds = room.read(uid)
    assert (ds.PatientID, ds.PatientName, ds.StudyInstanceUID) == (
        "P1",
        "Doe^Jane",
        exam.study_instance_uid,
    )
    assert room.states(uid) == ["queued"]
    assert room.exam(exam.id).state.progress is Progress.SCANNING


def test_an_exam_of_an_order_is_in_the_orders_study(room: Room) -> None:
    """Study Instance UID and accession number are those of the worklist's item."""
    exam = room.desk.open("hand", worklist_item=FULL)
    room.hand.show()
    ds = room.read(room.desk.still(exam.id)[0])
    assert ds.StudyInstanceUID == FULL.study_instance_uid
    assert ds.AccessionNumber == "A1"
    assert str(ds.PatientName) == FULL.patient.name


@pytest.mark.slow
def test_an_open_exam_keeps_its_own_copy_of_the_order(tmp_path: Path) -> None:
    """The RIS changes the item and then deletes it, as Orthanc does once a study is stable; the
    node is started again: what is captured after that is of the order as it was chosen."""
    with Room(tmp_path / "var") as room:
        room.store.worklist.put([FULL])
        exam = room.desk.open("hand", worklist_item=FULL)
        changed = replace(FULL, patient=JOHN, accession_number=Identifier(value="OTHER"))
        room.store.worklist.put([changed])
        room.store.worklist.withdraw([FULL.id], now=room.now())
        assert room.store.worklist.remove_withdrawn(before=room.now() + timedelta(days=1)) == 1
    with Room(tmp_path / "var") as room:
        room.hand.connections = 7
        room.hand.connect()
        room.hand.show()
        ds = room.read(room.desk.still(exam.id)[0])
        assert (ds.PatientID, str(ds.PatientName)) == (FULL.patient.id, FULL.patient.name)
        assert (ds.StudyInstanceUID, ds.AccessionNumber) == (FULL.study_instance_uid, "A1")
        [request] = ds.RequestAttributesSequence
        assert request.ScheduledProcedureStepID == FULL.step.id


def test_a_still_may_be_of_the_very_frame_that_was_seen(room: Room) -> None:
    """By its sequence number; one that is not kept any more is refused, not replaced."""
    exam = room.desk.open("hand", patient=JANE)
    shown = room.hand.show(5)
    (uid,) = room.desk.still(exam.id, sequence=shown[1].sequence)
    assert room.read(uid).pixel_array.tobytes() == shown[1].pixels.tobytes()
    with pytest.raises(CaptureRefused, match="99"):
        room.desk.still(exam.id, sequence=99)


def test_a_clip_of_the_past_ends_at_the_exams_beginning(room: Room) -> None:
    """What the probe saw before the exam is not of it, however long the clip."""
    room.hand.show(10)
    exam = room.desk.open("hand", patient=JANE)
    room.hand.show(3)
    (uid,) = room.desk.clip(exam.id, seconds=30, past=True)
    assert room.read(uid).NumberOfFrames == 3


@pytest.mark.slow
def test_two_probes_two_exams_and_never_a_frame_in_the_other(room: Room) -> None:
    """A hundred switches, stills in between: each is of the exam that was open at its probe."""
    expected: dict[str, str] = {}
    for number in range(50):
        for probe, patient in ((room.hand, JANE), (room.cart, JOHN)):
            whose = patient if number % 2 else (JOHN if patient is JANE else JANE)
            exam = room.desk.open(probe.name, patient=whose)
            probe.show(2)
            (uid,) = room.desk.still(exam.id)
            expected[uid] = exam.study_instance_uid
            room.desk.end(exam.id)
    for uid, study in expected.items():
        assert room.read(uid).StudyInstanceUID == study
    assert len(set(expected.values())) == 100


def test_a_probe_has_one_exam_at_a_time(room: Room) -> None:
    """The second is refused; a probe that is not there, too."""
    room.desk.open("hand", patient=JANE)
    with pytest.raises(OperatorRefused, match="end it first"):
        room.desk.open("hand", patient=JOHN)
    with pytest.raises(UsageError, match="hand, cart"):
        room.desk.open("third")


@pytest.mark.slow
def test_nothing_is_captured_into_an_exam_that_ended(room: Room) -> None:
    """Also not by its id; ended twice is refused."""
    exam = room.desk.open("hand", patient=JANE)
    room.hand.show()
    room.desk.end(exam.id)
    room.hand.show()
    with pytest.raises(CaptureRefused, match="ended"):
        room.desk.still(exam.id)
    with pytest.raises(IllegalTransition):
        room.desk.end(exam.id)


@pytest.mark.slow
def test_an_exam_that_ended_too_early_goes_on(room: Room) -> None:
    """Instance numbers go on as well; with another exam at the probe it does not."""
    exam = room.desk.open("hand", patient=JANE)
    room.hand.show()
    first = room.desk.still(exam.id)[0]
    room.desk.end(exam.id)
    room.desk.reopen(exam.id)
    room.hand.show()
    second = room.desk.still(exam.id)[0]
    assert [room.read(uid).InstanceNumber for uid in (first, second)] == [1, 2]
    room.desk.end(exam.id)
    room.desk.open("hand", patient=JOHN)
    with pytest.raises(OperatorRefused):
        room.desk.reopen(exam.id)


@pytest.mark.slow
def test_an_exam_that_no_person_opened_keeps_none_from_going_on(room: Room) -> None:
    """It ends with the reopening: what comes after that is the reopened exam's, or another's."""
    exam = room.desk.open("hand", patient=JANE)
    room.desk.end(exam.id)
    before = room.automatic(room.hand, 1)
    room.desk.reopen(exam.id)
    assert room.hand.exam_id == exam.id
    room.desk.end(exam.id)
    after = room.automatic(room.hand, 2)
    assert room.read(before).StudyInstanceUID != room.read(after).StudyInstanceUID


def test_an_exam_that_could_not_be_ended_goes_on(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end was refused for want of room: the exam is open, and captures are of it."""
    exam = room.desk.open("hand", patient=JANE)

    def full(*_: object, **__: object) -> None:
        raise OutOfSpace("no room")

    with monkeypatch.context() as during:
        during.setattr(room.store.exams, "apply", full)
        with pytest.raises(OutOfSpace):
            room.desk.end(exam.id)
    assert room.hand.exam_id == exam.id
    assert room.exam(exam.id).state.progress is Progress.OPEN


def test_what_is_answered_as_refused_is_not_open(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exam of the connection ends in the transaction that opens the person's: both or none."""
    room.automatic(room.hand, 1)

    def full(*_: object, **__: object) -> None:
        raise OutOfSpace("no room")

    with monkeypatch.context() as during:
        during.setattr("echonode.store.exams.exams.end_unattended", full)
        with pytest.raises(OutOfSpace):
            room.desk.open("hand", patient=JANE)
    [exam] = room.store.exams.exams()
    assert (exam.state.progress, room.hand.exam_id) == (Progress.SCANNING, "")


def test_a_clip_that_was_under_way_at_the_end_is_of_its_exam(room: Room) -> None:
    """It becomes durable later, and another patient's exam may be open by then."""
    exam = room.desk.open("hand", patient=JANE)
    room.desk.end(exam.id)
    room.desk.open("hand", patient=JOHN)
    uid = room.automatic(room.hand, 1, exam_id=exam.id)
    assert room.read(uid).PatientID == "P1"


@pytest.mark.slow
def test_an_exam_goes_on_after_a_restart_with_its_numbers(tmp_path: Path) -> None:
    """The node was killed in the middle: probe and captures are of the same exam again."""
    with Room(tmp_path / "var") as room:
        exam = room.desk.open("hand", patient=JANE)
        room.hand.show()
        first = room.desk.still(exam.id)[0]
    with Room(tmp_path / "var") as room:
        room.hand.connections = 7  # a connection of its own, after the restart
        room.hand.connect()
        room.hand.show()
        second = room.desk.still(exam.id)[0]
        one, two = room.read(first), room.read(second)
        assert one.SeriesInstanceUID == two.SeriesInstanceUID
        assert (one.InstanceNumber, two.InstanceNumber) == (1, 2)
        assert room.exam(exam.id).captures == 2


def test_a_probe_that_cannot_store_says_that_it_takes_no_requests(room: Room) -> None:
    """With its name."""
    exam = room.desk.open("hand", patient=JANE)
    room.hand.capture = None
    with pytest.raises(CaptureRefused, match="hand"):
        room.desk.still(exam.id)


def test_no_exam_begins_on_a_full_disk(tmp_path: Path) -> None:
    """Refused before it begins, never in its middle."""
    with (
        Room(tmp_path / "var", refusal="only 3% is free") as room,
        pytest.raises(OperatorRefused, match="3%"),
    ):
        room.desk.open("hand")


@pytest.mark.slow
def test_without_an_exam_a_connection_has_its_own(room: Room) -> None:
    """Held, because no person said whose it is; the next connection is another."""
    one, two = room.automatic(room.hand, 1), room.automatic(room.hand, 2)
    room.hand.connect()
    other = room.automatic(room.hand, 1)
    assert room.read(one).StudyInstanceUID == room.read(two).StudyInstanceUID
    assert room.read(other).StudyInstanceUID != room.read(one).StudyInstanceUID
    assert room.read(other).PatientID != room.read(one).PatientID
    assert room.states(one) == ["held"]
    [second, first] = room.store.exams.exams()
    assert (first.state.progress, second.state.progress) == (Progress.ENDED, Progress.SCANNING)


def test_an_unattended_node_delivers_what_nobody_named(tmp_path: Path) -> None:
    """exam.deliver_unidentified: under a generated patient, never two exams under one."""
    with Room(tmp_path / "var", hold=False) as room:
        uid = room.automatic(room.hand, 1)
        assert room.read(uid).PatientID.startswith("UNIDENTIFIED-")
        assert room.states(uid) == ["queued"]
        assert room.store.exams.exams() == []


def test_an_exam_whose_images_could_not_say_whose_they_are_is_not_opened(room: Room) -> None:
    """A RIS may send a name that is too long: refused before the first image, not at it."""
    wrong = replace(FULL, patient=replace(FULL.patient, name="x" * 65))
    with pytest.raises(InvalidObject, match="PatientName"):
        room.desk.open("hand", worklist_item=wrong)
    assert room.store.exams.exams() == []


@pytest.mark.slow
def test_a_file_that_a_kill_left_without_its_row_waits_for_its_patient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adopted at the next start, into its exam, and held as the others are."""
    with Room(tmp_path / "var") as room:
        exam = room.desk.open("hand")
        room.hand.show()
        with monkeypatch.context() as during:
            during.setattr(FileInserter, "insert", killed)
            with pytest.raises(KeyboardInterrupt):
                room.desk.still(exam.id)
    with Room(tmp_path / "var") as room:
        [row] = room.store.ledger.rows()
        assert row.state == "held"
        [capture] = room.store.exams.captures(exam.id)
        assert capture.sop_instance_uid == row.sop_instance_uid


def killed(*_: object, **options: object) -> None:
    raise KeyboardInterrupt
