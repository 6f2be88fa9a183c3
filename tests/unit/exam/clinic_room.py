"""A room with two probes: a store, its exams and the intake, without a network or a thread."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from pydicom import Dataset, dcmread

from echonode.exam.correction import Correction
from echonode.exam.desk import ExamDesk
from echonode.exam.identification import Identification
from echonode.exam.naming import ExamNaming
from echonode.exam.unattended import UnattendedExams
from echonode.frames.capture.manual_capture import ManualCapture
from echonode.frames.frame import Acquisition, Frame, ProbeIdentity
from echonode.frames.settings import CaptureMode, CaptureSettings
from echonode.intake.captures import Intake
from echonode.model.exam import Exam
from echonode.model.patient import UNIDENTIFIED
from echonode.store.files.incoming_file import Incoming
from echonode.store.store import Store
from tests.unit.objects.acquisitions import CONNECTED_AT, EQUIPMENT, LOCAL, PROBE, frames


class RoomProbe:
    """A probe's source as the desk sees it, whose frames the test sends."""

    def __init__(self, name: str, intake: Intake[Incoming]) -> None:
        self.name = name
        self.identity: ProbeIdentity = replace(PROBE, name=name)
        self.capture: ManualCapture | None = ManualCapture(
            self.identity,
            CaptureSettings(mode=CaptureMode.MANUAL, gap_s=1.0, max_clip_s=30.0),
            lambda acquisition: intake.store(acquisition).sop_instance_uid,
        )
        self.exam_id, self.on_request = "", False
        self.sequence = 0
        self.connections = 0

    def connect(self) -> None:
        assert self.capture is not None
        self.connections += 1
        self.capture.begin(f"{self.name}-{self.connections}")

    def change_exam(self, exam_id: str, *, on_request: bool = False) -> bool:
        self.exam_id, self.on_request = exam_id, on_request
        if self.capture is not None:
            self.capture.change_exam(exam_id)
        return True

    def show(self, count: int = 1) -> list[Frame]:
        """So many frames come, each 0.1 s after the one before."""
        assert self.capture is not None
        shown = []
        for _ in range(count):
            self.sequence += 1
            (one,) = frames([self.sequence / 10])
            shown.append(replace(one, sequence=self.sequence))
            self.capture.take(shown[-1])
        return shown


class Room:
    """hold: exams without a patient wait. now: moves when the test says so."""

    def __init__(self, data_dir: Path, *, hold: bool = True, refusal: str = "") -> None:
        self.data_dir, self.hold, self.refusal = data_dir, hold, refusal
        self.time = CONNECTED_AT + timedelta(minutes=1)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self.store = self._open.enter_context(
            Store.open(
                self.data_dir,
                now=self.now,
                adopt_to=["pacs"],
                waiting_prefix=UNIDENTIFIED if self.hold else "",
            )
        )
        unattended = UnattendedExams(
            node_id=self.store.node_id, next_counter=lambda: self.store.counter("unidentified")
        )
        self.desk = ExamDesk(
            exams=self.store.exams,
            captures=self.store.captures,
            node_id=self.store.node_id,
            held=self.hold,
            unattended={} if self.hold else dict.fromkeys(("hand", "cart"), unattended),
            refusal=lambda: self.refusal,
            now=self.now,
            local=LOCAL,
            reports_steps=True,
        )
        self.naming = ExamNaming(self.store, now=self.now, reports_steps=True)
        self.correction = Correction(self.store, destinations=["pacs"], now=self.now)
        self.identification = Identification(
            desk=self.desk,
            exams=self.store.exams,
            worklist=self.store.worklist,
            name=self.naming.name,
            now=self.now,
        )
        self.intake = Intake(
            self.store.files,
            node_id=self.store.node_id,
            destinations=["pacs"],
            exam_for=self.desk.facts_for,
            equipment=EQUIPMENT,
            local=LOCAL,
            now=self.now,
        )
        self.desk.resume()
        self.hand, self.cart = RoomProbe("hand", self.intake), RoomProbe("cart", self.intake)
        for probe in (self.hand, self.cart):
            self.desk.attach(probe)
            probe.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def now(self) -> datetime:
        return self.time

    def automatic(self, probe: RoomProbe, number: int, *, exam_id: str | None = None) -> str:
        """A still of a probe in capture mode auto; its SOP Instance UID."""
        taken = Acquisition(
            probe=probe.identity,
            connection_id=f"{probe.name}-auto-{probe.connections}",
            number=number,
            frames=frames([float(number)]),
            exam_id=probe.exam_id if exam_id is None else exam_id,
        )
        return self.intake.store(taken).sop_instance_uid

    def states(self, uid: str) -> list[str]:
        """Of the deliveries of an instance."""
        return [row.state for row in self.store.ledger.rows() if row.sop_instance_uid == uid]

    def read(self, uid: str) -> Dataset:
        """An instance as its file has it."""
        instance = self.store.index.instance(uid)
        assert instance is not None
        self.store.files.check_bytes(instance)
        return dcmread(instance.path)

    def exam(self, exam_id: str) -> Exam:
        return self.desk.exam(exam_id)
