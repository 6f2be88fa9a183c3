"""Results for a RIS: kept as they are sent, until the receiver has accepted them.

Rules
- A report has one result, under one control ID: a repetition is the same message.
- An attempt is written down before it goes out. What became of it changes the state once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.rows import parse_enum

_result = schema.hl7_result.c


class ResultState(StrEnum):
    """Where a result stands."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REFUSED = "refused"  # given up; sent again when the node starts


@dataclass(frozen=True, kw_only=True)
class ResultRow:
    """One result. message: as it is sent. answer: MSA-1; '' while there was none."""

    document_id: str
    control_id: str
    message: bytes
    state: ResultState
    attempts: int
    answer: str
    last_error: str


class Hl7Results:
    """Thread-safe; a change is durable on return. Each raises StoreError."""

    def __init__(self, writer: Writer, readers: sa.Engine) -> None:
        self._writer, self._readers = writer, readers

    def add(self, document_id: str, *, control_id: str, message: bytes, at: datetime) -> None:
        """A new result, due at once. One that is there already stays as it is."""

        def work(connection: sa.Connection) -> None:
            known = sa.select(_result.id).where(_result.exam_document_id == document_id)
            if connection.scalar(known) is None:
                connection.execute(
                    sa.insert(schema.hl7_result),
                    {
                        "exam_document_id": document_id,
                        "control_id": control_id,
                        "message": message,
                        "state": ResultState.WAITING.value,
                        "made_at": at,
                        "attempts": 0,
                        "next_attempt_at": at,
                        "answer": "",
                        "last_error": "",
                    },
                )

        self._writer.run(work)

    def has(self, document_id: str) -> bool:
        """Whether a report's result is kept already."""
        return self.of(document_id) is not None

    def of(self, document_id: str) -> ResultRow | None:
        """The result of a report; None where it has none."""
        found = self._read(_result.exam_document_id == document_id)
        return found[0] if found else None

    def due(self, *, now: datetime) -> list[ResultRow]:
        """What is to be sent now, oldest first."""
        return self._read(_result.next_attempt_at <= now)

    def counts(self) -> tuple[int, int]:
        """(waiting, refused)."""
        statement = sa.select(
            sa.func.count().filter(_result.state == ResultState.WAITING.value),
            sa.func.count().filter(_result.state == ResultState.REFUSED.value),
        ).select_from(schema.hl7_result)
        with reading(self._readers) as connection:
            waiting, refused = connection.execute(statement).one()
            return int(waiting), int(refused)

    def attempt(self, control_id: str) -> None:
        """It is about to go out."""
        self._change(control_id, attempts=_result.attempts + 1)

    def accepted(self, control_id: str, *, answer: str) -> None:
        """The receiver has it."""
        self._change(
            control_id,
            state=ResultState.ACCEPTED.value,
            next_attempt_at=None,
            answer=answer,
            last_error="",
        )

    def postpone(self, control_id: str, *, error: str, answer: str, at: datetime) -> None:
        """Another attempt is due then."""
        self._change(control_id, next_attempt_at=at, last_error=error, answer=answer)

    def refused(self, control_id: str, *, error: str, answer: str) -> None:
        """It is given up until the node starts again."""
        self._change(
            control_id,
            state=ResultState.REFUSED.value,
            next_attempt_at=None,
            last_error=error,
            answer=answer,
        )

    def retry_refused(self, *, now: datetime) -> None:
        """What was given up is due again: an operator may have acted."""
        self._writer.execute(
            sa.update(schema.hl7_result)
            .where(_result.state == ResultState.REFUSED.value)
            .values(state=ResultState.WAITING.value, next_attempt_at=now, attempts=0)
        )

    def _change(self, control_id: str, **values: object) -> None:
        self._writer.execute(
            sa.update(schema.hl7_result).where(_result.control_id == control_id).values(**values)
        )

    def _read(self, condition: sa.ColumnElement[bool]) -> list[ResultRow]:
        statement = sa.select(schema.hl7_result).where(condition).order_by(_result.id)
        with reading(self._readers) as connection:
            return [
                ResultRow(
                    document_id=row.exam_document_id,
                    control_id=row.control_id,
                    message=row.message,
                    state=parse_enum(ResultState, row.state),
                    attempts=row.attempts,
                    answer=row.answer,
                    last_error=row.last_error,
                )
                for row in connection.execute(statement)
            ]
