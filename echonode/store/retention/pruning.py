"""What is kept of things past, and when it goes: a bounded part at each of housekeeping's looks.

Kept, and why
- An image that was deleted here, as rows of the ledger: for KEEP_HISTORY. Archives report within a
  day, and who asks what became of an exam does so within weeks.
- Two digests of it (`deleted_instance`, some 50 bytes): for ever. Other bytes under its UID would
  be a second instance beside the one that the archives hold.
- A request for commitment of ours: until its images have gone, and KEEP_HISTORY after its end. A
  promise may come late. Of each destination the last that was reported stays: its age is shown.
- A peer's request for commitment: what it names until its end, the request KEEP_HISTORY longer. A
  Transaction UID that is used twice is refused (0131).
- Why a file is in quarantine: while the file is there, and KEEP_HISTORY. The file is evidence: only
  a person takes it out.

Rules
- Rows go by age on the wall clock. One that is set forward shortens what the ledger shows and
  nothing else: the digests decide about bytes, and they stay.
- Each part is one transaction, of rows in the order of their numbers; a part that finds nothing
  begins again at the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from echonode.model.commitment import TransactionState
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.history_schema import deleted_instance, tombstone
from echonode.store.files.layout import Layout
from echonode.store.index.identity_conflicts import forget_settled
from echonode.store.retention.deletion import digests

KEEP_HISTORY = timedelta(days=90)
_AT_ONCE = 500  # rows looked at in one transaction

_T = schema.commitment_transaction.c
_C = schema.inbound_commitment.c
_Q = schema.quarantine.c
_ENDED = [TransactionState.REPORTED.value, TransactionState.ABANDONED.value]


class Pruning:
    """Used by one thread; keeps where it is in each table."""

    def __init__(self, writer: Writer, readers: sa.Engine, layout: Layout) -> None:
        self._writer = writer
        self._readers = readers
        self._layout = layout
        self._after: dict[str, int] = {}

    def prune(self, *, now: datetime) -> int:
        """Remove what nothing needs any more, some hundred rows of each kind; how many went.

        Raises OutOfSpace.
        """
        before = now - KEEP_HISTORY
        return (
            self._part(schema.tombstone, tombstone.c.deleted_at < before, self._make_compact)
            + self._part(schema.commitment_transaction, _past(before), _delete_transactions)
            + self._part(schema.inbound_commitment, _C.state != "pending", _empty(before))
            + self._part(schema.quarantine, _Q.quarantined_at < before, self._forget_taken_out)
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
        """Of a deleted instance only what tells its bytes from others stays."""
        rows = connection.execute(
            sa.select(
                tombstone.c.id,
                tombstone.c.sop_instance_uid,
                tombstone.c.dataset_sha256,
                tombstone.c.file_id,
            ).where(tombstone.c.id.in_(ids))
        ).all()
        # A file that the disk did not let go of needs its tombstone (recovery.py).
        gone = [row for row in rows if not self._layout.instance_file(row.file_id).exists()]
        for row in gone:
            uid, dataset = digests(row.sop_instance_uid, row.dataset_sha256)
            values = {"uid_digest": uid, "dataset_digest": dataset}
            connection.execute(
                sqlite_insert(deleted_instance)
                .values(values)
                .on_conflict_do_update(index_elements=["uid_digest"], set_=values)
            )
        # With their deliveries (ON DELETE CASCADE).
        connection.execute(sa.delete(tombstone).where(tombstone.c.id.in_([row.id for row in gone])))
        return len(gone)

    def _forget_taken_out(self, connection: sa.Connection, ids: Sequence[int]) -> int:
        rows = connection.execute(sa.select(_Q.id, _Q.file_id).where(_Q.id.in_(ids))).all()
        taken = [row.id for row in rows if not self._layout.quarantine_file(row.file_id).exists()]
        connection.execute(sa.delete(schema.quarantine).where(_Q.id.in_(taken)))
        return len(taken)


def _past(before: datetime) -> sa.ColumnElement[bool]:
    """A transaction of ours that nothing refers to."""
    item, later = schema.commitment_item.c, schema.commitment_transaction.alias()
    names_something = sa.exists().where(item.commitment_transaction_id == _T.id)
    is_last_report = ~sa.exists().where(
        later.c.destination == _T.destination,
        later.c.state == TransactionState.REPORTED.value,
        later.c.ended_at > _T.ended_at,
    )
    return sa.and_(
        _T.state.in_(_ENDED),
        _T.ended_at < before,
        ~names_something,
        sa.or_(_T.state != TransactionState.REPORTED.value, ~is_last_report),
    )


def _delete_transactions(connection: sa.Connection, ids: Sequence[int]) -> int:
    # Again: what names something, or is the last report, may have changed since it was read.
    gone = sa.delete(schema.commitment_transaction).where(_T.id.in_(ids))
    return connection.execute(gone).rowcount


def _empty(before: datetime) -> Callable[[sa.Connection, Sequence[int]], int]:
    """Of a peer's request that ended: what it names at once, the request itself in the end."""

    def remove(connection: sa.Connection, ids: Sequence[int]) -> int:
        item = schema.inbound_commitment_item
        items = connection.execute(
            sa.delete(item).where(item.c.inbound_commitment_id.in_(ids))
        ).rowcount
        requests = connection.execute(
            sa.delete(schema.inbound_commitment).where(_C.id.in_(ids), _C.ended_at < before)
        ).rowcount
        return items + requests

    return remove
