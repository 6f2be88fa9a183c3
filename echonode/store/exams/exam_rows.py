"""The rows of exams: read as values, and written with the line of their history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import sqlalchemy as sa

from echonode.errors import UsageError
from echonode.model.exam import CaptureKind, Exam, ExamCapture
from echonode.model.exam_state import ExamEvent, ExamState, Identity, Progress, after
from echonode.model.patient import Patient
from echonode.model.worklist_item import WorklistItem
from echonode.store.database import schema
from echonode.store.database.counters import next_value
from echonode.store.database.rows import parse_enum
from echonode.store.exams.json_values import from_json, to_json

COUNTER = "unidentified"  # one row of numbers, also for what is captured without an exam
_exam, _capture = schema.exam.c, schema.exam_capture.c
_COUNTED = (
    sa.select(sa.func.count())
    .where(
        _capture.exam_id == _exam.id,
        _capture.kind.in_([CaptureKind.CAPTURE.value, CaptureKind.CORRECTED.value]),
        _capture.rejected_by == "",
    )
    .scalar_subquery()
)
EXAMS = sa.select(schema.exam, _COUNTED.label("captures"))


def exam_in(connection: sa.Connection, exam_id: str) -> Exam:
    """An exam, in the caller's transaction. Raises UsageError where it is unknown."""
    exam = find_exam(connection, _exam.id == exam_id)
    if exam is None:
        raise UsageError(f"there is no exam {exam_id}")
    return exam


def find_exam(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> Exam | None:
    """The exam that fulfils the conditions, in the caller's transaction; None where none does."""
    row = connection.execute(EXAMS.where(*conditions)).first()
    return None if row is None else exam_of(row)


def new_exam_id(connection: sa.Connection) -> str:
    """Never the same twice on this node; also a Study ID (SH, 16)."""
    return f"E{next_value(connection, COUNTER):08d}"


def insert_exam(
    connection: sa.Connection, exam: Exam, *, at: datetime, detail: Mapping[str, str]
) -> None:
    """A new exam and the first line of its history."""
    connection.execute(sa.insert(schema.exam), _values(exam))
    _write_down(connection, exam, ExamEvent.OPENED, at, detail)


def change_exam(
    connection: sa.Connection,
    exam: Exam,
    event: ExamEvent,
    *,
    at: datetime,
    detail: Mapping[str, str] | None = None,
) -> None:
    """An exam as it is after an event, and the line of its history."""
    connection.execute(sa.update(schema.exam).where(_exam.id == exam.id).values(_values(exam)))
    _write_down(connection, exam, event, at, detail or {})


def capture_of(row: sa.Row[*tuple[Any, ...]]) -> ExamCapture:
    """A row of exam_capture."""
    return ExamCapture(
        exam_id=row.exam_id,
        sop_instance_uid=row.sop_instance_uid,
        series_instance_uid=row.series_instance_uid,
        probe=row.probe,
        connection_id=row.connection_id,
        acquisition_number=row.acquisition_number,
        series_number=row.series_number,
        instance_number=row.instance_number,
        kind=parse_enum(CaptureKind, row.kind),
        captured_at=row.captured_at,
        replaces=row.replaces,
        replaced_by=row.replaced_by,
        rejected_by=row.rejected_by,
    )


def exam_of(row: sa.Row[*tuple[Any, ...]]) -> Exam:
    """A row of EXAMS."""
    zone = timezone(timedelta(minutes=row.utc_offset_minutes))
    return Exam(
        id=row.id,
        study_instance_uid=row.study_instance_uid,
        probe=row.probe,
        state=state_of(row),
        held=row.held,
        opened_at=row.opened_at.astimezone(zone),
        connection_id=row.connection_id,
        ended_at=row.ended_at,
        patient=from_json(Patient, row.patient),
        worklist_item=from_json(WorklistItem, row.worklist_item),
        captures=row.captures,
        on_request=row.on_request,
    )


def state_of(row: sa.Row[*tuple[Any, ...]]) -> ExamState:
    """The state in a row of exam or exam_event."""
    return ExamState(
        progress=parse_enum(Progress, row.progress), identity=parse_enum(Identity, row.identity)
    )


def _values(exam: Exam) -> dict[str, object]:
    offset = exam.opened_at.utcoffset() or timedelta()
    return {
        "id": exam.id,
        "study_instance_uid": exam.study_instance_uid,
        "probe": exam.probe,
        "connection_id": exam.connection_id,
        "progress": exam.state.progress.value,
        "identity": exam.state.identity.value,
        "held": exam.held,
        "opened_at": exam.opened_at,
        "utc_offset_minutes": offset // timedelta(minutes=1),
        "ended_at": exam.ended_at,
        "patient": to_json(exam.patient),
        "patient_id": exam.patient.id if exam.patient else "",
        "worklist_item": to_json(exam.worklist_item),
        "worklist_item_id": exam.worklist_item.id if exam.worklist_item else "",
        "on_request": exam.on_request,
    }


def _write_down(
    connection: sa.Connection, exam: Exam, event: ExamEvent, at: datetime, detail: Mapping[str, str]
) -> None:
    connection.execute(
        sa.insert(schema.exam_event),
        {
            "exam_id": exam.id,
            "at": at,
            "event": event.value,
            "progress": exam.state.progress.value,
            "identity": exam.state.identity.value,
            "detail": json.dumps(dict(detail)) if detail else "",
        },
    )


def end_unattended(connection: sa.Connection, probe: str | None, *, at: datetime) -> None:
    """Exams that no person opened end: of a probe, or of all. In the caller's transaction."""
    statement = sa.select(_exam.id).where(
        _exam.connection_id != "", _exam.progress != Progress.ENDED.value
    )
    if probe is not None:
        statement = statement.where(_exam.probe == probe)
    for exam_id in connection.execute(statement).scalars().all():
        exam = exam_in(connection, exam_id)
        ended = replace(exam, state=after(exam.state, ExamEvent.ENDED), ended_at=at)
        change_exam(connection, ended, ExamEvent.ENDED, at=at, detail={"by": "probe"})
