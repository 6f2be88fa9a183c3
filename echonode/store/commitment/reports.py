"""What an archive's commitment report does to our deliveries (PS3.4 J.3.3).

Rules
- A report counts only from the AE title that the transaction was addressed to, and only for the
  instances that the transaction names; extra items are ignored. Any other report is refused and
  recorded.
- An instance is committed when the report lists it with its right class and its bytes here are
  still those that were sent (they are hashed before the transaction begins: nothing edits a stored
  file, and the writer must not wait for a disk to be read).
- The caller decides (`decide`, within the same transaction) about items that the report lists as
  failed, omits or gives another class.
- A late commitment counts: a transaction that was given up, or reported before, still commits those
  of its instances that are not committed yet and are with the archive (`sent`, or asked for again).
  Late failures change nothing: the later request will bring its own report.
- A commitment for a delivery that is held is noted, and counts when it is released
  (noted_commitments.py).
- Where a lossy copy was sent instead of an instance, request and commitment name the copy: the
  delivery is committed and says so, and policy.py keeps the original.
- The same report again changes nothing, also when what it names was deleted here since.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from echonode.errors import Damaged
from echonode.model.commitment import CommitmentReport
from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.model.instance import StoredInstance
from echonode.store.commitment.refused_reports import (
    is_of_what_has_gone,
    record_refusal,
    why_refused,
)
from echonode.store.commitment.report_application import WITH_THE_ARCHIVE, Application, Reported
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.rows import SELECT_JOBS, delivery_job
from echonode.store.files.disk import disk_errors
from echonode.store.files.layout import Layout
from echonode.store.values import (
    CheckBytes,
    DecideFailure,
    DeliveryJob,
    FailureAction,
    OnDue,
    ReportDisposition,
    ReportOutcome,
)

_transaction = schema.commitment_transaction.c
_delivery = schema.delivery.c
_item = schema.commitment_item.c


def resend_now(job: DeliveryJob, reason: int | None) -> FailureAction:
    """The simplest decision: what failed is sent again at once, what was omitted is asked again."""
    if reason is None:
        return FailureAction(event=DeliveryEvent.REQUEST_LOST, error="not in the report")
    return FailureAction(
        event=DeliveryEvent.NOT_COMMITTED, error=f"not committed, reason {reason:04X}"
    )


class Reports:
    """Takes reports for transactions of ours. Thread-safe.

    on_due: called with the destination of deliveries that the report made due.
    """

    def __init__(
        self,
        writer: Writer,
        readers: sa.Engine,
        layout: Layout,
        *,
        check_bytes: CheckBytes,
        on_due: OnDue,
    ) -> None:
        self._on_due = on_due
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
        decide: DecideFailure = resend_now,
    ) -> ReportOutcome:
        """Apply an archive's report by the rules at the head of this file, in one transaction.

        decide: what to do with a job that the report does not commit; called inside the
        transaction, possibly more than once, so it must be pure. Answer 0000 to the archive only
        after this returned (and 0110 when it raised).
        """
        with reading(self._readers) as connection:
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
        outcome = self._writer.run(
            lambda connection: Application(
                connection, self._layout, report, reported, decide, now
            ).run()
        )
        if any(job.state is DeliveryState.QUEUED for job, _ in outcome.failed):
            self._on_due([outcome.destination])
        return outcome

    def _named(
        self, connection: sa.Connection, report: CommitmentReport
    ) -> Mapping[str, DeliveryJob]:
        """SOP Instance UID as the transaction named it -> its delivery."""
        statement = (
            SELECT_JOBS.add_columns(_item.derived_sop_instance_uid.label("named_derived"))
            .join(schema.commitment_item, _item.delivery_id == _delivery.id)
            .join(
                schema.commitment_transaction,
                schema.commitment_transaction.c.id == _item.commitment_transaction_id,
            )
            .where(_transaction.transaction_uid == report.transaction_uid)
        )
        return {
            row.named_derived or row.sop_instance_uid: delivery_job(row, self._layout)
            for row in connection.execute(statement)
        }

    def _reported(self, named: Mapping[str, DeliveryJob], report: CommitmentReport) -> Reported:
        failed: dict[int, int] = {}
        for item, reason in report.failed.items():
            job = named.get(item.sop_instance_uid)
            if job is not None:
                failed[job.id] = reason
        committed: dict[str, DeliveryJob] = {}
        for item in report.committed:
            job = named.get(item.sop_instance_uid)
            # An item in both lists is not committed.
            if job is None or job.id in failed or job.instance.sop_class_uid != item.sop_class_uid:
                continue
            committed[item.sop_instance_uid] = job
        damaged = {
            job.id
            for job in committed.values()
            if job.state in (*WITH_THE_ARCHIVE, DeliveryState.HELD)
            and not self._is_unchanged(job.instance)
        }
        return Reported(
            committed={job.id: uid for uid, job in committed.items()},
            failed=failed,
            damaged=frozenset(damaged),
        )

    def _is_unchanged(self, instance: StoredInstance) -> bool:
        """Raises OutOfSpace where the disk does not return the bytes: nothing is proved then."""
        try:
            with disk_errors("to read a file"):
                self._check_bytes(instance)
        except Damaged:
            return False
        return True
