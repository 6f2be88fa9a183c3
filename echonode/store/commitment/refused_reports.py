"""Commitment reports that do not count: why, and the record of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from echonode.model.commitment import CommitmentReport, TransactionState
from echonode.model.delivery import DeliveryState
from echonode.model.identity import is_valid_uid
from echonode.store.database import schema
from echonode.store.database.event_log import NewEvent, add_event
from echonode.store.database.history_schema import tombstone, tombstone_delivery

MOST_REFUSED_REPORTS = 1000  # rows kept; a peer that floods us must not fill the disk
_transaction = schema.commitment_transaction.c
_refused = schema.refused_report.c
_ITEMS = (
    sa.select(sa.func.count())
    .where(schema.commitment_item.c.commitment_transaction_id == _transaction.id)
    .scalar_subquery()
)
_OPEN = (TransactionState.CREATED, TransactionState.REQUESTED)
_AT_ONCE = 500  # UIDs looked up by one statement
# The literal text of the partial index, or SQLite would not use it.
_IS_COPY = sa.text("tombstone_delivery.derived_sop_instance_uid <> ''")


def why_refused(
    connection: sa.Connection, peer_ae_title: str, report: CommitmentReport
) -> str | None:
    """Why a report cannot count, whatever it lists; None where it may."""
    row = connection.execute(
        sa.select(_transaction.peer_ae_title).where(
            _transaction.transaction_uid == report.transaction_uid
        )
    ).first()
    if row is None:
        return "no transaction of ours has this Transaction UID"
    if row.peer_ae_title != peer_ae_title:
        return "the transaction was addressed to another AE"
    return None


def is_of_what_has_gone(connection: sa.Connection, report: CommitmentReport) -> bool:
    """Whether a report that names nothing of its transaction concerns what was deleted since.

    Deleting an instance removes it from the transactions that named it (removal.py), and an archive
    may report again, or late on an earlier request. Its tombstone says that this archive has
    committed to keep it. A transaction that waits for instances which are still here is not one of
    these: the report does not concern them.
    """
    row = connection.execute(
        sa.select(_transaction.destination, _transaction.state, _ITEMS.label("items")).where(
            _transaction.transaction_uid == report.transaction_uid
        )
    ).one()
    if row.state in _OPEN and row.items:
        return False
    reported = {(item.sop_instance_uid, item.sop_class_uid) for item in report.committed}
    reported |= {(item.sop_instance_uid, item.sop_class_uid) for item in report.failed}
    uids = [uid for uid, _ in reported]
    return any(
        not reported.isdisjoint(_promised(connection, row.destination, uids[at : at + _AT_ONCE]))
        for at in range(0, len(uids), _AT_ONCE)
    )


def _promised(
    connection: sa.Connection, destination: str, sop_instance_uids: Sequence[str]
) -> list[tuple[str, str]]:
    """(UID, class) of deleted instances that the destination had committed to keep."""
    # As the archive knows them: a lossy copy has a UID of its own (and the same class).
    copied = tombstone_delivery.c.derived_sop_instance_uid
    promised = []
    for known_as, is_so in ((tombstone.c.sop_instance_uid, copied == ""), (copied, _IS_COPY)):
        found = connection.execute(
            sa.select(known_as.label("uid"), tombstone.c.sop_class_uid)
            .select_from(tombstone.join(tombstone_delivery))
            .where(
                tombstone_delivery.c.destination == destination,
                tombstone_delivery.c.state == DeliveryState.COMMITTED.value,
                known_as.in_(sop_instance_uids),
                is_so,
            )
        )
        promised += [(row.uid, row.sop_class_uid) for row in found]
    return promised


def record_refusal(
    connection: sa.Connection,
    peer_ae_title: str,
    report: CommitmentReport,
    reason: str,
    *,
    now: datetime,
) -> None:
    """Record what a person should see of it; above the limit the oldest are deleted."""
    connection.execute(
        sa.insert(schema.refused_report),
        {
            "received_at": now,
            "peer_ae_title": peer_ae_title,
            "transaction_uid": report.transaction_uid[:64],
            "reason": reason,
        },
    )
    newest = sa.select(sa.func.max(_refused.id)).scalar_subquery()
    connection.execute(
        sa.delete(schema.refused_report).where(_refused.id <= newest - MOST_REFUSED_REPORTS)
    )
    # The Transaction UID is the sender's: recorded only where it is a UID.
    uid = report.transaction_uid if is_valid_uid(report.transaction_uid) else ""
    what = NewEvent(kind="report_refused", transaction_uid=uid, detail=f"{peer_ae_title}: {reason}")
    add_event(connection, what, now=now)
