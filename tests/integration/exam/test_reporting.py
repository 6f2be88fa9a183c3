"""Reports and kept views with a real store: durable, made after a kill, rejected with images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import Dataset

from echonode.errors import FieldRefused, OperatorRefused, OutOfSpace, UsageError
from echonode.exam import keeping
from echonode.exam.reporting import reporting as module
from echonode.exam.reporting.choosing import Wish
from echonode.exam.reporting.making import Settings
from echonode.exam.reporting.reporting import Reporting
from echonode.exam.reporting.views import View
from echonode.model.correction import Reason
from echonode.model.exam import CaptureKind, Exam
from echonode.model.exam_document import PARTS, DocumentPart, ExamDocument
from echonode.model.exam_report import KeyImage
from echonode.model.measurement import Measurement, MeasurementKind, Result
from echonode.model.softcopy_state import SoftcopyState
from echonode.objects.reports.font_files import Fonts
from tests.peers.fixtures import require_fonts
from tests.unit.exam.clinic_room import Room
from tests.unit.exam.test_desk import JANE, JOHN
from tests.unit.objects.acquisitions import EQUIPMENT
from tests.unit.objects.exam_reports import jpeg
from tests.unit.store.samples import send_all

FONTS = Fonts()
WISH = Wish(template="free", language="en", findings={"findings": "Liver normal."}, conclusion="")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    require_fonts()
    with Room(tmp_path / "var") as opened:
        yield opened


def reporting(room: Room) -> Reporting:
    settings = Settings(equipment=EQUIPMENT, fonts=FONTS, picture=lambda *_: jpeg())
    return Reporting(room.store, settings, destinations=["pacs"], now=room.now)


def scanned(room: Room, count: int = 2) -> tuple[Exam, list[str]]:
    """Jane's open exam with stills."""
    exam = room.desk.open("hand", patient=JANE)
    uids: list[str] = []
    for _ in range(count):
        room.hand.show()
        uids += room.desk.still(exam.id)
    return room.exam(exam.id), uids


def measure(room: Room, exam: Exam, uid: str) -> Measurement:
    return room.store.measurements.add(
        Measurement(
            id="",
            exam_id=exam.id,
            sop_instance_uid=uid,
            frame=1,
            kind=MeasurementKind.DISTANCE,
            points=((2.0, 3.0), (12.0, 13.0)),
            label="CBD",
            results=(Result(name="length", value=4.25, unit="mm"),),
            delta_x_mm=0.3,
            delta_y_mm=0.3,
            made_at=room.now(),
        )
    )


def objects(room: Room, document: ExamDocument) -> dict[DocumentPart, Dataset]:
    return {
        PARTS[each.acquisition_number]: room.read(each.sop_instance_uid)
        for each in room.store.documents.captures(document.id)
    }


def test_a_report_is_three_objects_that_are_delivered(room: Room) -> None:
    """SR, PDF and key objects, each in a series of its own of the exam's study."""
    exam, uids = scanned(room)
    measure(room, exam, uids[1])
    document = reporting(room).report(exam.id, WISH, by="eva")
    made = objects(room, document)
    assert [str(each.Modality) for each in made.values()] == ["SR", "DOC", "KO"]
    assert {str(each.StudyInstanceUID) for each in made.values()} == {exam.study_instance_uid}
    assert len({str(each.SeriesInstanceUID) for each in made.values()}) == 3
    assert {str(each.PatientID) for each in made.values()} == {JANE.id}
    for each in room.store.documents.captures(document.id):
        assert room.states(each.sop_instance_uid) == ["queued"]
    named = made[DocumentPart.KEY_OBJECTS].ContentSequence
    assert [i.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for i in named] == [uids[1]]
    assert room.exam(exam.id).captures == 2  # a report is no image


def test_a_second_report_is_the_next_of_the_series(room: Room) -> None:
    """Both stand: a report is never changed."""
    exam, _ = scanned(room)
    one = objects(room, reporting(room).report(exam.id, WISH, by=""))
    other = objects(room, reporting(room).report(exam.id, WISH, by=""))
    for part in one:
        assert one[part].SeriesInstanceUID == other[part].SeriesInstanceUID
        assert (one[part].InstanceNumber, other[part].InstanceNumber) == (1, 2)


def test_an_exam_without_a_patient_is_not_reported(room: Room) -> None:
    """The pages name the patient."""
    exam = room.desk.open("hand")
    room.hand.show()
    room.desk.still(exam.id)
    with pytest.raises(OperatorRefused, match="no patient"):
        reporting(room).report(exam.id, WISH, by="")
    with pytest.raises(UsageError):
        reporting(room).report("E99999999", WISH, by="")
    assert room.store.documents.of_exam(exam.id) == []


def test_what_a_report_needs_is_looked_for_before_it_is_written_down(room: Room) -> None:
    """A character without a font, an unknown field, an image of another exam."""
    exam, uids = scanned(room)
    room.desk.end(exam.id)
    _, others = scanned(room, 1)
    here = reporting(room)
    for wish, field in (
        (replace(WISH, findings={"spleen": "x"}), "findings"),
        (replace(WISH, template="none"), "template"),
        (replace(WISH, language="de"), "language"),
        (replace(WISH, findings={}), "findings"),
        (replace(WISH, key_images=[KeyImage(sop_instance_uid=others[0])]), "key_images"),
        (replace(WISH, key_images=[KeyImage(sop_instance_uid=uids[0], frame=2)]), "key_images"),
        (replace(WISH, measurements=["M00000099"]), "measurements"),
    ):
        with pytest.raises(FieldRefused) as refused:
            here.report(exam.id, wish, by="")
        assert refused.value.field == field
    with pytest.raises(OperatorRefused, match="font"):
        here.report(exam.id, replace(WISH, conclusion="\U00020000"), by="")
    assert room.store.documents.of_exam(exam.id) == []


def test_a_report_that_a_kill_cut_off_is_made_by_the_next_start(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its row, and after one of its objects: the same UIDs, each once."""
    exam, _ = scanned(room)
    here = reporting(room)
    kept = keeping.keep
    calls: list[str] = []

    def refused(*arguments: object, **more: object) -> None:
        calls.append("")
        if len(calls) > 1:
            raise OutOfSpace("the disk is full")
        kept(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "keep", refused)
    document = here.report(exam.id, WISH, by="")
    assert len(room.store.documents.owed()) == 1
    monkeypatch.undo()
    reporting(room).make_all()
    assert room.store.documents.owed() == []
    made = objects(room, document)
    assert len(made) == 3
    reporting(room).make_all()
    assert len(list(room.store.ledger.rows())) == 5


def test_what_can_never_be_made_is_said_and_not_tried_again(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image whose file is gone between the two."""
    exam, uids = scanned(room, 1)

    def lost(*_: object, **__: object) -> None:
        raise OutOfSpace("the disk is full")

    monkeypatch.setattr(module, "keep", lost)
    document = reporting(room).report(exam.id, WISH, by="")
    monkeypatch.undo()
    instance = room.store.index.instance(uids[0])
    assert instance is not None
    instance.path.write_bytes(b"no dataset")
    reporting(room).make_all()
    kept = room.store.documents.one(document.id)
    assert kept is not None
    assert "cannot be parsed" in kept.problem
    assert room.store.documents.owed() == []


def test_a_correction_rejects_the_report_that_speaks_of_the_image(room: Room) -> None:
    """It is in the note, is not sent any more, and nothing is made in its place."""
    exam, uids = scanned(room)
    here = reporting(room)
    document = here.report(
        exam.id, replace(WISH, key_images=[KeyImage(sop_instance_uid=uids[0])]), by=""
    )
    other = here.report(
        exam.id, replace(WISH, key_images=[KeyImage(sop_instance_uid=uids[1])]), by=""
    )
    room.desk.end(exam.id)
    send_all(room.store, "pacs", room.now())
    room.correction.correct(
        room.exam(exam.id), Reason.WRONG_SIDE, laterality="L", instances=frozenset(uids[:1])
    )
    [note] = [
        each
        for each in room.store.exams.captures(exam.id)
        if each.kind is CaptureKind.REJECTION_NOTE
    ]
    rejected = {each.sop_instance_uid for each in room.store.documents.captures(document.id)}
    named = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in room.read(note.sop_instance_uid).ContentSequence
    }
    assert named == {uids[0], *rejected}
    for each in room.store.documents.captures(document.id):
        assert (each.rejected_by, each.replaced_by) == (note.sop_instance_uid, "")
    for each in room.store.documents.captures(other.id):
        assert each.rejected_by == ""


def test_after_a_correction_what_was_measured_is_of_the_image_in_its_place(room: Room) -> None:
    """A report of the right patient refers to the new instances, in the new study."""
    exam, uids = scanned(room)
    measure(room, exam, uids[0])
    room.desk.end(exam.id)
    send_all(room.store, "pacs", room.now())
    room.correction.correct(room.exam(exam.id), Reason.WRONG_PATIENT, patient=JOHN)
    here = room.exam(exam.id)
    made = objects(room, reporting(room).report(exam.id, WISH, by=""))
    document = made[DocumentPart.SR]
    assert (document.PatientID, document.StudyInstanceUID) == (JOHN.id, here.study_instance_uid)
    stands = {
        each.replaces: each.sop_instance_uid
        for each in room.store.exams.captures(exam.id)
        if each.kind is CaptureKind.CORRECTED
    }
    [study] = document.CurrentRequestedProcedureEvidenceSequence
    named = [
        s.ReferencedSOPInstanceUID
        for g in study.ReferencedSeriesSequence
        for s in g.ReferencedSOPSequence
    ]
    assert named == [stands[uids[0]]]


def test_measurements_on_images_that_are_gone_are_refused(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retention deleted the local copy: a report at the archive is the way."""
    exam, uids = scanned(room, 1)
    measure(room, exam, uids[0])
    room.desk.end(exam.id)
    with monkeypatch.context() as patched:
        patched.setattr(type(room.store.index), "instance", lambda *_: None)
        with pytest.raises(OperatorRefused, match="deleted here"):
            reporting(room).report(exam.id, WISH, by="")


def test_a_view_is_kept_with_what_was_measured(room: Room) -> None:
    """Window and visible part as given, the measurement with its value, a note at its point."""
    exam, uids = scanned(room, 1)
    measure(room, exam, uids[0])
    document = reporting(room).present(
        uids[0],
        View(frame=1, window=(100.0, 80.0), area=(2.4, 3.0, 20.0, 20.6), notes=[("x", (5.0, 6.0))]),
        by="eva",
    )
    state = document.content
    assert isinstance(state, SoftcopyState)
    [made] = objects(room, document).values()
    assert (made.Modality, str(made.ContentCreatorName)) == ("PR", "eva")
    [area] = made.DisplayedAreaSelectionSequence
    assert list(area.DisplayedAreaTopLeftHandCorner) == [3, 4]
    assert list(area.DisplayedAreaBottomRightHandCorner) == [20, 21]
    [voi] = made.SoftcopyVOILUTSequence
    assert (voi.WindowCenter, voi.WindowWidth) == (100, 80)
    [drawn] = made.GraphicAnnotationSequence
    assert [each.UnformattedTextValue for each in drawn.TextObjectSequence] == ["CBD 4.3 mm", "x"]
    assert list(drawn.GraphicObjectSequence[0].GraphicData) == [2, 3, 12, 13]


def test_a_view_of_nothing_is_refused(room: Room) -> None:
    """A frame, a window or a part that the image has not; an image of no exam here."""
    _, uids = scanned(room, 1)
    here = reporting(room)
    for view in (
        View(frame=2),
        View(frame=1, window=(0.0, 0.5)),
        View(frame=1, area=(500.0, 0.0, 600.0, 10.0)),
        View(frame=1, notes=[("x", (500.0, 0.0))]),
        View(frame=1, notes=[("x" * 300, (1.0, 0.0))]),
    ):
        with pytest.raises(FieldRefused):
            here.present(uids[0], view, by="")
    with pytest.raises(UsageError):
        here.present("1.2.3.4", View(frame=1), by="")
