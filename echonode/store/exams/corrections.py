"""Corrections of exams: what is rejected, what is instead of it, and what is still to be made.

The order that makes it whole:
1. One transaction: the exam's event, a row for the rejection note and for each corrected instance,
   and in the rejected ones' rows what rejected and replaced them. From here on nothing of what is
   rejected is sent that was not sent yet (database/exam_holds.py).
2. Each object is built and stored like any other instance, under the UID that its row has.

A node that is killed between the two finds the rows that are not marked as made, and makes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from echonode.errors import OperatorRefused
from echonode.model.correction import CONSEQUENCES, WITHDRAWN_HERE, Reason
from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.model.exam import CaptureKind, Exam, ExamCapture
from echonode.model.exam_state import ExamEvent, after
from echonode.model.identity import derive_uid, is_valid_uid
from echonode.model.patient import Patient
from echonode.model.worklist_item import WorklistItem
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.exam_holds import REJECTED
from echonode.store.deliveries.attempts import apply_attempt
from echonode.store.exams.captures import insert_capture, next_instance_number, series_number
from echonode.store.exams.documents import speaking_of
from echonode.store.exams.exam_rows import capture_of, change_exam, exam_in
from echonode.store.values import Attempt

_capture, _delivery, _instance, _event = (
    schema.exam_capture.c,
    schema.delivery.c,
    schema.instance.c,
    schema.exam_event.c,
)
_IMAGES = (CaptureKind.CAPTURE.value, CaptureKind.CORRECTED.value)
_OF_CORRECTIONS = (CaptureKind.CORRECTED.value, CaptureKind.REJECTION_NOTE.value)
_MADE = sa.exists().where(_instance.sop_instance_uid == _capture.sop_instance_uid)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a person wants corrected.

    instances: SOP Instance UIDs; None is every one of the exam that is not rejected yet. patient,
    worklist_item: whose it is, of WRONG_PATIENT. laterality: of WRONG_SIDE, R or L.
    """

    reason: Reason
    instances: frozenset[str] | None = None
    patient: Patient | None = None
    worklist_item: WorklistItem | None = None
    laterality: str = ""


@dataclass(frozen=True, kw_only=True)
class Unmade:
    """An object that a correction owes. detail: of the correction (reason, title, laterality)."""

    capture: ExamCapture
    detail: Mapping[str, str]


class Corrections:
    """Thread-safe; durable on return. Each raises StoreError."""

    def __init__(self, writer: Writer, readers: sa.Engine, node_id: str) -> None:
        self._writer, self._readers, self._node_id = writer, readers, node_id

    def begin(self, exam_id: str, wanted: Wanted, *, at: datetime) -> Exam:
        """Write down a correction; the exam after it.

        Raises UsageError, IllegalTransition; OperatorRefused where nothing is to be rejected, or
        its files are not here any more.
        """
        return self._writer.run(lambda connection: self._begin(connection, exam_id, wanted, at))

    def withdraw(self, exam_id: str, wanted: Wanted, *, at: datetime) -> Exam:
        """Images that never left the node are not to be used; the exam after it.

        Raises UsageError, IllegalTransition; OperatorRefused where there is nothing to withdraw.
        """

        def work(connection: sa.Connection) -> Exam:
            exam = exam_in(connection, exam_id)
            changed = replace(exam, state=after(exam.state, ExamEvent.WITHDRAWN))
            chosen = _chosen(connection, exam_id, wanted)
            detail = {"reason": wanted.reason.value, "instances": str(len(chosen))}
            change_exam(connection, changed, ExamEvent.WITHDRAWN, at=at, detail=detail)
            for each in chosen:
                connection.execute(
                    sa.update(schema.exam_capture)
                    .where(_capture.sop_instance_uid == each.sop_instance_uid)
                    .values(rejected_by=WITHDRAWN_HERE)
                )
                _reject_held(connection, each.sop_instance_uid)
            return exam_in(connection, exam_id)

        return self._writer.run(work)

    def unmade(self) -> list[Unmade]:
        """What corrections owe: each note, then what replaces what it rejects."""
        owed = (
            sa.select(schema.exam_capture)
            .where(_capture.kind.in_(_OF_CORRECTIONS), sa.not_(_capture.has_patient))
            .order_by(_capture.id)
        )
        with reading(self._readers) as connection:
            captures = [capture_of(row) for row in connection.execute(owed)]
            details = {each.exam_id: _details(connection, each.exam_id) for each in captures}
        found = []
        for capture in captures:
            detail = next(
                (
                    each
                    for each in details[capture.exam_id]
                    if capture.connection_id == each.get("note")
                ),
                None,
            )
            if detail is not None:
                found.append(Unmade(capture=capture, detail=detail))
        return found

    def made(self, sop_instance_uid: str) -> None:
        """It is stored."""
        self._writer.execute(
            sa.update(schema.exam_capture)
            .where(_capture.sop_instance_uid == sop_instance_uid)
            .values(has_patient=True)
        )

    def rejected_by(self, note_uid: str) -> list[ExamCapture]:
        """What a note rejects."""
        statement = (
            sa.select(schema.exam_capture)
            .where(_capture.rejected_by == note_uid)
            .order_by(_capture.id)
        )
        with reading(self._readers) as connection:
            return [capture_of(row) for row in connection.execute(statement)]

    def _begin(self, connection: sa.Connection, exam_id: str, wanted: Wanted, at: datetime) -> Exam:
        exam = exam_in(connection, exam_id)
        corrected = replace(exam, state=after(exam.state, ExamEvent.CORRECTED))
        rejected = _chosen(connection, exam_id, wanted)
        number = len(_details(connection, exam_id)) + 1
        note_uid = derive_uid("rejection note", self._node_id, exam_id, str(number))
        consequence = CONSEQUENCES[wanted.reason]
        self._insert_note(connection, exam, note_uid, at)
        if consequence.new_study:
            study = wanted.worklist_item.study_instance_uid if wanted.worklist_item else ""
            if study == exam.study_instance_uid or not is_valid_uid(study):
                study = derive_uid("study", self._node_id, exam_id, note_uid)
            corrected = replace(
                corrected,
                study_instance_uid=study,
                patient=wanted.patient,
                worklist_item=wanted.worklist_item,
            )
        elif exam.patient is None:  # it went out under a generated patient, who stays
            corrected = replace(corrected, patient=wanted.patient)
        detail = {
            "reason": wanted.reason.value,
            "title": consequence.title.value,
            "note": note_uid,
            "laterality": wanted.laterality,
            "study": exam.study_instance_uid,
        }
        change_exam(connection, corrected, ExamEvent.CORRECTED, at=at, detail=detail)
        for each in rejected:
            new_uid = ""
            if consequence.replaces:
                new_uid = self._insert_corrected(connection, corrected, each, note_uid, at)
            connection.execute(
                sa.update(schema.exam_capture)
                .where(_capture.sop_instance_uid == each.sop_instance_uid)
                .values(rejected_by=note_uid, replaced_by=new_uid)
            )
            _hold_unsent(connection, each.sop_instance_uid, now=at)
        _reject_documents(connection, exam_id, rejected, note_uid, at)
        return corrected

    def _insert_note(
        self, connection: sa.Connection, exam: Exam, note_uid: str, at: datetime
    ) -> None:
        series = derive_uid("series", self._node_id, note_uid)
        note = ExamCapture(
            exam_id=exam.id,
            sop_instance_uid=note_uid,
            series_instance_uid=series,
            probe=exam.probe,
            connection_id=note_uid,
            acquisition_number=0,
            series_number=series_number(connection, exam.study_instance_uid, series),
            instance_number=1,
            kind=CaptureKind.REJECTION_NOTE,
            captured_at=at,
        )
        insert_capture(connection, note, has_patient=False)

    def _insert_corrected(
        self,
        connection: sa.Connection,
        exam: Exam,
        rejected: ExamCapture,
        note_uid: str,
        at: datetime,
    ) -> str:
        series = derive_uid("series", self._node_id, exam.id, exam.probe, note_uid)
        corrected = replace(
            rejected,
            sop_instance_uid=derive_uid("corrected", rejected.sop_instance_uid, note_uid),
            series_instance_uid=series,
            connection_id=note_uid,
            series_number=series_number(connection, exam.study_instance_uid, series),
            instance_number=next_instance_number(connection, series),
            kind=CaptureKind.CORRECTED,
            captured_at=at,
            replaces=rejected.sop_instance_uid,
            replaced_by="",
            rejected_by="",
        )
        insert_capture(connection, corrected, has_patient=False)
        return corrected.sop_instance_uid


def _chosen(connection: sa.Connection, exam_id: str, wanted: Wanted) -> Sequence[ExamCapture]:
    """What is to be rejected: stored here, and not rejected before. Raises OperatorRefused."""
    rows = connection.execute(
        sa.select(schema.exam_capture, _MADE.label("is_here"))
        .where(
            _capture.exam_id == exam_id,
            _capture.kind.in_(_IMAGES),
            _capture.rejected_by == "",
            sa.or_(_MADE, _was_deleted()),
        )
        .order_by(_capture.id)
    ).all()
    chosen = [
        row for row in rows if wanted.instances is None or row.sop_instance_uid in wanted.instances
    ]
    if wanted.instances is not None and len(chosen) < len(wanted.instances):
        raise OperatorRefused(f"not all of these are instances of {exam_id} that can be rejected")
    if not chosen:
        raise OperatorRefused(f"{exam_id} has no instance that could be rejected")
    if gone := sum(not row.is_here for row in chosen):
        raise OperatorRefused(
            f"{gone} of its {len(chosen)} instances were deleted here after the archive committed: "
            "correct them at the archive"
        )
    return [capture_of(row) for row in chosen]


def _reject_documents(
    connection: sa.Connection,
    exam_id: str,
    rejected: Sequence[ExamCapture],
    note_uid: str,
    at: datetime,
) -> None:
    """What speaks of a rejected image is rejected with it; a person makes the report again.

    One whose objects are not stored is not made any more.
    """
    for row in speaking_of(connection, exam_id, [each.sop_instance_uid for each in rejected]):
        connection.execute(
            sa.update(schema.exam_capture)
            .where(_capture.sop_instance_uid == row.sop_instance_uid)
            .values(rejected_by=note_uid if row.has_patient else WITHDRAWN_HERE)
        )
        _hold_unsent(connection, row.sop_instance_uid, now=at)


def _was_deleted() -> sa.ColumnElement[bool]:
    return sa.exists().where(schema.tombstone.c.sop_instance_uid == _capture.sop_instance_uid)


def _details(connection: sa.Connection, exam_id: str) -> list[Mapping[str, str]]:
    """Of the corrections of an exam, in order."""
    found = connection.execute(
        sa.select(_event.detail)
        .where(_event.exam_id == exam_id, _event.event == ExamEvent.CORRECTED.value)
        .order_by(_event.id)
    ).scalars()
    return [json.loads(text) for text in found]


def _reject_held(connection: sa.Connection, sop_instance_uid: str) -> None:
    """Its deliveries wait for a patient: they are held for good."""
    instance = sa.select(_instance.id).where(_instance.sop_instance_uid == sop_instance_uid)
    connection.execute(
        sa.update(schema.delivery)
        .where(_delivery.instance_id.in_(instance), _delivery.state == DeliveryState.HELD.value)
        .values(last_error=REJECTED)
    )


def _hold_unsent(connection: sa.Connection, sop_instance_uid: str, *, now: datetime) -> None:
    """What was rejected before it was sent is not sent any more."""
    queued = connection.execute(
        sa.select(_delivery.id)
        .select_from(schema.delivery.join(schema.instance))
        .where(
            _instance.sop_instance_uid == sop_instance_uid,
            _delivery.state == DeliveryState.QUEUED.value,
        )
    ).scalars()
    for delivery_id in queued.all():
        hold = Attempt(job_id=delivery_id, event=DeliveryEvent.HOLD, error=REJECTED)
        apply_attempt(connection, hold, now=now)
