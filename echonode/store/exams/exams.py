"""Exams: every change of state is one row of model.exam_state.TRANSITIONS, durable on return.

Rules
- One transaction holds the exam's row and the line of its history.
- A capture is written down before its object is built: its numbers are the same after a kill, and
  a file that is found without its row has its exam.
- One open exam for each probe: opening a second is refused (OperatorRefused).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import sqlalchemy as sa

from echonode.errors import OperatorRefused, UsageError
from echonode.model.exam import CaptureKind, Exam, ExamCapture, ExamEventRecord
from echonode.model.exam_state import ExamEvent, ExamState, Identity, Progress, after, opened
from echonode.model.identity import derive_uid, is_valid_uid
from echonode.model.patient import Patient
from echonode.model.worklist_item import WorklistItem
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.counters import next_value
from echonode.store.database.rows import parse_enum
from echonode.store.exams.json_values import from_json, to_json

COUNTER = "unidentified"  # one row of numbers, also for what is captured without an exam
_exam, _event, _capture = schema.exam.c, schema.exam_event.c, schema.exam_capture.c
_COUNTED = (
    sa.select(sa.func.count())
    .where(
        _capture.exam_id == _exam.id,
        _capture.kind != CaptureKind.REJECTION_NOTE.value,
        _capture.rejected_by == "",
    )
    .scalar_subquery()
)
_EXAMS = sa.select(schema.exam, _COUNTED.label("captures"))


class Exams:
    """Thread-safe. Each raises StoreError; what names an unknown exam raises UsageError."""

    def __init__(self, writer: Writer, readers: sa.Engine, node_id: str) -> None:
        self._writer = writer
        self._readers = readers
        self._node_id = node_id

    def open(
        self,
        probe: str,
        *,
        at: datetime,
        held: bool,
        patient: Patient | None = None,
        worklist_item: WorklistItem | None = None,
    ) -> Exam:
        """A new exam of a probe. Raises OperatorRefused where the probe has an open one.

        at: aware, with the offset that the study's dates are written in.
        """

        def work(connection: sa.Connection) -> Exam:
            busy = find_exam(
                connection,
                _exam.probe == probe,
                _exam.progress != Progress.ENDED.value,
                _exam.connection_id == "",
            )
            if busy is not None:
                raise OperatorRefused(
                    f"the probe {probe} has the open exam {busy.id}: end it first"
                )
            exam_id = new_exam_id(connection)
            made = Exam(
                id=exam_id,
                study_instance_uid=self._study_uid(exam_id, worklist_item),
                probe=probe,
                state=opened(identified=patient is not None),
                held=held,
                opened_at=at,
                patient=patient,
                worklist_item=worklist_item,
            )
            insert_exam(connection, made, at=at, detail={"by": "person"})
            return made

        return self._writer.run(work)

    def apply(
        self,
        exam_id: str,
        event: ExamEvent,
        *,
        at: datetime,
        detail: Mapping[str, str] | None = None,
        patient: Patient | None = None,
        worklist_item: WorklistItem | None = None,
    ) -> Exam:
        """One event of an exam. Raises IllegalTransition; nothing is changed then.

        patient, worklist_item: of IDENTIFIED and CORRECTED. An exam that takes an item's Study
        Instance UID has that of the item from here on.
        """

        def work(connection: sa.Connection) -> Exam:
            before = exam_in(connection, exam_id)
            changed = replace(before, state=after(before.state, event))
            if patient is not None:
                changed = replace(
                    changed,
                    patient=patient,
                    worklist_item=worklist_item,
                    study_instance_uid=self._study_uid(exam_id, worklist_item),
                )
            if event is ExamEvent.ENDED:
                changed = replace(changed, ended_at=at)
            if event is ExamEvent.REOPENED:
                changed = replace(changed, ended_at=None)
            change_exam(connection, changed, event, at=at, detail=detail)
            return changed

        return self._writer.run(work)

    def exam(self, exam_id: str) -> Exam | None:
        """One exam; None where it is unknown."""
        found = self._read(_EXAMS.where(_exam.id == exam_id))
        return found[0] if found else None

    def exams(self, *, limit: int = 200, only_open: bool = False) -> list[Exam]:
        """The newest first."""
        statement = _EXAMS.order_by(_exam.opened_at.desc(), _exam.id.desc()).limit(limit)
        if only_open:
            statement = statement.where(_exam.progress != Progress.ENDED.value)
        return self._read(statement)

    def open_of_probe(self, probe: str) -> Exam | None:
        """The exam that a person opened at a probe, while it is open."""
        found = self._read(
            _EXAMS.where(_exam.probe == probe, _exam.progress != Progress.ENDED.value)
        )
        return found[0] if found else None

    def events(self, exam_id: str) -> list[ExamEventRecord]:
        """An exam's history, oldest first."""
        statement = (
            sa.select(schema.exam_event).where(_event.exam_id == exam_id).order_by(_event.id)
        )
        with reading(self._readers) as connection:
            return [
                ExamEventRecord(
                    at=row.at,
                    event=row.event,
                    state=_state(row),
                    detail=row.detail,
                )
                for row in connection.execute(statement)
            ]

    def captures(self, exam_id: str) -> list[ExamCapture]:
        """The instances of an exam, in the order they were taken; those not yet stored as well."""
        statement = (
            sa.select(schema.exam_capture).where(_capture.exam_id == exam_id).order_by(_capture.id)
        )
        with reading(self._readers) as connection:
            return [capture_of(row) for row in connection.execute(statement)]

    def _study_uid(self, exam_id: str, item: WorklistItem | None) -> str:
        if item is not None and is_valid_uid(item.study_instance_uid):
            return item.study_instance_uid
        return derive_uid("study", self._node_id, exam_id)

    def _read(self, statement: sa.Select[*tuple[Any, ...]]) -> list[Exam]:
        with reading(self._readers) as connection:
            return [_exam_of(row) for row in connection.execute(statement)]


def exam_in(connection: sa.Connection, exam_id: str) -> Exam:
    """An exam, in the caller's transaction. Raises UsageError where it is unknown."""
    exam = find_exam(connection, _exam.id == exam_id)
    if exam is None:
        raise UsageError(f"there is no exam {exam_id}")
    return exam


def find_exam(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> Exam | None:
    """The exam that fulfils the conditions, in the caller's transaction; None where none does."""
    row = connection.execute(_EXAMS.where(*conditions)).first()
    return None if row is None else _exam_of(row)


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


def _exam_of(row: sa.Row[*tuple[Any, ...]]) -> Exam:
    zone = timezone(timedelta(minutes=row.utc_offset_minutes))
    return Exam(
        id=row.id,
        study_instance_uid=row.study_instance_uid,
        probe=row.probe,
        state=_state(row),
        held=row.held,
        opened_at=row.opened_at.astimezone(zone),
        connection_id=row.connection_id,
        ended_at=row.ended_at,
        patient=from_json(Patient, row.patient),
        worklist_item=from_json(WorklistItem, row.worklist_item),
        captures=row.captures,
    )


def _state(row: sa.Row[*tuple[Any, ...]]) -> ExamState:
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
