"""The procedure steps that we report: which exams need one, what is due, what was acknowledged.

Rules
- What is to be reported follows from the exams and their captures alone: a kill between a capture
  and its step loses nothing, for the next look finds the exam.
- Only exams that have their patient and a durable capture: nothing is reported of UNIDENTIFIED.
- An attempt is written down before its message goes out. One without a status afterwards may have
  arrived (exam/procedure_step/answers.py).
- A final state, once written, and its attributes never change (model.procedure_step.after).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from echonode.errors import UsageError
from echonode.model.exam import DOCUMENTS, CaptureKind
from echonode.model.exam_state import Identity, Progress
from echonode.model.procedure_step import StepEvent, StepState, after
from echonode.model.worklist_item import Reference
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.dialects import insert_or
from echonode.store.database.rows import parse_enum
from echonode.store.exams.documents import IS_OWED
from echonode.store.exams.procedure_steps import StepRow, step_of

_step, _exam, _capture, _instance = (
    schema.procedure_step.c,
    schema.exam.c,
    schema.exam_capture.c,
    schema.instance.c,
)
_OF_STEP = [kind.value for kind in (CaptureKind.CAPTURE, *DOCUMENTS)]
UNSEEN = "its answer was not seen"


class StepReports:
    """Thread-safe; a change is durable on return. Each raises StoreError."""

    def __init__(self, writer: Writer, readers: sa.Engine) -> None:
        self._writer = writer
        self._readers = readers

    # --- which exams ---

    def unreported(self, peer: str, *, since: datetime) -> list[str]:
        """Exams opened since then that have their patient, a durable capture, and no step yet."""
        durable = (
            sa.exists()
            .where(_capture.exam_id == _exam.id, _capture.kind == CaptureKind.CAPTURE.value)
            .where(_instance.sop_instance_uid == _capture.sop_instance_uid)
        )
        reported = sa.exists().where(_step.exam_id == _exam.id, _step.peer == peer)
        statement = (
            sa.select(_exam.id)
            .where(_exam.opened_at >= since, _exam.identity != Identity.UNIDENTIFIED.value)
            .where(durable, ~reported)
            .order_by(_exam.opened_at, _exam.id)
        )
        with reading(self._readers) as connection:
            return [str(exam_id) for exam_id in connection.execute(statement).scalars()]

    def instances(self, exam_id: str) -> list[tuple[str, Reference]]:
        """(Series Instance UID, instance) of what an exam made: durable, and not rejected.

        Its captures, and reports and presentation states that were made in time.
        """
        statement = (
            sa.select(
                _capture.series_instance_uid, _capture.sop_instance_uid, _instance.sop_class_uid
            )
            .join(schema.instance, _instance.sop_instance_uid == _capture.sop_instance_uid)
            .where(_capture.exam_id == exam_id, _capture.kind.in_(_OF_STEP))
            .where(_capture.rejected_by == "")
            .order_by(_capture.id)
        )
        with reading(self._readers) as connection:
            return [
                (
                    row.series_instance_uid,
                    Reference(
                        sop_class_uid=row.sop_class_uid, sop_instance_uid=row.sop_instance_uid
                    ),
                )
                for row in connection.execute(statement)
            ]

    def unfinished(self, peer: str, *, ended_before: datetime) -> list[StepRow]:
        """Steps in progress whose exam ended before that moment, and that owes no document."""
        owes = sa.exists().where(_capture.exam_id == _exam.id, IS_OWED)
        statement = (
            sa.select(schema.procedure_step)
            .join(schema.exam, _exam.id == _step.exam_id)
            .where(_step.peer == peer, _step.state == StepState.IN_PROGRESS.value)
            .where(_exam.progress == Progress.ENDED.value, _exam.ended_at <= ended_before, ~owes)
            .order_by(_step.id)
        )
        return self._rows(statement)

    def of_exam(self, exam_id: str) -> list[StepRow]:
        """The steps of one exam, one for each peer that gets it."""
        return self._rows(sa.select(schema.procedure_step).where(_step.exam_id == exam_id))

    # --- what is due ---

    def due(self, peer: str, *, now: datetime) -> list[StepRow]:
        """What is to be sent to this peer now, oldest first."""
        return self._rows(
            sa.select(schema.procedure_step)
            .where(_step.peer == peer, _step.exam_id.is_not(None), _step.next_attempt_at <= now)
            .order_by(_step.id)
        )

    def next_due(self, peer: str) -> datetime | None:
        """When the next one is; None where nothing waits."""
        statement = sa.select(sa.func.min(_step.next_attempt_at, type_=schema.UtcTime)).where(
            _step.peer == peer, _step.exam_id.is_not(None)
        )
        with reading(self._readers) as connection:
            found: datetime | None = connection.scalar(statement)
            return found

    def counts(self, peer: str) -> tuple[int, int]:
        """(waiting, given up): steps that the peer does not know as they are."""
        behind = (
            (_step.peer == peer) & _step.exam_id.is_not(None) & (_step.acknowledged != _step.state)
        )
        statement = sa.select(
            sa.func.count().filter(_step.next_attempt_at.is_not(None)),
            sa.func.count().filter(_step.next_attempt_at.is_(None)),
        ).where(behind)
        with reading(self._readers) as connection:
            waiting, given_up = connection.execute(statement).one()
            return int(waiting), int(given_up)

    # --- changes ---

    def begin(
        self, *, sop_instance_uid: str, exam_id: str, peer: str, attributes: str, now: datetime
    ) -> None:
        """A new step, in progress and due. One that is there already stays as it is."""
        values = {
            "sop_instance_uid": sop_instance_uid,
            "exam_id": exam_id,
            "peer": peer,
            "state": StepState.IN_PROGRESS.value,
            "acknowledged": "",
            "attributes": attributes,
            "created_at": now,
            "changed_at": now,
            "attempts": 0,
            "next_attempt_at": now,
            "last_error": "",
        }
        self._writer.run(
            lambda connection: connection.execute(
                insert_or(connection, schema.procedure_step).on_conflict_do_nothing(), values
            )
        )

    def finish(
        self, sop_instance_uid: str, event: StepEvent, *, attributes: str, now: datetime
    ) -> None:
        """COMPLETED or DISCONTINUED, and due. Raises IllegalTransition, UsageError."""

        def work(connection: sa.Connection) -> None:
            row = _row_in(connection, sop_instance_uid)
            state = after(parse_enum(StepState, row.state), event)
            # A message that is under way is of the state before: this one begins with no attempts.
            _change(
                connection,
                sop_instance_uid,
                state=state.value,
                attributes=attributes,
                changed_at=now,
                next_attempt_at=row.next_attempt_at or now,
            )

        self._writer.run(work)

    def attempt(self, sop_instance_uid: str) -> int:
        """A message is about to go out; how many attempts that makes."""

        def work(connection: sa.Connection) -> int:
            attempts = int(_row_in(connection, sop_instance_uid).attempts) + 1
            _change(
                connection,
                sop_instance_uid,
                attempts=attempts,
                last_status=None,
                last_error=UNSEEN,
            )
            return attempts

        return self._writer.run(work)

    def acknowledge(
        self, sop_instance_uid: str, acknowledged: StepState, *, status: int, now: datetime
    ) -> None:
        """The peer knows it as that; what it is beyond that is due now."""

        def work(connection: sa.Connection) -> None:
            row = _row_in(connection, sop_instance_uid)
            _change(
                connection,
                sop_instance_uid,
                acknowledged=acknowledged.value,
                attempts=0,
                last_status=status,
                last_error="",
                next_attempt_at=None if row.state == acknowledged.value else now,
            )

        self._writer.run(work)

    def postpone(
        self,
        sop_instance_uid: str,
        *,
        error: str,
        next_attempt_at: datetime | None,
        status: int | None = None,
        forget_creation: bool = False,
    ) -> None:
        """Not acknowledged: due again then; None where it is given up.

        status: None where no answer was seen. forget_creation: the peer does not know the step.
        """
        changes: dict[str, object] = {"next_attempt_at": next_attempt_at, "last_error": error}
        if status is not None:
            changes["last_status"] = status
        if forget_creation:
            changes["acknowledged"] = ""
        self._writer.run(lambda connection: _change(connection, sop_instance_uid, **changes))

    def retry(self, sop_instance_uid: str, *, now: datetime) -> None:
        """A person asks again for one that was given up. Raises UsageError."""

        def work(connection: sa.Connection) -> None:
            row = _row_in(connection, sop_instance_uid)
            if row.acknowledged != row.state:
                _change(connection, sop_instance_uid, attempts=0, next_attempt_at=now)

        self._writer.run(work)

    def retry_held(self, peer: str, *, now: datetime) -> None:
        """Steps that were given up are due again: the node starts, the cause may be gone."""
        held = (
            (_step.peer == peer) & _step.exam_id.is_not(None) & (_step.acknowledged != _step.state)
        )
        statement = (
            sa.update(schema.procedure_step)
            .where(held, _step.next_attempt_at.is_(None))
            .values(attempts=0, next_attempt_at=now)
        )
        self._writer.run(lambda connection: connection.execute(statement))

    def _rows(self, statement: sa.Select[*tuple[Any, ...]]) -> list[StepRow]:
        with reading(self._readers) as connection:
            rows: Sequence[sa.Row[*tuple[Any, ...]]] = connection.execute(statement).all()
        return [step_of(row) for row in rows]


def _row_in(connection: sa.Connection, sop_instance_uid: str) -> sa.Row[*tuple[Any, ...]]:
    row = connection.execute(
        sa.select(schema.procedure_step).where(_step.sop_instance_uid == sop_instance_uid)
    ).first()
    if row is None:
        raise UsageError("there is no such procedure step")
    return row


def _change(connection: sa.Connection, sop_instance_uid: str, **values: object) -> None:
    connection.execute(
        sa.update(schema.procedure_step)
        .where(_step.sop_instance_uid == sop_instance_uid)
        .values(**values)
    )
