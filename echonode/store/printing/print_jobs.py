"""Print jobs, durable, in the order in which they were asked for.

Rules
- Each change is one transaction and follows the transition table (model/print_job.py).
- A printer has one job at a time: `begin` takes the oldest that is due, and an older one that waits
  keeps its place: films come out in the order in which they were asked for.
- One worker prints on a printer: that of the node that leads, of several. What it finds in print
  when it takes a job was interrupted: by a stop, or with the node that led before.
- The number of attempts guards the job: what a worker reports of an attempt counts only while no
  other one has begun. A node that was stopped and goes on changes nothing of the job.
- Jobs that are over are kept for KEPT_DAYS, and then removed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from echonode.errors import IllegalTransition, OperatorRefused, UsageError
from echonode.model.print_job import NewPrintJob, PrintEvent, PrintJob, PrintState, after
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.rows import parse_enum

# Of one printer. A clinic prints some tens a day; a printer that is off for a week has fewer.
MOST_WAITING = 1_000
KEPT_DAYS = 30
MOST_LISTED = 200
_of = schema.print_job.c
_OVER = (PrintState.PRINTED.value, PrintState.CANCELLED.value)


class PrintTakenOver(Exception):
    """Another attempt at a job has begun, or a person ended it: this one reports in vain.

    Raised to the worker alone, which goes on with the next job.
    """


class PrintJobs:
    """Thread-safe; a change is durable on return. Each raises StoreError."""

    def __init__(self, writer: Writer, readers: sa.Engine) -> None:
        self._writer = writer
        self._readers = readers

    def add(self, new: NewPrintJob) -> PrintJob:
        """Queue it. Raises OperatorRefused where too many wait for that printer."""

        def work(connection: sa.Connection) -> PrintJob:
            waiting = connection.scalar(
                sa.select(sa.func.count())
                .select_from(schema.print_job)
                .where(_of.printer == new.printer, _of.state.not_in(_OVER))
            )
            if int(waiting or 0) >= MOST_WAITING:
                raise OperatorRefused(
                    f"{MOST_WAITING} print jobs wait for {new.printer}: cancel some of them"
                )
            connection.execute(
                sa.delete(schema.print_job).where(
                    _of.state.in_(_OVER), _of.ended_at < new.made_at - timedelta(days=KEPT_DAYS)
                )
            )
            added = connection.execute(
                sa.insert(schema.print_job),
                {
                    "printer": new.printer,
                    "study_instance_uid": new.study_instance_uid,
                    "pictures": json.dumps([list(each) for each in new.pictures]),
                    "layout": new.layout,
                    "copies": new.copies,
                    "films": new.films,
                    "films_done": 0,
                    "state": PrintState.WAITING.value,
                    "attempts": 0,
                    "next_attempt_at": new.made_at,
                    "last_error": "",
                    "made_at": new.made_at,
                    "made_by": new.made_by,
                },
            )
            [key] = added.inserted_primary_key or [0]
            return _one(connection, int(key))

        return self._writer.run(work)

    def begin(self, printer: str, *, now: datetime) -> PrintJob | None:
        """Take the oldest job that waits, where it is due; None where nothing is to be done.

        For the printer's one worker, while it prints nothing: what is in print waits again.
        """

        def work(connection: sa.Connection) -> PrintJob | None:
            _interrupt(connection, printer, now)
            waiting = _listed(
                connection,
                _of.printer == printer,
                _of.state == PrintState.WAITING.value,
                most=1,
                oldest_first=True,
                locked=True,
            )
            if not waiting or (waiting[0].next_attempt_at or now) > now:
                return None
            return _change(
                connection,
                waiting[0],
                PrintEvent.BEGIN,
                next_attempt_at=None,
                attempts=waiting[0].attempts + 1,
            )

        return self._writer.run(work)

    def film_done(self, job: PrintJob) -> None:
        """One more film is printed. Raises PrintTakenOver, as what follows."""

        def work(connection: sa.Connection) -> None:
            _check_attempt(connection, job)
            connection.execute(
                sa.update(schema.print_job)
                .where(_of.id == job.id)
                .values(films_done=_of.films_done + 1)
            )

        self._writer.run(work)

    def finish(self, job: PrintJob, *, now: datetime) -> None:
        """All its films are printed."""
        self._of_attempt(job, PrintEvent.FINISH, ended_at=now, last_error="")

    def postpone(self, job: PrintJob, *, until: datetime, reason: str) -> None:
        """The printer cannot now."""
        self._of_attempt(job, PrintEvent.POSTPONE, next_attempt_at=until, last_error=reason)

    def hold(self, job: PrintJob, *, reason: str) -> None:
        """The printer will not; a person must act."""
        self._of_attempt(job, PrintEvent.HOLD, last_error=reason)

    def retry(self, job_id: int, *, now: datetime) -> PrintJob:
        """Now, or again. Raises UsageError for no such job, OperatorRefused where it is over."""
        return self._asked(job_id, PrintEvent.RETRY, next_attempt_at=now, last_error="")

    def cancel(self, job_id: int, *, now: datetime) -> PrintJob:
        """Not any more. Raises as `retry`."""
        return self._asked(job_id, PrintEvent.CANCEL, next_attempt_at=None, ended_at=now)

    def jobs(self) -> list[PrintJob]:
        """The newest MOST_LISTED, newest first."""
        with reading(self._readers) as connection:
            return _listed(connection, most=MOST_LISTED)

    def _event(self, job_id: int, event: PrintEvent, **values: object) -> PrintJob:
        return self._writer.run(
            lambda connection: _change(connection, _one(connection, job_id), event, **values)
        )

    def _of_attempt(self, job: PrintJob, event: PrintEvent, **values: object) -> None:
        def work(connection: sa.Connection) -> None:
            _check_attempt(connection, job)
            _change(connection, _one(connection, job.id), event, **values)

        self._writer.run(work)

    def _asked(self, job_id: int, event: PrintEvent, **values: object) -> PrintJob:
        try:
            return self._event(job_id, event, **values)
        except IllegalTransition as error:
            raise OperatorRefused(str(error)) from None


def _interrupt(connection: sa.Connection, printer: str, now: datetime) -> None:
    """What is in print waits again, from the film that was under way."""
    for job in _listed(connection, _of.printer == printer, _of.state == PrintState.PRINTING.value):
        _change(
            connection,
            job,
            PrintEvent.INTERRUPTED,
            next_attempt_at=now,
            last_error="the node ended while it was printed",
        )


def _check_attempt(connection: sa.Connection, job: PrintJob) -> None:
    """Raises PrintTakenOver where the job is in print no more, or in another attempt."""
    attempts = connection.scalar(
        sa.select(_of.attempts)
        .where(_of.id == job.id, _of.state == PrintState.PRINTING.value)
        .with_for_update()
    )
    if attempts != job.attempts:
        raise PrintTakenOver(f"the print job {job.id} is not this node's any more")


def _change(
    connection: sa.Connection, job: PrintJob, event: PrintEvent, **values: object
) -> PrintJob:
    state = after(job.state, event)
    connection.execute(
        sa.update(schema.print_job).where(_of.id == job.id).values(state=state.value, **values)
    )
    return _one(connection, job.id)


def _one(connection: sa.Connection, job_id: int) -> PrintJob:
    """Raises UsageError where there is none."""
    found = _listed(connection, _of.id == job_id)
    if not found:
        raise UsageError(f"there is no print job {job_id}")
    return found[0]


def _listed(
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
    return [_job(row) for row in connection.execute(statement)]


def _job(row: sa.Row[*tuple[Any, ...]]) -> PrintJob:
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
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        last_error=row.last_error,
        ended_at=row.ended_at,
    )
