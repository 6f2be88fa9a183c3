"""What is kept of the past, and when it is removed: a bounded part at each run of housekeeping.

Kept, and why
- An image that was deleted here, as rows of the ledger: for KEEP_HISTORY. Archives report within a
  day, and questions about an exam come within weeks.
- Two digests of it (`deleted_instance`, some 50 bytes): always. Other bytes under its UID would be
  a second instance with the UID of the one that the archives hold.
- A request for commitment of ours: until its images are deleted, and KEEP_HISTORY after its end,
  because a report may come late. The last reported one of each destination stays: its age is shown.
- A peer's request for commitment: its items until its end, the request KEEP_HISTORY longer. A
  Transaction UID that is used twice is refused (0131).
- The reason of a file in quarantine: while the file exists, and for KEEP_HISTORY. The file is
  evidence: only a person removes it.

Rules
- Rows are removed by age on the wall clock. A clock set forward shortens only what the ledger
  shows: the digests decide about bytes, and they stay.
- Each part is one transaction, of rows in the order of their numbers; after the last row it starts
  again at the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from echonode.model.commitment import InboundState, TransactionState
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.dialects import insert_or
from echonode.store.database.history_schema import deleted_instance, tombstone
from echonode.store.files.layout import Layout
from echonode.store.files.placing import is_there
from echonode.store.index.identity_conflicts import forget_settled
from echonode.store.index.known import digests

KEEP_HISTORY = timedelta(days=90)
_AT_ONCE = 500  # rows read in one transaction

_transaction = schema.commitment_transaction.c
_inbound = schema.inbound_commitment.c
_quarantine = schema.quarantine.c
_ENDED = [TransactionState.REPORTED.value, TransactionState.ABANDONED.value]


class Pruning:
    """Used by one thread; remembers its position in each table."""

    def __init__(self, writer: Writer, readers: sa.Engine, layout: Layout) -> None:
        self._writer = writer
        self._readers = readers
        self._layout = layout
        self._after: dict[str, int] = {}

    def prune(self, *, now: datetime) -> int:
        """Remove what nothing needs any more, some hundred rows of each kind; returns how many.

        Raises OutOfSpace.
        """
        before = now - KEEP_HISTORY
        return (
            self._part(schema.tombstone, tombstone.c.deleted_at < before, self._make_compact)
            + self._part(schema.commitment_transaction, _past(before), _delete_transactions)
            + self._part(
                schema.inbound_commitment,
                _inbound.state != InboundState.PENDING.value,
                _empty(before),
            )
            + self._part(
                schema.quarantine, _quarantine.quarantined_at < before, self._forget_removed_files
            )
            + self._writer.run(forget_settled)
        )

    def _part(
        self,
        table: sa.Table,
        condition: sa.ColumnElement[bool],
        remove: Callable[[sa.Connection, Sequence[int]], int],
    ) -> int:
        """Remove from the next rows of a table."""
        after = self._after.get(table.name, 0)
        rows = (
            sa.select(table.c.id, condition.label("is_past"))
            .where(table.c.id > after)
            .order_by(table.c.id)
            .limit(_AT_ONCE)
        )
        with reading(self._readers) as connection:
            found = connection.execute(rows).all()
        self._after[table.name] = found[-1].id if len(found) == _AT_ONCE else 0
        past = [row.id for row in found if row.is_past]
        return self._writer.run(lambda connection: remove(connection, past)) if past else 0

    def _make_compact(self, connection: sa.Connection, ids: Sequence[int]) -> int:
        """Keep of a deleted instance only what distinguishes its bytes from others."""
        rows = connection.execute(
            sa.select(
                tombstone.c.id,
                tombstone.c.sop_instance_uid,
                tombstone.c.dataset_sha256,
                tombstone.c.file_id,
            ).where(tombstone.c.id.in_(ids))
        ).all()
        # A file that the disk refused to remove needs its tombstone (recovery.py).
        gone = [row for row in rows if not is_there(self._layout, row.file_id)]
        for row in gone:
            uid, dataset = digests(row.sop_instance_uid, row.dataset_sha256)
            values = {"uid_digest": uid, "dataset_digest": dataset}
            connection.execute(
                insert_or(connection, deleted_instance)
                .values(values)
                .on_conflict_do_update(index_elements=["uid_digest"], set_=values)
            )
        # With their deliveries (ON DELETE CASCADE).
        connection.execute(sa.delete(tombstone).where(tombstone.c.id.in_([row.id for row in gone])))
        return len(gone)

    def _forget_removed_files(self, connection: sa.Connection, ids: Sequence[int]) -> int:
        rows = connection.execute(
            sa.select(_quarantine.id, _quarantine.file_id).where(_quarantine.id.in_(ids))
        ).all()
        if self._layout.remote is not None:
            return 0
        taken = [row.id for row in rows if not self._layout.quarantine_file(row.file_id).exists()]
        connection.execute(sa.delete(schema.quarantine).where(_quarantine.id.in_(taken)))
        return len(taken)


def _past(before: datetime) -> sa.ColumnElement[bool]:
    """A transaction of ours that nothing refers to."""
    item, later = schema.commitment_item.c, schema.commitment_transaction.alias()
    names_something = sa.exists().where(item.commitment_transaction_id == _transaction.id)
    is_last_report = ~sa.exists().where(
        later.c.destination == _transaction.destination,
        later.c.state == TransactionState.REPORTED.value,
        later.c.ended_at > _transaction.ended_at,
    )
    return sa.and_(
        _transaction.state.in_(_ENDED),
        _transaction.ended_at < before,
        ~names_something,
        sa.or_(_transaction.state != TransactionState.REPORTED.value, ~is_last_report),
    )


def _delete_transactions(connection: sa.Connection, ids: Sequence[int]) -> int:
    # Again: what names something, or is the last report, may have changed since it was read.
    gone = sa.delete(schema.commitment_transaction).where(_transaction.id.in_(ids))
    return connection.execute(gone).rowcount


def _empty(before: datetime) -> Callable[[sa.Connection, Sequence[int]], int]:
    """Remove the items of a peer's request that ended, and later the request itself."""

    def remove(connection: sa.Connection, ids: Sequence[int]) -> int:
        item = schema.inbound_commitment_item
        items = connection.execute(
            sa.delete(item).where(item.c.inbound_commitment_id.in_(ids))
        ).rowcount
        requests = connection.execute(
            sa.delete(schema.inbound_commitment).where(
                _inbound.id.in_(ids), _inbound.ended_at < before
            )
        ).rowcount
        return items + requests

    return remove
