"""A capture's place in its exam, durable before its object is built.

Rules
- The same acquisition again has the same place: numbers and UIDs outlive a kill.
- The first capture of an exam moves it on (ExamEvent.CAPTURED); that event is written down once.
- An exam that no person opened is found by its probe's connection; a later one of that probe ends
  it.
  Once it has ended, what follows on that connection is of another: the next patient's images must
  not come under the name that was given to the last one's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from echonode.model.exam import CaptureKind, Exam, ExamCapture
from echonode.model.exam_state import ExamEvent, Identity, Progress, after, opened
from echonode.model.identity import derive_uid
from echonode.store.database import schema
from echonode.store.database.connections import Writer
from echonode.store.exams.exam_rows import (
    capture_of,
    change_exam,
    end_unattended,
    exam_in,
    find_exam,
    insert_exam,
    new_exam_id,
)

_exam, _capture = schema.exam.c, schema.exam_capture.c


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What is captured: an acquisition of a probe's connection, and the UID that it will have.

    connected_at: aware, with the offset that dates are written in.
    """

    sop_instance_uid: str
    probe: str
    connection_id: str
    acquisition_number: int
    connected_at: datetime


class Captures:
    """Thread-safe; durable on return. Each raises StoreError."""

    def __init__(self, writer: Writer, node_id: str) -> None:
        self._writer = writer
        self._node_id = node_id

    def place(self, exam_id: str, taken: Taken, *, at: datetime) -> tuple[Exam, ExamCapture]:
        """The place of a capture in an exam. Raises UsageError where the exam is unknown."""

        def work(connection: sa.Connection) -> tuple[Exam, ExamCapture]:
            return self._place(connection, exam_in(connection, exam_id), taken, at)

        return self._writer.run(work)

    def place_unattended(self, taken: Taken, *, at: datetime) -> tuple[Exam, ExamCapture]:
        """The place of a capture for which no exam was opened: in the exam of its connection."""

        def work(connection: sa.Connection) -> tuple[Exam, ExamCapture]:
            exam = find_exam(
                connection,
                _exam.connection_id == taken.connection_id,
                _exam.probe == taken.probe,
                _exam.progress != Progress.ENDED.value,
            )
            if exam is None:
                end_unattended(connection, taken.probe, at=at)
                exam_id = new_exam_id(connection)
                exam = Exam(
                    id=exam_id,
                    study_instance_uid=derive_uid("study", self._node_id, exam_id),
                    probe=taken.probe,
                    state=opened(identified=False),
                    held=True,
                    opened_at=taken.connected_at,
                    connection_id=taken.connection_id,
                )
                insert_exam(connection, exam, at=at, detail={"by": "probe"})
            return self._place(connection, exam, taken, at)

        return self._writer.run(work)

    def end_unattended(self, probe: str | None = None, *, at: datetime) -> None:
        """Exams that no person opened end: of a probe, or of all."""
        self._writer.run(lambda connection: end_unattended(connection, probe, at=at))

    def _place(
        self, connection: sa.Connection, exam: Exam, taken: Taken, at: datetime
    ) -> tuple[Exam, ExamCapture]:
        has_patient = exam.state.identity is not Identity.UNIDENTIFIED
        known = connection.execute(
            sa.select(schema.exam_capture).where(
                _capture.connection_id == taken.connection_id,
                _capture.acquisition_number == taken.acquisition_number,
                _capture.kind == CaptureKind.CAPTURE.value,
            )
        ).first()
        if known is not None:
            if not _is_stored(connection, taken.sop_instance_uid):
                connection.execute(
                    sa.update(schema.exam_capture)
                    .where(_capture.id == known.id)
                    .values(has_patient=has_patient)
                )
            return exam_in(connection, known.exam_id), capture_of(known)
        capture = self._new_capture(connection, exam, taken, at)
        insert_capture(connection, capture, has_patient=has_patient)
        state = after(exam.state, ExamEvent.CAPTURED)
        if state != exam.state:
            exam = replace(exam, state=state)
            change_exam(connection, exam, ExamEvent.CAPTURED, at=at)
        return exam, capture

    def _new_capture(
        self, connection: sa.Connection, exam: Exam, taken: Taken, at: datetime
    ) -> ExamCapture:
        series = derive_uid("series", self._node_id, exam.id, taken.probe)
        return ExamCapture(
            exam_id=exam.id,
            sop_instance_uid=taken.sop_instance_uid,
            series_instance_uid=series,
            probe=taken.probe,
            connection_id=taken.connection_id,
            acquisition_number=taken.acquisition_number,
            series_number=series_number(connection, exam.study_instance_uid, series),
            instance_number=next_instance_number(connection, series),
            kind=CaptureKind.CAPTURE,
            captured_at=at,
        )


def insert_capture(connection: sa.Connection, capture: ExamCapture, *, has_patient: bool) -> None:
    """A row of exam_capture; has_patient: its object says whose it is."""
    connection.execute(
        sa.insert(schema.exam_capture),
        {
            "exam_id": capture.exam_id,
            "sop_instance_uid": capture.sop_instance_uid,
            "series_instance_uid": capture.series_instance_uid,
            "probe": capture.probe,
            "connection_id": capture.connection_id,
            "acquisition_number": capture.acquisition_number,
            "series_number": capture.series_number,
            "instance_number": capture.instance_number,
            "kind": capture.kind.value,
            "captured_at": capture.captured_at,
            "has_patient": has_patient,
            "new_file_id": "",
            "old_file_id": "",
            "replaces": capture.replaces,
            "replaced_by": capture.replaced_by,
            "rejected_by": capture.rejected_by,
        },
    )


def series_number(connection: sa.Connection, study_instance_uid: str, series: str) -> int:
    """Of a series: the one it has, or the next of its study; two exams may share a study."""
    known = connection.scalar(
        sa.select(_capture.series_number).where(_capture.series_instance_uid == series).limit(1)
    )
    if known is not None:
        return int(known)
    highest = connection.scalar(
        sa.select(sa.func.max(_capture.series_number))
        .select_from(schema.exam_capture.join(schema.exam))
        .where(_exam.study_instance_uid == study_instance_uid)
    )
    return int(highest or 0) + 1


def next_instance_number(connection: sa.Connection, series: str) -> int:
    """From 1 on in each series."""
    highest = connection.scalar(
        sa.select(sa.func.max(_capture.instance_number)).where(
            _capture.series_instance_uid == series
        )
    )
    return int(highest or 0) + 1


def _is_stored(connection: sa.Connection, sop_instance_uid: str) -> bool:
    stored = sa.select(schema.instance.c.id).where(
        schema.instance.c.sop_instance_uid == sop_instance_uid
    )
    return connection.scalar(stored) is not None
