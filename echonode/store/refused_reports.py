"""Commitment reports that do not count: why, and the record of them."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from echonode.model.commitment import CommitmentReport
from echonode.model.identity import is_valid_uid
from echonode.store import schema
from echonode.store.flight_recorder import Note, note

MOST_REFUSED_REPORTS = 1000  # rows kept; a peer that floods us must not fill the disk
_T = schema.commitment_transaction.c
_R = schema.refused_report.c


def why_refused(
    connection: sa.Connection, peer_ae_title: str, report: CommitmentReport
) -> str | None:
    """Why a report cannot count, whatever it lists; None where it may."""
    row = connection.execute(
        sa.select(_T.peer_ae_title).where(_T.transaction_uid == report.transaction_uid)
    ).first()
    if row is None:
        return "no transaction of ours has this Transaction UID"
    if row.peer_ae_title != peer_ae_title:
        return "the transaction was addressed to another AE"
    return None


def record_refusal(
    connection: sa.Connection,
    peer_ae_title: str,
    report: CommitmentReport,
    reason: str,
    *,
    now: datetime,
) -> None:
    """Keep what a person should see of it; the oldest go when there are too many."""
    connection.execute(
        sa.insert(schema.refused_report),
        {
            "received_at": now,
            "peer_ae_title": peer_ae_title,
            "transaction_uid": report.transaction_uid[:64],
            "reason": reason,
        },
    )
    newest = sa.select(sa.func.max(_R.id)).scalar_subquery()
    connection.execute(
        sa.delete(schema.refused_report).where(_R.id <= newest - MOST_REFUSED_REPORTS)
    )
    # The Transaction UID is the sender's: written down only where it is a UID.
    uid = report.transaction_uid if is_valid_uid(report.transaction_uid) else ""
    what = Note(kind="report_refused", transaction_uid=uid, detail=f"{peer_ae_title}: {reason}")
    note(connection, what, now=now)
