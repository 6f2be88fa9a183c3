"""Rows of print jobs: read into values, and changed by the transition table.

A transaction is the caller's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from echonode.errors import UsageError
from echonode.model.print_job import NewPrintJob, PrintEvent, PrintJob, PrintState, after
from echonode.store.database import schema
from echonode.store.database.rows import parse_enum

_of = schema.print_job.c


def change(
    connection: sa.Connection, job: PrintJob, event: PrintEvent, **values: object
) -> PrintJob:
    set_values(connection, job.id, state=after(job.state, event).value, **values)
    return one(connection, job.id)


def set_values(connection: sa.Connection, job_id: int, **values: object) -> None:
    connection.execute(sa.update(schema.print_job).where(_of.id == job_id).values(**values))


def one(connection: sa.Connection, job_id: int) -> PrintJob:
    """Raises UsageError where there is none."""
    found = listed(connection, _of.id == job_id)
    if not found:
        raise UsageError(f"there is no print job {job_id}")
    return found[0]


def listed(
    connection: sa.Connection,
    *conditions: sa.ColumnElement[bool],
    most: int | None = None,
    oldest_first: bool = False,
    locked: bool = False,
) -> list[PrintJob]:
    order = _of.id if oldest_first else _of.id.desc()
    statement = sa.select(schema.print_job).where(*conditions).order_by(order).limit(most)
    if locked:
        statement = statement.with_for_update()
    return [job_of_row(row) for row in connection.execute(statement)]


def job_of_row(row: sa.Row[*tuple[Any, ...]]) -> PrintJob:
    pictures: Sequence[Sequence[Any]] = json.loads(row.pictures)
    return PrintJob(
        id=row.id,
        job=NewPrintJob(
            printer=row.printer,
            study_instance_uid=row.study_instance_uid,
            pictures=tuple((str(uid), int(frame)) for uid, frame in pictures),
            layout=row.layout,
            copies=row.copies,
            films=row.films,
            made_at=row.made_at,
            made_by=row.made_by,
        ),
        state=parse_enum(PrintState, row.state),
        films_done=row.films_done,
        films_sent=row.films_sent,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        last_error=row.last_error,
        ended_at=row.ended_at,
    )
