"""Exams: every change of state is one row of model.exam_state.TRANSITIONS, durable on return.

Rules
- One transaction holds the exam's row and the line of its history.
- A capture is written down before its object is built: its numbers are the same after a kill, and
  a file that is found without its row has its exam.
- One open exam for each probe: opening a second is refused (OperatorRefused). What no person opened
  at that probe ends in the same transaction: what follows a person's exam is not of the one before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from echonode.errors import OperatorRefused
from echonode.model.exam import Exam, ExamCapture, ExamEventRecord
from echonode.model.exam_state import ExamEvent, Progress, after, opened
from echonode.model.identity import derive_uid, is_valid_uid
from echonode.model.patient import Patient
from echonode.model.worklist_item import WorklistItem
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.exams.exam_rows import (
    EXAMS,
    capture_of,
    change_exam,
    end_unattended,
    exam_in,
    exam_of,
    find_exam,
    insert_exam,
    new_exam_id,
    state_of,
)

_exam, _event, _capture = schema.exam.c, schema.exam_event.c, schema.exam_capture.c


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
        on_request: bool = False,
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
                on_request=on_request,
            )
            end_unattended(connection, probe, at=at)
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
                end_unattended(connection, before.probe, at=at)
                changed = replace(changed, ended_at=None)
            change_exam(connection, changed, event, at=at, detail=detail)
            return changed

        return self._writer.run(work)

    def exam(self, exam_id: str) -> Exam | None:
        """One exam; None where it is unknown."""
        found = self._read(EXAMS.where(_exam.id == exam_id))
        return found[0] if found else None

    def exams(self, *, limit: int = 200, only_open: bool = False) -> list[Exam]:
        """The newest first."""
        statement = EXAMS.order_by(_exam.opened_at.desc(), _exam.id.desc()).limit(limit)
        if only_open:
            statement = statement.where(_exam.progress != Progress.ENDED.value)
        return self._read(statement)

    def open_of_probe(self, probe: str) -> Exam | None:
        """The exam that a person opened at a probe, while it is open."""
        found = self._read(
            EXAMS.where(
                _exam.probe == probe,
                _exam.progress != Progress.ENDED.value,
                _exam.connection_id == "",
            )
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
                    state=state_of(row),
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
            return [exam_of(row) for row in connection.execute(statement)]
