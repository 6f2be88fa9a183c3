"""Procedure steps at two real servers: what arrives, in which order, and what a kill changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from echonode.dimse.requestor import Requestor
from echonode.exam.procedure_step.attributes import StepStation
from echonode.exam.procedure_step.reporter import StepReporter
from echonode.model.certificate import TLSFiles
from echonode.model.discontinuation import reason_of
from echonode.model.identity import CallBackAddress, Peer
from tests.peers.authority import Authority
from tests.peers.part import Part
from tests.peers.ports import LOOPBACK
from tests.peers.ris import DcmjsStepScp, OdilRis
from tests.unit.exam.clinic_room import Room
from tests.unit.exam.procedure_step.test_attributes import IN_THE_STEP, at
from tests.unit.objects.orders import FULL_ITEM

pytestmark = [pytest.mark.peers, pytest.mark.timeout(180)]

# Of the exam in a room, instead of those of the objects' tests.
OF_THE_ROOM = {
    "PerformedProcedureStepStartDate": "20261120",
    "PerformedProcedureStepStartTime": "090100.123456",
    "PerformedStationAETitle": "ECHONODE",
    "PerformedStationName": "ROOM-1",
}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with Room(tmp_path / "room") as entered:
        yield entered


def reporter_of(room: Room, port: int, tls: TLSFiles | None = None) -> StepReporter:
    return StepReporter(
        peer=Peer(name="ris", ae_title="RIS", host=LOOPBACK, port=port, may=frozenset(), tls=tls),
        reports=room.store.step_reports,
        exams=room.store.exams,
        notes=room.store.key_value,
        associate=Requestor(ae_title="ECHONODE").associate,
        station=StepStation(ae_title="ECHONODE", name="ROOM-1", retrieve_ae_title="PACS"),
        us=CallBackAddress(ae_title="ECHONODE", host=LOOPBACK, port=11112),
        now=room.now,
        monotonic=lambda: room.time.timestamp(),
        random=lambda: 0.0,
    )


def examined(room: Room, reporter: StepReporter) -> list[str]:
    """An exam with a still and a clip, reported as it goes; the UIDs of its images."""
    reporter.look()
    exam = room.desk.open("hand", worklist_item=FULL_ITEM)
    room.hand.show(3)
    still = room.desk.still(exam.id)
    clip = room.desk.clip(exam.id, seconds=5, past=True)
    reporter.look()
    room.desk.end(exam.id)
    room.time += timedelta(seconds=30)
    reporter.look()
    return [*still, *clip]


@pytest.mark.parametrize("part", [DcmjsStepScp, OdilRis])
def test_a_whole_exam_arrives_with_every_attribute(
    part: Callable[[], Any], room: Room, make_part: Callable[[Part], Any]
) -> None:
    """One N-CREATE, one N-SET; the order and the patient as they were on the worklist."""
    ris = make_part(part())
    reporter = reporter_of(room, ris.port)
    images = examined(room, reporter)
    while reporter.status.waiting:  # odil listens anew after each association
        room.time += timedelta(seconds=400)
        reporter.look()
    first, last = ris.wait_for(2)
    assert (first.kind, last.kind) == ("create", "set")
    assert first.sop_instance_uid == last.sop_instance_uid
    begun, over = dataset_of(first.attributes), dataset_of(last.attributes)
    got = {path: at(begun, path) for path in IN_THE_STEP}
    exam_id = got["PerformedProcedureStepID"]
    assert got == IN_THE_STEP | OF_THE_ROOM | {"PerformedProcedureStepID": exam_id}
    assert over.PerformedProcedureStepStatus == "COMPLETED"
    [series] = over.PerformedSeriesSequence
    assert [one.ReferencedSOPInstanceUID for one in series.ReferencedImageSequence] == images


@pytest.mark.parametrize("part", [DcmjsStepScp, OdilRis])
def test_an_exam_that_is_given_up_arrives_with_its_reason(
    part: Callable[[], Any], room: Room, make_part: Callable[[Part], Any]
) -> None:
    """DISCONTINUED, with what was captured by then."""
    ris = make_part(part())
    reporter = reporter_of(room, ris.port)
    reporter.look()
    exam = room.desk.open("hand", worklist_item=FULL_ITEM)
    room.hand.show()
    [still] = room.desk.still(exam.id)
    room.desk.end(exam.id, discontinued=reason_of("110505"))
    room.time += timedelta(seconds=30)
    reporter.look()
    _, last = ris.wait_for(2)
    over = dataset_of(last.attributes)
    assert over.PerformedProcedureStepStatus == "DISCONTINUED"
    [reason] = over.PerformedProcedureStepDiscontinuationReasonCodeSequence
    assert reason.CodeMeaning == "Patient refused to continue procedure"
    [series] = over.PerformedSeriesSequence
    assert [one.ReferencedSOPInstanceUID for one in series.ReferencedImageSequence] == [still]


def dataset_of(attributes: dict[str, Any]) -> Dataset:
    """What a server wrote as JSON: by tags (odil, DICOM JSON) or by keywords (dcmjs)."""
    if all(len(key) == 8 and key.isalnum() and key[0].isdigit() for key in attributes):
        return Dataset.from_json(attributes)
    dataset = Dataset()
    for keyword, value in attributes.items():
        if keyword.startswith("_"):
            continue
        setattr(dataset, keyword, _value_of(value))
    return dataset


def _value_of(value: Any) -> Any:
    """dcmjs: sequences are lists of objects, names a list of one object with their groups."""
    if isinstance(value, dict) and "Alphabetic" not in value:
        return [dataset_of(value)]
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        if "Alphabetic" in value[0]:
            groups = [value[0].get(g, "") for g in ("Alphabetic", "Ideographic", "Phonetic")]
            return "=".join(groups).rstrip("=")
        return [dataset_of(item) for item in value]
    return value


def test_a_server_that_is_killed_before_it_answered_is_told_again(
    room: Room, make_part: Callable[[Part], Any]
) -> None:
    """It keeps its steps in memory: after its restart it has lost them, and gets both again."""
    ris = make_part(DcmjsStepScp())
    reporter = reporter_of(room, ris.port)
    reporter.look()
    exam = room.desk.open("hand", worklist_item=FULL_ITEM)
    room.hand.show()
    room.desk.still(exam.id)
    reporter.look()
    ris.kill()
    room.desk.end(exam.id)
    room.time += timedelta(seconds=30)
    reporter.look()
    assert reporter.status.problem
    ris.start()
    for _ in range(4):
        room.time += timedelta(seconds=400)
        reporter.look()
    assert reporter.status.waiting == reporter.status.given_up == 0
    told = [(request.kind, request.status) for request in ris.requests()]
    assert told == [("create", 0), ("set", 0x0112), ("create", 0), ("set", 0)]


def test_a_refusal_is_given_up_with_what_to_do_and_images_went_on(
    room: Room, make_part: Callable[[Part], Any]
) -> None:
    """The exam has its images; the step waits for a person."""
    ris = make_part(DcmjsStepScp())
    ris.answer(0x0124)
    reporter = reporter_of(room, ris.port)
    images = examined(room, reporter)
    assert len(images) == 2
    assert (reporter.status.waiting, reporter.status.given_up) == (0, 1)
    [row] = room.store.step_reports.of_exam(room.store.exams.exams()[0].id)
    assert "not authorise" in row.last_error
    ris.answer(None)
    room.store.step_reports.retry(row.sop_instance_uid, now=room.now())
    reporter.look()
    assert [request.kind for request in ris.requests() if request.status == 0] == ["create", "set"]


def test_a_step_is_reported_by_tls_and_to_no_other_server(
    room: Room, make_part: Callable[[Part], Any], tmp_path: Path
) -> None:
    """The RIS serves who shows our certificate; one that shows a stranger's gets no request, and
    the step waits for the right one."""
    ours, others = Authority(tmp_path / "ca"), Authority(tmp_path / "other", name="Other CA")
    own, theirs, strange = ours.issue("echonode"), ours.issue("ris"), others.issue("ris")
    tls = TLSFiles(cert=own.cert, key=own.key, ca=ours.certificate)
    impostor = make_part(DcmjsStepScp(tls=(strange.cert, strange.key, ours.certificate)))
    reporter = reporter_of(room, impostor.port, tls)
    images = examined(room, reporter)
    assert "certificate" in reporter.status.problem
    assert impostor.requests() == []
    impostor.kill()
    right = DcmjsStepScp(port=impostor.port, tls=(theirs.cert, theirs.key, ours.certificate))
    ris = make_part(right)
    room.time += timedelta(seconds=400)
    reporter.look()
    first, last = ris.wait_for(2)
    assert (first.status, last.status) == (0, 0)
    [series] = dataset_of(last.attributes).PerformedSeriesSequence
    assert [one.ReferencedSOPInstanceUID for one in series.ReferencedImageSequence] == images
