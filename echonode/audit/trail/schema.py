"""The tables of audit.sqlite: a database of its own, which a damaged index does not take along.

Rules
- A row is never changed, but for the erasure of a patient, which empties `private` and `salt`.
- Rows go from the oldest on only, and what goes is itself a record (trail.py).
"""

from __future__ import annotations

import sqlalchemy as sa

from echonode.store.database.columns import UtcTime, Whole, text_column

TABLES = sa.MetaData()

record = sa.Table(
    "record",
    TABLES,
    # 1, 2, 3 and so on, without gaps: a gap is a record that was taken out.
    sa.Column("seq", Whole, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    text_column("kind"),
    text_column("actor"),
    sa.Column("outcome", Whole, nullable=False),
    # The event without, and that which names, a patient (event.py).
    text_column("content"),
    text_column("private"),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    # SHA-256 of salt and `private`; it stays when both are erased.
    sa.Column("private_digest", sa.LargeBinary, nullable=False),
    # SHA-256 over the hash before and all of this row but `private` and `salt`.
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Index("record_by_time", "at"),
)

# How far sending and deletion are, whether the last stop was orderly, what the settings were.
state = sa.Table("state", TABLES, text_column("key", primary_key=True), text_column("value"))
