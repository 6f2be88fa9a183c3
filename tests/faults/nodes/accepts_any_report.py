"""Defects of a node that accepts reports it must not, planted by nodes/deletes_at_once.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from echonode.model.commitment import CommitmentReport, ReferencedInstance
from echonode.model.instance import StoredInstance
from echonode.store.commitment import reports
from echonode.store.commitment.reports import Reports
from echonode.store.database import schema
from echonode.store.retention import candidates
from echonode.store.values import DecideFailure, DeliveryJob, ReportDisposition, ReportOutcome

_transaction = schema.commitment_transaction.c
_ADDRESSED_TO_ANOTHER = "the transaction was addressed to another AE"


def _accept_any_transaction_uid() -> None:
    """A report on no transaction of ours counts for each that names one of its instances."""
    apply = Reports.apply

    def apply_to_any(
        self: Reports,
        peer_ae_title: str,
        report: CommitmentReport,
        *,
        now: datetime,
        decide: DecideFailure,
    ) -> ReportOutcome:
        with self._readers.connect() as connection:
            known = list(
                connection.execute(
                    sa.select(_transaction.transaction_uid).where(
                        _transaction.peer_ae_title == peer_ae_title
                    )
                ).scalars()
            )
        outcome = apply(self, peer_ae_title, report, now=now, decide=decide)
        for transaction_uid in () if report.transaction_uid in known else known:
            if outcome.disposition is ReportDisposition.REFUSED:
                other = replace(report, transaction_uid=transaction_uid)
                outcome = apply(self, peer_ae_title, other, now=now, decide=decide)
        return outcome

    Reports.apply = apply_to_any


def _let_any_ae_report() -> None:
    why_refused = reports.why_refused

    def why_refused_at_all(
        connection: sa.Connection, peer_ae_title: str, report: CommitmentReport
    ) -> str | None:
        reason = why_refused(connection, peer_ae_title, report)
        return None if reason == _ADDRESSED_TO_ANOTHER else reason

    reports.why_refused = why_refused_at_all


def _compare_by_uid_only() -> None:
    """Neither the SOP class in the report nor the bytes on the disk are looked at."""
    reported = Reports._reported

    def with_our_classes(
        self: Reports, named: Mapping[str, DeliveryJob], report: CommitmentReport
    ) -> object:
        classes = {uid: job.instance.sop_class_uid for uid, job in named.items()}
        committed = tuple(
            ReferencedInstance(
                sop_class_uid=classes.get(item.sop_instance_uid, item.sop_class_uid),
                sop_instance_uid=item.sop_instance_uid,
            )
            for item in report.committed
        )
        return reported(self, named, replace(report, committed=committed))

    def unchanged(self: Reports, instance: StoredInstance) -> bool:
        return True

    Reports._reported = with_our_classes
    Reports._is_unchanged = unchanged


def _delete_before_commit() -> None:
    """Whatever an archive has received may go."""
    candidates.why_kept = lambda *_, **__: ""
    received = "state IN ('sent', 'commit_requested', 'committed', 'verified')"
    candidates._UNSEEN = sa.select(schema.delivery.c.id).where(
        sa.text(f"{received} AND proof_seen_s IS NULL")
    )


DEFECTS = {
    "": lambda: None,
    "any transaction UID accepted": _accept_any_transaction_uid,
    "any AE may report": _let_any_ae_report,
    "compare by UID only": _compare_by_uid_only,
    "delete before commit": _delete_before_commit,
}
