"""Tables of the past: instances that were deleted, and the events of deliveries.

No patient data: UIDs, destinations, states, statuses and our own words. Rules as in schema.py.
"""

from __future__ import annotations

import sqlalchemy as sa

from echonode.store.database.columns import METADATA, UtcTime, Whole, Words, text_column
from echonode.store.database.dialects import partial_index

tombstone = sa.Table(
    "tombstone",
    METADATA,
    sa.Column("id", Whole, primary_key=True),
    text_column("sop_instance_uid"),
    text_column("sop_class_uid"),
    text_column("study_instance_uid"),
    sa.Column("frames", Whole, nullable=False),
    # The file that is deleted; the next start deletes it if it still exists.
    text_column("file_id"),
    # What the archives hold: other bytes under this UID are refused as if ours were still here.
    text_column("dataset_sha256"),
    sa.Column("acquired_at", UtcTime),
    sa.Column("stored_at", UtcTime, nullable=False),
    sa.Column("deleted_at", UtcTime, nullable=False),
    # An instance that returns and is deleted again leaves one tombstone, the latest.
    sa.UniqueConstraint("sop_instance_uid"),
    sa.UniqueConstraint("file_id"),
)

tombstone_delivery = sa.Table(
    "tombstone_delivery",
    METADATA,
    sa.Column("tombstone_id", sa.ForeignKey("tombstone.id", ondelete="CASCADE")),
    text_column("destination"),
    # The proof that allowed the deletion; the ledger continues to show it.
    text_column("state"),
    sa.Column("attempts", Whole, nullable=False),
    sa.Column("committed_at", UtcTime),
    # The copy that the proof is of; '' where it is of the instance itself.
    sa.Column("derived_sop_instance_uid", Words, nullable=False, server_default=""),
    # The profile of an anonymised copy; '' of a lossy one.
    sa.Column("anonymised_by", Words, nullable=False, server_default=""),
    sa.PrimaryKeyConstraint("tombstone_id", "destination"),
    partial_index(
        "tombstone_delivery_by_copy",
        "derived_sop_instance_uid",
        where=sa.text("derived_sop_instance_uid <> ''"),
    ),
)

# What finally stays of a tombstone (pruning.py): enough to detect other bytes under its UID. The
# first 16 bytes of two SHA-256; that two UIDs share theirs by chance would refuse an instance once
# in some 10^24, and it would be in quarantine.
deleted_instance = sa.Table(
    "deleted_instance",
    METADATA,
    sa.Column("uid_digest", sa.LargeBinary, primary_key=True),
    sa.Column("dataset_digest", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

flight_event = sa.Table(
    "flight_event",
    METADATA,
    # Always ascending: the event log drops the lowest (event_log.py).
    sa.Column("id", Whole, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    text_column("kind"),
    # '' for an event of a destination and no single study or instance.
    text_column("destination"),
    text_column("study_instance_uid"),
    text_column("sop_instance_uid"),
    text_column("state"),
    # Of the C-STORE or N-ACTION response.
    sa.Column("status", Whole),
    # Of the commitment request.
    text_column("transaction_uid"),
    text_column("detail"),
    sa.Index("flight_event_by_study", "study_instance_uid", "id"),
)
