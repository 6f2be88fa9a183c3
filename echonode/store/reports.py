"""What an archive's commitment report does to our deliveries (PS3.4 J.3.3).

Rules
- A report counts only from the AE title that the transaction was addressed to, and only for the
  instances that the transaction names; extra items are ignored. All else is refused and recorded.
- An instance is committed when the report lists it with its right class and its bytes here are
  still those that were sent (they are hashed before the transaction begins: nothing edits a
  stored file, and the writer must not wait for a disk to be read).
- Items that the report lists as failed, leaves out or gives another class are the caller's to
  decide upon (`decide`), within the same transaction.
- A promise is taken late: a transaction that was given up, or reported before, still commits
  those of its instances that are not committed yet and are with the archive (`sent`, or asked
  for again). Late failures change nothing: the later request will bring its own report.
- Where a lossy copy was sent in an instance's place, the request names the copy and the promise
  is of it: the delivery is committed and says so, and retention.py keeps the original.
- The same report again changes nothing, also when what it names was deleted here meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from echonode.errors import Damaged
from echonode.model.commitment import CommitmentReport, TransactionEvent, TransactionState
from echonode.model.commitment import after as transaction_after
from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.model.delivery import after as delivery_after
from echonode.model.instance import StoredInstance
from echonode.store import schema
from echonode.store.database import Writer, database_errors
from echonode.store.deliveries import apply_attempt, jobs_by_id
from echonode.store.flight_recorder import Note, note
from echonode.store.layout import Layout
from echonode.store.refused_reports import is_of_what_has_gone, record_refusal, why_refused
from echonode.store.rows import SELECT_JOBS, delivery_job
from echonode.store.transactions import end_transaction, waiting_for
from echonode.store.values import (
    Attempt,
    DecideFailure,
    DeliveryJob,
    FailureAction,
    ReportDisposition,
    ReportOutcome,
)

COMMITTED = 0  # commitment_item.outcome; no Failure Reason is 0
_T = schema.commitment_transaction.c
_D = schema.delivery.c
_I = schema.commitment_item.c
_WITH_THE_ARCHIVE = (DeliveryState.SENT, DeliveryState.COMMIT_REQUESTED)


def resend_now(job: DeliveryJob, reason: int | None) -> FailureAction:
    """The plainest decision: what failed is sent again at once, what was left out asked again."""
    if reason is None:
        return FailureAction(event=DeliveryEvent.REQUEST_LOST, error="not in the report")
    return FailureAction(
        event=DeliveryEvent.NOT_COMMITTED, error=f"not committed, reason {reason:04X}"
    )


@dataclass(frozen=True, kw_only=True)
class _Reported:
    """What a report says of the instances that the transaction names; by delivery.

    committed: delivery -> SOP Instance UID that the archive promises to keep.
    """

    committed: Mapping[int, str]
    failed: Mapping[int, int]
    damaged: frozenset[int]


class Reports:
    """Takes reports for transactions of ours. Thread-safe."""

    def __init__(
        self,
        writer: Writer,
        readers: sa.Engine,
        layout: Layout,
        check_bytes: Callable[[StoredInstance], None],
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._layout = layout
        self._check_bytes = check_bytes

    def apply(
        self,
        peer_ae_title: str,
        report: CommitmentReport,
        *,
        now: datetime,
        decide: DecideFailure,
    ) -> ReportOutcome:
        """See Store.apply_report."""
        with database_errors(), self._readers.connect() as connection:
            reason = why_refused(connection, peer_ae_title, report)
            if reason is None:
                reported = self._reported(self._named(connection, report), report)
                names_ours = reported.committed or reported.failed
                if not names_ours and not is_of_what_has_gone(connection, report):
                    reason = "it names no instance of its transaction"
        if reason is not None:
            self._writer.run(
                lambda connection: record_refusal(
                    connection, peer_ae_title, report, reason, now=now
                )
            )
            return ReportOutcome(disposition=ReportDisposition.REFUSED, reason=reason)
        return self._writer.run(
            lambda connection: _Application(
                connection, self._layout, report, reported, decide, now
            ).run()
        )

    def _named(
        self, connection: sa.Connection, report: CommitmentReport
    ) -> Mapping[str, DeliveryJob]:
        """SOP Instance UID as the transaction named it -> the delivery that it named it for."""
        statement = (
            SELECT_JOBS.add_columns(_I.derived_sop_instance_uid.label("named_derived"))
            .join(schema.commitment_item, _I.delivery_id == _D.id)
            .join(
                schema.commitment_transaction,
                schema.commitment_transaction.c.id == _I.commitment_transaction_id,
            )
            .where(_T.transaction_uid == report.transaction_uid)
        )
        return {
            row.named_derived or row.sop_instance_uid: delivery_job(row, self._layout)
            for row in connection.execute(statement)
        }

    def _reported(self, named: Mapping[str, DeliveryJob], report: CommitmentReport) -> _Reported:
        failed: dict[int, int] = {}
        for item, reason in report.failed.items():
            job = named.get(item.sop_instance_uid)
            if job is not None:
                failed[job.id] = reason
        committed: dict[str, DeliveryJob] = {}
        for item in report.committed:
            job = named.get(item.sop_instance_uid)
            # One that is in both lists is not committed.
            if job is None or job.id in failed or job.instance.sop_class_uid != item.sop_class_uid:
                continue
            committed[item.sop_instance_uid] = job
        damaged = {
            job.id
            for job in committed.values()
            if job.state in _WITH_THE_ARCHIVE and not self._is_unchanged(job.instance)
        }
        return _Reported(
            committed={job.id: uid for uid, job in committed.items()},
            failed=failed,
            damaged=frozenset(damaged),
        )

    def _is_unchanged(self, instance: StoredInstance) -> bool:
        try:
            self._check_bytes(instance)
        except Damaged:
            return False
        return True


class _Application:
    """One report, inside the transaction that applies it."""

    def __init__(
        self,
        connection: sa.Connection,
        layout: Layout,
        report: CommitmentReport,
        reported: _Reported,
        decide: DecideFailure,
        now: datetime,
    ) -> None:
        self._connection = connection
        self._layout = layout
        self._reported = reported
        self._decide = decide
        self._now = now
        self._transaction_uid = report.transaction_uid
        self._transaction: sa.Row[*tuple[Any, ...]] = connection.execute(
            sa.select(_T.id, _T.state, _T.destination).where(
                _T.transaction_uid == report.transaction_uid
            )
        ).one()

    def run(self) -> ReportOutcome:
        before = TransactionState(self._transaction.state)
        state = transaction_after(before, TransactionEvent.REPORT)
        lists = self._reported
        self._note(f"lists {len(lists.committed)} committed and {len(lists.failed)} failed of ours")
        committed: list[str] = []
        derived: dict[str, str] = {}
        damaged: list[str] = []
        failed: list[tuple[int, int | None]] = []
        waiting = frozenset(waiting_for(self._connection, self._transaction.id))
        for job in self._jobs():
            if job.id in self._reported.committed:
                if not self._settles(job):
                    continue
                if job.id in self._reported.damaged:
                    self._hold_damaged(job)
                    damaged.append(job.instance.sop_instance_uid)
                else:
                    self._commit(job)
                    committed.append(job.instance.sop_instance_uid)
                    if job.derived is not None:
                        derived[job.instance.sop_instance_uid] = job.derived.sop_instance_uid
            elif job.id in waiting:
                reason = self._reported.failed.get(job.id)
                self._fail(job, reason)
                failed.append((job.id, reason))
        if before is not state:
            end_transaction(self._connection, self._transaction.id, state, now=self._now)
        changed = bool(committed or damaged or failed) or before is not state
        return ReportOutcome(
            disposition=ReportDisposition.APPLIED if changed else ReportDisposition.DUPLICATE,
            destination=self._transaction.destination,
            committed=tuple(committed),
            derived=MappingProxyType(derived),
            failed=self._as_they_are_now(failed),
            damaged=tuple(damaged),
        )

    def _note(self, detail: str) -> None:
        what = Note(
            kind="report",
            destination=self._transaction.destination,
            transaction_uid=self._transaction_uid,
            detail=detail,
        )
        note(self._connection, what, now=self._now)

    def _jobs(self) -> list[DeliveryJob]:
        """As they are now, in this transaction: another report may have come meanwhile."""
        named = self._connection.execute(
            sa.select(_I.delivery_id).where(_I.commitment_transaction_id == self._transaction.id)
        )
        return jobs_by_id(self._connection, self._layout, list(named.scalars()))

    def _settles(self, job: DeliveryJob) -> bool:
        """Whether the promise is of what the archive has by now: a late one may be of another."""
        promised = self._reported.committed[job.id]
        return job.state in _WITH_THE_ARCHIVE and promised == job.sent_as.sop_instance_uid

    def _commit(self, job: DeliveryJob) -> None:
        self._ask_first(job)
        self._apply(Attempt(job_id=job.id, event=DeliveryEvent.COMMITTED, error=job.proof_remark))
        self._outcome(job, COMMITTED)

    def _ask_first(self, job: DeliveryJob) -> None:
        """A late promise finds a delivery `sent`: the request it answers was made, so it counts."""
        if job.state is DeliveryState.SENT:
            self._connection.execute(
                sa.update(schema.delivery)
                .where(_D.id == job.id)
                .values(
                    state=delivery_after(job.state, DeliveryEvent.REQUEST_COMMITMENT).value,
                    commitment_transaction_id=self._transaction.id,
                )
            )

    def _hold_damaged(self, job: DeliveryJob) -> None:
        error = "the archive keeps it, but the bytes here have changed since"
        self._apply(Attempt(job_id=job.id, event=DeliveryEvent.HOLD, error=error))

    def _fail(self, job: DeliveryJob, reason: int | None) -> None:
        action = self._decide(job, reason)
        self._apply(
            Attempt(
                job_id=job.id,
                event=action.event,
                error=action.error,
                next_attempt_at=action.next_attempt_at,
            )
        )
        if reason is not None:
            self._outcome(job, reason)

    def _apply(self, attempt: Attempt) -> None:
        apply_attempt(self._connection, attempt, now=self._now)

    def _outcome(self, job: DeliveryJob, outcome: int) -> None:
        self._connection.execute(
            sa.update(schema.commitment_item)
            .where(_I.commitment_transaction_id == self._transaction.id, _I.delivery_id == job.id)
            .values(outcome=outcome)
        )

    def _as_they_are_now(
        self, failed: Sequence[tuple[int, int | None]]
    ) -> tuple[tuple[DeliveryJob, int | None], ...]:
        reasons = dict(failed)
        jobs = jobs_by_id(self._connection, self._layout, list(reasons)) if reasons else []
        return tuple((job, reasons[job.id]) for job in jobs)
