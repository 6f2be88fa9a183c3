"""Tables of the journal (journal/): what changed and is not in its file yet, and what comes back.

No patient data stays in them: changes are named by keys, and `journal_staged` is emptied by the
start that fills it, before anything else uses the database. Rules as in schema.py.
"""

from __future__ import annotations

import sqlalchemy as sa

from echonode.store.database.columns import METADATA, Whole, text_column
from echonode.store.database.dialects import partial_index

# Written by triggers (journal/triggers.py). The newest row stays when the others are removed, so
# that numbers always ascend.
journal_change = sa.Table(
    "journal_change",
    METADATA,
    sa.Column("id", Whole, primary_key=True),
    text_column("kind"),
    # JSON: the values of the row's primary key.
    text_column("key"),
)

# What the journal's file says of each row, while a lost database is made again.
journal_staged = sa.Table(
    "journal_staged",
    METADATA,
    text_column("kind"),
    text_column("key"),
    # SOP Instance UID, of a row that can only be there with its instance; else ''.
    text_column("sop_instance_uid"),
    # JSON: column -> value.
    text_column("content"),
    sa.PrimaryKeyConstraint("kind", "key"),
    partial_index(
        "journal_staged_by_instance",
        "sop_instance_uid",
        where=sa.text("sop_instance_uid <> ''"),
    ),
)
