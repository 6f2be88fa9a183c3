"""Applies a report that counts: every delivery that it decides, in one transaction.

reports.py has the rules, and says who may report and which delivery an item concerns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from echonode.model.commitment import CommitmentReport, TransactionEvent, TransactionState
from echonode.model.commitment import after as transaction_after
from echonode.model.delivery import DAMAGED_HERE, DeliveryEvent, DeliveryState
from echonode.model.delivery import after as delivery_after
from echonode.store.commitment.transactions import end_transaction, waiting_for
from echonode.store.database import schema
from echonode.store.database.event_log import NewEvent, add_event
from echonode.store.database.rows import parse_enum
from echonode.store.deliveries import noted_commitments
from echonode.store.deliveries.attempts import apply_attempt
from echonode.store.deliveries.deliveries import jobs_by_id
from echonode.store.deliveries.noted_commitments import COMMITTED
from echonode.store.files.layout import Layout
from echonode.store.values import (
    Attempt,
    DecideFailure,
    DeliveryJob,
    ReportDisposition,
    ReportOutcome,
)

# A commitment counts while the delivery is in one of these.
WITH_THE_ARCHIVE = (DeliveryState.SENT, DeliveryState.COMMIT_REQUESTED)
_NOTED = "the archive has committed to it meanwhile: release it"
_transaction = schema.commitment_transaction.c
_delivery = schema.delivery.c
_item = schema.commitment_item.c


@dataclass(frozen=True, kw_only=True)
class Reported:
    """What a report says of the instances that the transaction names; by delivery.

    committed: delivery -> SOP Instance UID that the archive commits to keep.
    """

    committed: Mapping[int, str]
    failed: Mapping[int, int]
    damaged: frozenset[int]


class Application:
    """One report, inside the transaction that applies it."""

    def __init__(
        self,
        connection: sa.Connection,
        layout: Layout,
        report: CommitmentReport,
        reported: Reported,
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
            sa.select(_transaction.id, _transaction.state, _transaction.destination).where(
                _transaction.transaction_uid == report.transaction_uid
            )
        ).one()

    def run(self) -> ReportOutcome:
        before = parse_enum(TransactionState, self._transaction.state)
        state = transaction_after(before, TransactionEvent.REPORT)
        lists = self._reported
        self._note(f"lists {len(lists.committed)} committed and {len(lists.failed)} failed of ours")
        committed: list[str] = []
        derived: dict[str, str] = {}
        damaged: list[str] = []
        noted: list[str] = []
        after_s: list[float] = []
        failed: list[tuple[int, int | None]] = []
        waiting = frozenset(waiting_for(self._connection, self._transaction.id))
        for job in self._jobs():
            if job.id in self._reported.committed:
                if self._is_news_of_a_held_one(job):
                    self._note_promise(job)
                    noted.append(job.instance.sop_instance_uid)
                if not self._settles(job):
                    continue
                if job.id in self._reported.damaged:
                    self._hold_damaged(job)
                    damaged.append(job.instance.sop_instance_uid)
                else:
                    self._commit(job)
                    committed.append(job.instance.sop_instance_uid)
                    after_s.append((self._now - job.acquired_at).total_seconds())
                    if job.derived is not None:
                        derived[job.instance.sop_instance_uid] = job.derived.sop_instance_uid
            elif job.id in waiting:
                reason = self._reported.failed.get(job.id)
                self._fail(job, reason)
                failed.append((job.id, reason))
        if before is not state:
            end_transaction(self._connection, self._transaction.id, state, now=self._now)
        changed = bool(committed or damaged or failed or noted) or before is not state
        return ReportOutcome(
            disposition=ReportDisposition.APPLIED if changed else ReportDisposition.DUPLICATE,
            destination=self._transaction.destination,
            committed=tuple(committed),
            derived=MappingProxyType(derived),
            failed=self._as_they_are_now(failed),
            damaged=tuple(damaged),
            noted=tuple(noted),
            committed_after_s=tuple(after_s),
        )

    def _note(self, detail: str) -> None:
        what = NewEvent(
            kind="report",
            destination=self._transaction.destination,
            transaction_uid=self._transaction_uid,
            detail=detail,
        )
        add_event(self._connection, what, now=self._now)

    def _jobs(self) -> list[DeliveryJob]:
        """The deliveries as they are in this transaction: another report may have come since."""
        named = self._connection.execute(
            sa.select(_item.delivery_id).where(
                _item.commitment_transaction_id == self._transaction.id
            )
        )
        return jobs_by_id(self._connection, self._layout, list(named.scalars()))

    def _settles(self, job: DeliveryJob) -> bool:
        """Whether the commitment is for what the archive has now: a late one may not be."""
        promised = self._reported.committed[job.id]
        return job.state in WITH_THE_ARCHIVE and promised == job.sent_as.sop_instance_uid

    def _is_news_of_a_held_one(self, job: DeliveryJob) -> bool:
        """Whether it is held, and this new commitment will be valid for it on release."""
        return (
            job.state is DeliveryState.HELD
            and job.id not in self._reported.damaged
            and self._reported.committed[job.id] == job.sent_as.sop_instance_uid
            and noted_commitments.can_be_noted(self._connection, job.id, self._transaction.id)
            and not noted_commitments.is_noted(self._connection, job.id)
        )

    def _note_promise(self, job: DeliveryJob) -> None:
        self._outcome(job, COMMITTED)
        words = f"{job.last_error}; {_NOTED}" if job.last_error else _NOTED
        self._connection.execute(
            sa.update(schema.delivery).where(_delivery.id == job.id).values(last_error=words)
        )

    def _commit(self, job: DeliveryJob) -> None:
        self._ask_first(job)
        self._apply(Attempt(job_id=job.id, event=DeliveryEvent.COMMITTED, error=job.proof_remark))
        self._outcome(job, COMMITTED)

    def _ask_first(self, job: DeliveryJob) -> None:
        """A late commitment finds a delivery `sent`: its request was made, so it counts."""
        if job.state is DeliveryState.SENT:
            self._connection.execute(
                sa.update(schema.delivery)
                .where(_delivery.id == job.id)
                .values(
                    state=delivery_after(job.state, DeliveryEvent.REQUEST_COMMITMENT).value,
                    commitment_transaction_id=self._transaction.id,
                )
            )

    def _hold_damaged(self, job: DeliveryJob) -> None:
        error = f"the archive keeps it, but {DAMAGED_HERE}: its bytes have changed since"
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
            .where(
                _item.commitment_transaction_id == self._transaction.id, _item.delivery_id == job.id
            )
            .values(outcome=outcome)
        )

    def _as_they_are_now(
        self, failed: Sequence[tuple[int, int | None]]
    ) -> tuple[tuple[DeliveryJob, int | None], ...]:
        reasons = dict(failed)
        jobs = jobs_by_id(self._connection, self._layout, list(reasons)) if reasons else []
        return tuple((job, reasons[job.id]) for job in jobs)
