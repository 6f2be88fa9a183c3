"""Rejection notes that archives have, and what they reject there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from echonode.model.delivery import DeliveryState
from echonode.model.exam import CaptureKind
from echonode.model.exam_state import ExamEvent, after
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.exams.exam_rows import change_exam, exam_in

_capture, _delivery, _instance = (
    schema.exam_capture.c,
    schema.delivery.c,
    schema.instance.c,
)
_ARRIVED = [
    each.value
    for each in (
        DeliveryState.SENT,
        DeliveryState.COMMIT_REQUESTED,
        DeliveryState.COMMITTED,
        DeliveryState.VERIFIED,
    )
]
_SENT = sa.join(
    schema.exam_capture,
    sa.join(schema.instance, schema.delivery, _delivery.instance_id == _instance.id),
    _instance.sop_instance_uid == _capture.sop_instance_uid,
)


@dataclass(frozen=True, kw_only=True)
class SentNote:
    """A rejection note that a destination has. sent_at: when it answered."""

    exam_id: str
    sop_instance_uid: str
    destination: str
    sent_at: datetime


class Rejections:
    """Thread-safe. Each raises StoreError."""

    def __init__(self, writer: Writer, readers: sa.Engine) -> None:
        self._writer, self._readers = writer, readers

    def sent_notes(self, *, since: datetime) -> list[SentNote]:
        """Each note at each destination that got it since then and has not lost it."""
        statement = (
            sa.select(
                _capture.exam_id,
                _capture.sop_instance_uid,
                _delivery.destination,
                _delivery.sent_at,
            )
            .select_from(_SENT)
            .where(
                _capture.kind == CaptureKind.REJECTION_NOTE.value,
                _delivery.state.in_(_ARRIVED),
                _delivery.sent_at >= since,
            )
            .order_by(_delivery.id)
        )
        with reading(self._readers) as connection:
            return [
                SentNote(
                    exam_id=row.exam_id,
                    sop_instance_uid=row.sop_instance_uid,
                    destination=row.destination,
                    sent_at=row.sent_at,
                )
                for row in connection.execute(statement)
            ]

    def rejected_there(self, note: SentNote) -> list[str]:
        """SOP Instance UIDs that the note rejects and that its destination got."""
        statement = (
            sa.select(_capture.sop_instance_uid)
            .select_from(_SENT)
            .where(
                _capture.rejected_by == note.sop_instance_uid,
                _delivery.destination == note.destination,
                _delivery.state.in_(_ARRIVED),
            )
            .order_by(_capture.id)
        )
        with reading(self._readers) as connection:
            return [str(uid) for uid in connection.execute(statement).scalars()]

    def ignored(self, note: SentNote, *, at: datetime) -> None:
        """Write down that the destination still shows what the note rejects."""

        def work(connection: sa.Connection) -> None:
            exam = exam_in(connection, note.exam_id)
            changed = replace(exam, state=after(exam.state, ExamEvent.REJECTION_IGNORED))
            detail = {"note": note.sop_instance_uid, "destination": note.destination}
            change_exam(connection, changed, ExamEvent.REJECTION_IGNORED, at=at, detail=detail)

        self._writer.run(work)
