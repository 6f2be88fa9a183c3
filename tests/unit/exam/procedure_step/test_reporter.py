"""Each exam is reported to the RIS once, in order, whatever fails; images never wait for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from echonode.dimse.services import NormalizedResponse
from echonode.errors import AssociationLost, NetworkError, PeerUnreachable
from echonode.exam.procedure_step.attributes import StepStation, finished
from echonode.exam.procedure_step.reporter import StepReporter
from echonode.model.discontinuation import reason_of
from echonode.model.exam import Exam
from echonode.model.identity import CallBackAddress, Peer
from tests.unit.exam.clinic_room import Room
from tests.unit.exam.worklist.scripted_ris import RIS
from tests.unit.objects.orders import FULL_ITEM

US = CallBackAddress(ae_title="ECHONODE", host="10.0.0.5", port=11112)
SETTLE = timedelta(seconds=20)


@dataclass(eq=False)
class ScriptedSteps:
    """A RIS at our own port that keeps the rules of PS3.4 annex F; `statuses` come first."""

    statuses: list[int | NetworkError] = field(default_factory=list)
    fails: NetworkError | None = None
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    datasets: list[Dataset] = field(default_factory=list)
    steps: dict[str, str] = field(default_factory=dict)
    lose_answers: int = 0

    def associate(self, peer: Peer, contexts: Sequence[object]) -> ScriptedSteps:
        if self.fails is not None:
            raise self.fails
        return self

    def __enter__(self) -> ScriptedSteps:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def n_create(self, sop_class: str, uid: str, attributes: Dataset) -> NormalizedResponse:
        return self._answer("create", uid, attributes, 0x0111 if uid in self.steps else 0x0000)

    def n_set(self, sop_class: str, uid: str, attributes: Dataset) -> NormalizedResponse:
        known = self.steps.get(uid)
        by_rule = 0x0112 if known is None else 0x0000 if known == "IN PROGRESS" else 0x0110
        return self._answer("set", uid, attributes, by_rule)

    def _answer(self, kind: str, uid: str, dataset: Dataset, by_rule: int) -> NormalizedResponse:
        state = str(dataset.PerformedProcedureStepStatus)
        self.requests.append((kind, uid, state))
        self.datasets.append(dataset)
        status = self.statuses.pop(0) if self.statuses else by_rule
        if isinstance(status, NetworkError):
            raise status
        if status == 0x0000:
            self.steps[uid] = state
        if self.lose_answers:
            self.lose_answers -= 1
            raise AssociationLost("gone", by_peer=True)
        return NormalizedResponse(status=status)

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(kind, state) for kind, _, state in self.requests]


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with Room(tmp_path) as entered:
        yield entered


@pytest.fixture
def ris() -> ScriptedSteps:
    return ScriptedSteps()


@pytest.fixture
def clock() -> Clock:
    return Clock()


MakeReporter = Callable[[Room], StepReporter]


@pytest.fixture
def make(ris: ScriptedSteps, clock: Clock) -> MakeReporter:
    def made(room: Room) -> StepReporter:
        return StepReporter(
            peer=RIS,
            reports=room.store.step_reports,
            exams=room.store.exams,
            notes=room.store.key_value,
            associate=ris.associate,  # type: ignore[arg-type]  # what is used of an association
            station=StepStation(ae_title="ECHONODE", retrieve_ae_title="PACS"),
            us=US,
            now=room.now,
            monotonic=clock,
            random=lambda: 0.0,
        )

    return made


def ordered_exam(room: Room) -> Exam:
    return room.desk.open("hand", worklist_item=FULL_ITEM)


def later(room: Room, clock: Clock, seconds: float) -> None:
    room.time += timedelta(seconds=seconds)
    clock.seconds += seconds


@pytest.mark.slow
def test_a_step_begins_with_the_first_durable_image_and_ends_after_the_exam(
    room: Room, ris: ScriptedSteps, clock: Clock, make: MakeReporter
) -> None:
    """N-CREATE, then N-SET with every image; nothing before, between or after."""
    reporter = make(room)
    reporter.look()
    exam = ordered_exam(room)
    reporter.look()
    assert ris.told == []
    room.hand.show(3)
    first = room.desk.still(exam.id)
    reporter.look()
    assert ris.told == [("create", "IN PROGRESS")]
    second = room.desk.still(exam.id)
    reporter.look()
    room.desk.end(exam.id)
    reporter.look()
    assert len(ris.requests) == 1
    later(room, clock, 21)
    for _ in range(3):
        reporter.look()
    assert ris.told == [("create", "IN PROGRESS"), ("set", "COMPLETED")]
    [series] = ris.datasets[1].PerformedSeriesSequence
    named = [one.ReferencedSOPInstanceUID for one in series.ReferencedImageSequence]
    assert named == [*first, *second]
    assert reporter.status.waiting == reporter.status.given_up == 0


@pytest.mark.slow
def test_a_defect_in_one_step_keeps_no_other_from_its_end(
    room: Room,
    ris: ScriptedSteps,
    clock: Clock,
    make: MakeReporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the last message of one exam raises, the next exam's goes out."""
    reporter = make(room)
    reporter.look()
    for _ in range(2):
        exam = ordered_exam(room)
        room.hand.show()
        room.desk.still(exam.id)
        reporter.look()
        room.desk.end(exam.id)
    failures = [RuntimeError("a defect")]

    def failing_once(*facts: Any, **more: Any) -> Dataset:
        if failures:
            raise failures.pop()
        return finished(*facts, **more)

    monkeypatch.setattr("echonode.exam.procedure_step.reporter.finished", failing_once)
    later(room, clock, 21)
    reporter.look()
    reporter.look()
    assert ris.told == [("create", "IN PROGRESS")] * 2 + [("set", "COMPLETED")]


@pytest.mark.slow
def test_the_images_refer_to_the_step_that_was_reported(
    room: Room, ris: ScriptedSteps, make: MakeReporter
) -> None:
    """The same UID, ID, start and protocol in both."""
    reporter = make(room)
    reporter.look()
    exam = ordered_exam(room)
    room.hand.show()
    [uid] = room.desk.still(exam.id)
    reporter.look()
    stored = room.store.index.instance(uid)
    assert stored is not None
    image, step = dcmread(stored.path), ris.datasets[0]
    [reference] = image.ReferencedPerformedProcedureStepSequence
    assert reference.ReferencedSOPInstanceUID == ris.requests[0][1]
    for keyword in (
        "PerformedProcedureStepID",
        "PerformedProcedureStepStartDate",
        "PerformedProcedureStepStartTime",
        "PerformedProcedureStepDescription",
        "StudyID",
        "PatientName",
        "AdmissionID",
    ):
        assert image[keyword].value == step[keyword].value, keyword
    [scheduled], [requested] = step.ScheduledStepAttributesSequence, image.RequestAttributesSequence
    for keyword in ("StudyInstanceUID", "AccessionNumber"):
        assert scheduled[keyword].value == image[keyword].value
    for keyword in ("RequestedProcedureID", "ScheduledProcedureStepID"):
        assert scheduled[keyword].value == requested[keyword].value


@pytest.mark.slow
def test_nothing_is_reported_of_an_exam_without_a_patient_until_it_has_one(
    room: Room, ris: ScriptedSteps, make: MakeReporter
) -> None:
    """A step of UNIDENTIFIED would be an exception for a person at the RIS."""
    reporter = make(room)
    reporter.look()
    exam = room.desk.open("hand")
    room.hand.show()
    room.desk.still(exam.id)
    reporter.look()
    assert ris.told == []
    room.store.worklist.put([FULL_ITEM])
    room.identification.by_item(exam.id, FULL_ITEM.id)
    reporter.look()
    assert ris.told == [("create", "IN PROGRESS")]
    assert str(ris.datasets[0].PatientName) == FULL_ITEM.patient.name


def test_an_exam_of_before_is_not_reported(
    room: Room, ris: ScriptedSteps, clock: Clock, make: MakeReporter
) -> None:
    """Reporting was switched on today: no RIS expects yesterday's steps."""
    exam = ordered_exam(room)
    room.hand.show()
    room.desk.still(exam.id)
    later(room, clock, 3600)
    make(room).look()
    assert ris.told == []


@pytest.mark.slow
def test_an_exam_that_was_ended_by_mistake_can_be_reopened(
    room: Room, ris: ScriptedSteps, clock: Clock, make: MakeReporter
) -> None:
    """After COMPLETED nothing could be changed: it waits a moment."""
    reporter = make(room)
    reporter.look()
    exam = ordered_exam(room)
    room.hand.show(2)
    room.desk.still(exam.id)
    room.desk.end(exam.id)
    later(room, clock, 5)
    reporter.look()
    room.desk.reopen(exam.id)
    later(room, clock, 60)
    room.hand.show()
    room.desk.still(exam.id)
    reporter.look()
    assert ris.told == [("create", "IN PROGRESS")]
    room.desk.end(exam.id)
    later(room, clock, 21)
    reporter.look()
    [series] = ris.datasets[-1].PerformedSeriesSequence
    assert len(series.ReferencedImageSequence) == 2


@pytest.mark.slow
def test_a_peer_that_was_away_is_told_of_beginning_and_end(
    room: Room, ris: ScriptedSteps, clock: Clock, make: MakeReporter
) -> None:
    """In that order, on one association; the images did not wait."""
    ris.fails = PeerUnreachable("connection refused")
    reporter = make(room)
    reporter.look()
    exam = ordered_exam(room)
    room.hand.show()
    assert room.desk.still(exam.id)
    room.desk.end(exam.id)
    for _ in range(10):
        later(room, clock, 400)
        reporter.look()
    assert "connection refused" in reporter.status.problem
    assert reporter.status.waiting == 1
    ris.fails = None
    later(room, clock, 400)
    reporter.look()
    assert ris.told == [("create", "IN PROGRESS"), ("set", "COMPLETED")]
    assert (reporter.status.problem, reporter.status.waiting) == ("", 0)


@pytest.mark.slow
def test_a_repetition_of_what_had_arrived_is_a_success(
    room: Room, ris: ScriptedSteps, clock: Clock, make: MakeReporter
) -> None:
    """The answer was lost, or we were killed: 0111 to the N-CREATE, 0110 to the final N-SET."""
    reporter = make(room)
    reporter.look()
    exam = ordered_exam(room)
    room.hand.show()
    room.desk.still(exam.id)
    ris.lose_answers = 1
    reporter.look()
    room.desk.end(exam.id)
    later(room, clock, 60)
    reporter.look()
    assert ris.told == [("create", "IN PROGRESS")] * 2 + [("set", "COMPLETED")]
    assert set(ris.steps.values()) == {"COMPLETED"}


@pytest.mark.slow
def test_a_final_message_that_had_arrived_is_not_sent_for_ever(
    room: Room, ris: ScriptedSteps, clock: Clock, make: MakeReporter
) -> None:
    """A step that is over may not be updated, which is what the second one is answered."""
    reporter = make(room)
    reporter.look()
    exam = ordered_exam(room)
    room.hand.show()
    room.desk.still(exam.id)
    reporter.look()
    room.desk.end(exam.id)
    later(room, clock, 21)
    ris.lose_answers = 1
    reporter.look()
    later(room, clock, 60)
    again = make(room)  # as after a kill: nothing in memory
    again.look()
    later(room, clock, 4000)
    again.look()
    assert ris.told[1:] == [("set", "COMPLETED")] * 2
    assert (again.status.waiting, again.status.given_up) == (0, 0)


@pytest.mark.slow
def test_a_peer_that_lost_the_step_is_told_of_it_anew(
    room: Room, ris: ScriptedSteps, clock: Clock, make: MakeReporter
) -> None:
    """Its database was restored from yesterday's backup."""
    reporter = make(room)
    reporter.look()
    exam = ordered_exam(room)
    room.hand.show()
    room.desk.still(exam.id)
    reporter.look()
    ris.steps.clear()
    room.desk.end(exam.id)
    later(room, clock, 21)
    reporter.look()
    later(room, clock, 60)
    reporter.look()
    assert [kind for kind, _ in ris.told] == ["create", "set", "create", "set"]
    assert set(ris.steps.values()) == {"COMPLETED"}


@pytest.mark.slow
def test_a_refused_step_waits_alone_and_a_person_can_ask_again(
    room: Room, ris: ScriptedSteps, clock: Clock, make: MakeReporter
) -> None:
    """Another exam's step goes out in the same look."""
    reporter = make(room)
    reporter.look()
    first = ordered_exam(room)
    second = room.desk.open("cart", worklist_item=FULL_ITEM)
    for probe, exam in ((room.hand, first), (room.cart, second)):
        probe.show()
        room.desk.still(exam.id)
    ris.statuses = [0x0120]
    reporter.look()
    assert (reporter.status.waiting, reporter.status.given_up) == (0, 1)
    assert len(ris.steps) == 1
    [row] = room.store.step_reports.of_exam(first.id)
    assert "0120" in row.last_error
    room.store.step_reports.retry(row.sop_instance_uid, now=room.now())
    reporter.look()
    assert (len(ris.steps), reporter.status.given_up) == (2, 0)


@pytest.mark.slow
def test_what_was_given_up_is_tried_again_at_the_next_start(
    room: Room, ris: ScriptedSteps, make: MakeReporter
) -> None:
    """The operator switched the service on at the RIS, and restarted the node."""
    reporter = make(room)
    reporter.look()
    exam = ordered_exam(room)
    room.hand.show()
    room.desk.still(exam.id)
    ris.statuses = [0x0122]
    reporter.look()
    reporter.look()
    assert (len(ris.requests), reporter.status.given_up) == (1, 1)
    make(room).look()
    assert set(ris.steps.values()) == {"IN PROGRESS"}


@pytest.mark.slow
def test_an_exam_that_is_given_up_is_discontinued(
    room: Room, ris: ScriptedSteps, clock: Clock, make: MakeReporter
) -> None:
    """With what was captured by then and the reason, also by another run of the node; one without
    a capture has no step.
    """
    make(room).look()
    nothing = ordered_exam(room)
    room.desk.end(nothing.id, discontinued=reason_of("110507"))
    exam = ordered_exam(room)
    room.hand.show()
    room.desk.still(exam.id)
    make(room).look()
    room.desk.end(exam.id, discontinued=reason_of("110505"))
    later(room, clock, 60)
    make(room).look()
    assert ris.told == [("create", "IN PROGRESS"), ("set", "DISCONTINUED")]
    [reason] = ris.datasets[-1].PerformedProcedureStepDiscontinuationReasonCodeSequence
    assert (reason.CodeValue, reason.CodingSchemeDesignator) == ("110505", "DCM")
    assert reason.CodeMeaning == "Patient refused to continue procedure"
    assert len(ris.datasets[-1].PerformedSeriesSequence) == 1


@pytest.mark.slow
def test_an_exam_that_was_given_up_by_mistake_is_completed(
    room: Room, ris: ScriptedSteps, clock: Clock, make: MakeReporter
) -> None:
    """Reopened in time and ended: the last end counts."""
    reporter = make(room)
    reporter.look()
    exam = ordered_exam(room)
    room.hand.show()
    room.desk.still(exam.id)
    room.desk.end(exam.id, discontinued=reason_of("110513"))
    room.desk.reopen(exam.id)
    room.desk.end(exam.id)
    later(room, clock, 60)
    reporter.look()
    assert ris.told == [("create", "IN PROGRESS"), ("set", "COMPLETED")]


@pytest.mark.slow
def test_one_exam_has_one_step_also_after_restarts(
    tmp_path: Path, ris: ScriptedSteps, clock: Clock, make: MakeReporter
) -> None:
    """Its UID is derived: a second look finds the same."""
    with Room(tmp_path / "r") as before:
        make(before).look()
        exam = ordered_exam(before)
        before.hand.show()
        before.desk.still(exam.id)
        ris.fails = PeerUnreachable("x")
        make(before).look()
    ris.fails = None
    for _ in range(3):
        with Room(tmp_path / "r") as again:
            make(again).look()
    assert ris.told == [("create", "IN PROGRESS")]


def test_the_thread_ends_in_time_and_looks_when_it_is_woken(
    room: Room, ris: ScriptedSteps, make: MakeReporter
) -> None:
    """A node that stops does not wait for a RIS."""
    reporter = make(room)
    reporter.start()
    reporter.wake()
    assert reporter.stop(10.0)
