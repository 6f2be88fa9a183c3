"""Print jobs, durable, in the order in which they were asked for.

Rules
- Each change is one transaction and follows the transition table (model/print_job.py).
- A printer has one job at a time: `begin` takes the oldest that is due, and an older one that waits
  keeps its place: films come out in the order in which they were asked for.
- One worker prints on a printer: that of the node that leads, of several. What it finds in print
  before it takes a job was interrupted: by a stop, or with the node that led before. A film that
  was given to the printer then is in doubt (model/print_job.py), and the others go on.
- The number of attempts guards the job: what a worker reports of an attempt counts only while no
  other one has begun. A node that was stopped and goes on changes nothing of the job, but for the
  film that it gave to the printer: its answer ends the doubt, unless a person did before.
- Jobs that are over are kept for KEPT_DAYS, and then removed.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import sqlalchemy as sa

from echonode.errors import IllegalTransition, OperatorRefused
from echonode.model.print_job import NewPrintJob, PrintEvent, PrintJob, PrintState
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.printing.print_rows import change, listed, one, set_values

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
                    "films_sent": 0,
                    "state": PrintState.WAITING.value,
                    "attempts": 0,
                    "next_attempt_at": new.made_at,
                    "last_error": "",
                    "made_at": new.made_at,
                    "made_by": new.made_by,
                },
            )
            [key] = added.inserted_primary_key or [0]
            return one(connection, int(key))

        return self._writer.run(work)

    def interrupt(self, printer: str, *, now: datetime) -> list[PrintJob]:
        """What is in print waits again, or is in doubt; those that are in doubt.

        For the printer's one worker, while it prints nothing and before it begins.
        """
        in_print = (_of.printer == printer, _of.state == PrintState.PRINTING.value)
        with reading(self._readers) as connection:
            if not listed(connection, *in_print):
                return []

        def work(connection: sa.Connection) -> list[PrintJob]:
            found = [
                _interrupt(connection, job, now)
                for job in listed(connection, *in_print, locked=True)
            ]
            return [job for job in found if job.state is PrintState.UNKNOWN]

        return self._writer.run(work)

    def begin(self, printer: str, *, now: datetime) -> PrintJob | None:
        """Take the oldest job that waits, where it is due; None where nothing is to be done.

        For the printer's one worker, after `interrupt`.
        """

        def work(connection: sa.Connection) -> PrintJob | None:
            waiting = listed(
                connection,
                _of.printer == printer,
                _of.state == PrintState.WAITING.value,
                most=1,
                oldest_first=True,
                locked=True,
            )
            if not waiting or (waiting[0].next_attempt_at or now) > now:
                return None
            return change(
                connection,
                waiting[0],
                PrintEvent.BEGIN,
                next_attempt_at=None,
                attempts=waiting[0].attempts + 1,
            )

        return self._writer.run(work)

    def film_sent(self, job: PrintJob) -> None:
        """The next film is given to the printer: call it before. Raises PrintTakenOver."""

        def work(connection: sa.Connection) -> None:
            _check_attempt(connection, job)
            set_values(connection, job.id, films_sent=_of.films_done + 1)

        self._writer.run(work)

    def film_done(self, job: PrintJob, *, now: datetime) -> None:
        """One more film is printed. Raises PrintTakenOver, as what follows: a film that is in doubt
        by then is written down as printed all the same.
        """

        def work(connection: sa.Connection) -> bool:
            if _is_in_doubt(connection, job):
                _came_out(connection, one(connection, job.id), now)
                return False
            _check_attempt(connection, job)
            set_values(connection, job.id, films_done=_of.films_done + 1)
            return True

        if not self._writer.run(work):
            raise PrintTakenOver(f"the print job {job.id} was in doubt when its film was printed")

    def finish(self, job: PrintJob, *, now: datetime) -> None:
        """All its films are printed."""
        self._of_attempt(job, PrintEvent.FINISH, ended_at=now, last_error="")

    def postpone(self, job: PrintJob, *, until: datetime, reason: str) -> None:
        """The printer cannot now; no film of this attempt is at it without an answer."""
        self._of_attempt(
            job,
            PrintEvent.POSTPONE,
            films_sent=_of.films_done,
            next_attempt_at=until,
            last_error=reason,
        )

    def hold(self, job: PrintJob, *, reason: str) -> None:
        """The printer will not; a person must act. Of films as `postpone`."""
        self._of_attempt(job, PrintEvent.HOLD, films_sent=_of.films_done, last_error=reason)

    def unanswered(self, job: PrintJob, *, reason: str) -> None:
        """The film that was given to the printer has no answer; a person must act."""
        self._of_attempt(job, PrintEvent.UNANSWERED, last_error=reason)

    def retry(self, job_id: int, *, now: datetime) -> PrintJob:
        """Now, or again; a film that is in doubt, again.

        Raises UsageError for no such job, OperatorRefused where it is over.
        """
        return self._asked(
            job_id,
            PrintEvent.RETRY,
            films_sent=_of.films_done,
            next_attempt_at=now,
            last_error="",
        )

    def came_out(self, job_id: int, *, now: datetime) -> PrintJob:
        """The film that is in doubt is printed: go on with the next one. Raises as `retry`."""
        try:
            return self._writer.run(
                lambda connection: _came_out(connection, one(connection, job_id), now)
            )
        except IllegalTransition as error:
            raise OperatorRefused(str(error)) from None

    def cancel(self, job_id: int, *, now: datetime) -> PrintJob:
        """Not any more. Raises as `retry`."""
        return self._asked(job_id, PrintEvent.CANCEL, next_attempt_at=None, ended_at=now)

    def jobs(self) -> list[PrintJob]:
        """The newest MOST_LISTED, newest first."""
        with reading(self._readers) as connection:
            return listed(connection, most=MOST_LISTED)

    def _event(self, job_id: int, event: PrintEvent, **values: object) -> PrintJob:
        return self._writer.run(
            lambda connection: change(connection, one(connection, job_id), event, **values)
        )

    def _of_attempt(self, job: PrintJob, event: PrintEvent, **values: object) -> None:
        def work(connection: sa.Connection) -> bool:
            if _is_in_doubt(connection, job):
                if event is not PrintEvent.UNANSWERED:
                    _refused(connection, job)
                return False
            _check_attempt(connection, job)
            change(connection, one(connection, job.id), event, **values)
            return True

        if not self._writer.run(work):
            raise PrintTakenOver(f"the print job {job.id} was in doubt when its film was refused")

    def _asked(self, job_id: int, event: PrintEvent, **values: object) -> PrintJob:
        try:
            return self._event(job_id, event, **values)
        except IllegalTransition as error:
            raise OperatorRefused(str(error)) from None


def _interrupt(connection: sa.Connection, job: PrintJob, now: datetime) -> PrintJob:
    """From the film that was under way, or in doubt where that is at the printer."""
    if job.film_in_doubt is not None:
        return change(connection, job, PrintEvent.UNANSWERED, last_error=in_doubt(job))
    return change(
        connection,
        job,
        PrintEvent.INTERRUPTED,
        next_attempt_at=now,
        last_error="the node ended while it was printed",
    )


def in_doubt(job: PrintJob) -> str:
    """The reason that a person reads, of a film whose answer was lost with the node."""
    return (
        f"film {job.films_done + 1} was given to the printer when the node ended, and its answer "
        "is not known: look whether it came out, then print it again or say that it came out"
    )


def _is_in_doubt(connection: sa.Connection, job: PrintJob) -> bool:
    """Whether another one found this attempt's film at the printer, and no person decided since."""
    found = connection.scalar(
        sa.select(_of.id)
        .where(
            _of.id == job.id,
            _of.state == PrintState.UNKNOWN.value,
            _of.attempts == job.attempts,
        )
        .with_for_update()
    )
    return found is not None


def _refused(connection: sa.Connection, job: PrintJob) -> None:
    """The film in doubt did not come out: it is printed by the node that leads now, at once."""
    change(
        connection,
        one(connection, job.id),
        PrintEvent.RETRY,
        films_sent=_of.films_done,
        next_attempt_at=job.job.made_at,
        last_error="",
    )


def _came_out(connection: sa.Connection, job: PrintJob, now: datetime) -> PrintJob:
    """Raises IllegalTransition where no film is in doubt."""
    is_last = job.films_done + 1 == job.job.films
    if is_last and job.state is PrintState.UNKNOWN:
        event, times = PrintEvent.FINISH, {"ended_at": now}
    else:
        event, times = PrintEvent.CAME_OUT, {"next_attempt_at": now}
    return change(connection, job, event, films_done=_of.films_done + 1, last_error="", **times)


def _check_attempt(connection: sa.Connection, job: PrintJob) -> None:
    """Raises PrintTakenOver where the job is in print no more, or in another attempt."""
    attempts = connection.scalar(
        sa.select(_of.attempts)
        .where(_of.id == job.id, _of.state == PrintState.PRINTING.value)
        .with_for_update()
    )
    if attempts != job.attempts:
        raise PrintTakenOver(f"the print job {job.id} is not this node's any more")
