"""Tables of what was: instances that were deleted, and what happened to each on its way.

No patient data: UIDs, destinations, states, statuses and our own words. Rules as in schema.py.
"""

from __future__ import annotations

import sqlalchemy as sa

from echonode.store.schema import METADATA, UtcTime


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


tombstone = sa.Table(
    "tombstone",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _text("sop_instance_uid"),
    _text("sop_class_uid"),
    _text("study_instance_uid"),
    sa.Column("frames", sa.Integer, nullable=False),
    # The file that goes; at the next start it goes if it is still there.
    _text("file_id"),
    # What the archives hold: other bytes under this UID are refused as if ours were still here.
    _text("dataset_sha256"),
    sa.Column("acquired_at", UtcTime),
    sa.Column("stored_at", UtcTime, nullable=False),
    sa.Column("deleted_at", UtcTime, nullable=False),
    # An instance that comes again and goes again leaves one tombstone, the latest.
    sa.UniqueConstraint("sop_instance_uid"),
    sa.UniqueConstraint("file_id"),
)

tombstone_delivery = sa.Table(
    "tombstone_delivery",
    METADATA,
    sa.Column("tombstone_id", sa.ForeignKey("tombstone.id", ondelete="CASCADE")),
    _text("destination"),
    # The proof that allowed the deletion, as the ledger goes on to show it.
    _text("state"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("committed_at", UtcTime),
    sa.PrimaryKeyConstraint("tombstone_id", "destination"),
)

flight_event = sa.Table(
    "flight_event",
    METADATA,
    # Ascending for ever: the recorder is bounded by dropping the lowest (flight_recorder.py).
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    _text("kind"),
    # '' for what concerns a destination and no single study or instance.
    _text("destination"),
    _text("study_instance_uid"),
    _text("sop_instance_uid"),
    _text("state"),
    # Of the C-STORE or N-ACTION response.
    sa.Column("status", sa.Integer),
    # Of the commitment request.
    _text("transaction_uid"),
    _text("detail"),
    sa.Index("flight_event_by_study", "study_instance_uid", "id"),
)
