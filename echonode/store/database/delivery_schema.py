"""Tables of deliveries and of commitments: those asked of archives and those given to peers."""

from __future__ import annotations

import sqlalchemy as sa

from echonode.model.commitment import InboundState, TransactionState
from echonode.model.delivery import DeliveryState
from echonode.store.database.columns import (
    METADATA,
    Whole,
    Words,
    count_column,
    key_column,
    one_of,
    reference_to,
    text_column,
    time_column,
)
from echonode.store.database.dialects import is_true, partial_index

commitment_transaction = sa.Table(
    "commitment_transaction",
    METADATA,
    key_column(),
    # A Transaction UID is never used again (PS3.4 J.3.2.1.1).
    text_column("transaction_uid", unique=True),
    text_column("destination"),
    # Only this AE's report counts.
    text_column("peer_ae_title"),
    sa.Column(
        "state", Words, sa.CheckConstraint(one_of("state", TransactionState)), nullable=False
    ),
    time_column("requested_at"),
    time_column("first_requested_at"),
    sa.Column("times_asked", Whole, nullable=False),
    time_column("ended_at", nullable=True),
    sa.Index("commitment_transaction_by_state", "destination", "state"),
    sa.Index("commitment_transaction_by_end", "destination", "state", "ended_at"),
)

delivery = sa.Table(
    "delivery",
    METADATA,
    key_column(),
    reference_to("instance", index=False),
    text_column("destination"),
    # `captured` means that there is no delivery, so no delivery has it.
    sa.Column(
        "state",
        Words,
        sa.CheckConstraint(one_of("state", DeliveryState, without=[DeliveryState.CAPTURED])),
        nullable=False,
    ),
    count_column("attempts"),
    sa.Column("last_status", Whole),
    text_column("last_error"),
    time_column("next_attempt_at", nullable=True),
    time_column("acquired_at"),
    time_column("sent_at", nullable=True),
    time_column("first_asked_at", nullable=True),
    time_column("committed_at", nullable=True),
    count_column("commitments_asked"),
    count_column("commitments_failed"),
    # The archive's copy differs from ours (B006, B007): ours stays until a person clears this.
    sa.Column("keep_local_copy", sa.Boolean, nullable=False, server_default=sa.false()),
    # On the observed clock (policy.py): when retention first saw the proof; NULL before.
    sa.Column("proof_seen_s", Whole),
    reference_to("commitment_transaction", nullable=True),
    # The incarnation of the node that sends it; '' while none does (nodes/membership.py).
    sa.Column("claimed_by", Words, nullable=False, server_default=""),
    # One delivery for each instance and destination, or an instance would be sent twice.
    sa.UniqueConstraint("instance_id", "destination"),
    # A delivery waits for a report exactly while it refers to a transaction.
    sa.CheckConstraint(
        "(state = 'commit_requested') = (commitment_transaction_id IS NOT NULL)",
        name="waits_for_a_transaction",
    ),
    # A queued delivery without a time would never be claimed.
    sa.CheckConstraint("state <> 'queued' OR next_attempt_at IS NOT NULL", name="queued_is_due"),
    # The time of proof and the proof exist together.
    sa.CheckConstraint("(state = 'committed') = (committed_at IS NOT NULL)", name="proof_has_time"),
    sa.Index("delivery_in_order", "destination", "state", "acquired_at", "id"),
    sa.Index("delivery_by_due", "destination", "state", "next_attempt_at"),
    partial_index(
        "delivery_by_proof_seen",
        "proof_seen_s",
        "id",
        where=sa.text("proof_seen_s IS NOT NULL"),
    ),
    partial_index(
        "delivery_proof_unseen",
        "id",
        where=sa.text("state IN ('committed', 'verified') AND proof_seen_s IS NULL"),
    ),
    partial_index("delivery_kept", "id", where=is_true(sa.column("keep_local_copy", sa.Boolean))),
)

# What was last sent instead of a delivery's own instance: for an archive that takes only a lossy
# form, or that must get no patient; no row where the instance itself was sent. The delivery's proof
# is proof of it.
derived_copy = sa.Table(
    "derived_copy",
    METADATA,
    sa.Column("delivery_id", sa.ForeignKey("delivery.id", ondelete="CASCADE"), primary_key=True),
    text_column("sop_class_uid"),
    text_column("sop_instance_uid"),
    text_column("transfer_syntax_uid"),
    text_column("dataset_sha256"),
    # Of an anonymised copy: its own study and series, and the profile; else ''.
    sa.Column("study_instance_uid", Words, nullable=False, server_default=""),
    sa.Column("series_instance_uid", Words, nullable=False, server_default=""),
    sa.Column("anonymised_by", Words, nullable=False, server_default=""),
)

# A person has looked at an image and seen no text in its pixels: an anonymised copy may be made.
# The look goes with the image.
pixel_look = sa.Table(
    "pixel_look",
    METADATA,
    sa.Column("instance_id", sa.ForeignKey("instance.id", ondelete="CASCADE"), primary_key=True),
    time_column("looked_at"),
    # The user's name; '' where no user is known.
    text_column("looked_by"),
)

commitment_item = sa.Table(
    "commitment_item",
    METADATA,
    sa.Column("commitment_transaction_id", sa.ForeignKey("commitment_transaction.id")),
    sa.Column("delivery_id", sa.ForeignKey("delivery.id"), index=True),
    # The derived copy that the request named instead of the instance; '' the instance itself. A
    # late report is about what was named then, whatever was sent since.
    sa.Column("derived_sop_instance_uid", Words, nullable=False, server_default=""),
    # NULL until a report names it; 0 committed, else the Failure Reason (0008,1197).
    sa.Column("outcome", Whole),
    sa.PrimaryKeyConstraint("commitment_transaction_id", "delivery_id"),
)

refused_report = sa.Table(
    "refused_report",
    METADATA,
    key_column(),
    time_column("received_at"),
    text_column("peer_ae_title"),
    text_column("transaction_uid"),
    text_column("reason"),
)

inbound_commitment = sa.Table(
    "inbound_commitment",
    METADATA,
    key_column(),
    text_column("peer_ae_title"),
    text_column("transaction_uid"),
    sa.Column(
        "state",
        Words,
        sa.CheckConstraint(one_of("state", InboundState)),
        nullable=False,
    ),
    count_column("attempts"),
    time_column("requested_at"),
    time_column("next_attempt_at"),
    time_column("ended_at", nullable=True),
    text_column("last_error"),
    # A second use of a Transaction UID by the same peer is answered 0131 (PS3.4 J.3.3.1.2).
    sa.UniqueConstraint("peer_ae_title", "transaction_uid"),
    sa.Index("inbound_commitment_by_due", "state", "next_attempt_at"),
)

inbound_commitment_item = sa.Table(
    "inbound_commitment_item",
    METADATA,
    # In the order of the request, so that the report follows it.
    sa.Column("inbound_commitment_id", sa.ForeignKey("inbound_commitment.id")),
    sa.Column("position", Whole),
    text_column("sop_class_uid"),
    text_column("sop_instance_uid"),
    sa.PrimaryKeyConstraint("inbound_commitment_id", "position"),
)
