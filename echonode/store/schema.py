"""The database's tables, and the invariants that it refuses to break.

Rules
- A column for every attribute of model.attributes that is not computed, named by the attribute.
- Counts and sets over lower levels are kept in rows, by the transaction that inserts an instance:
  a query never counts.
- Times are whole microseconds since 1970 in UTC (`UtcTime`); unknown is NULL. Text is never NULL.
- A change here is a new migration in migrations.py. What was (tombstones, the flight recorder) is
  in history_schema.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from echonode.model.attributes import of_level
from echonode.model.commitment import TransactionState
from echonode.model.criteria import Level
from echonode.model.delivery import DeliveryState
from echonode.model.instance import Origin

METADATA = sa.MetaData()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware time; in the database whole microseconds since 1970, so order is order in time."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else _EPOCH + value * _MICROSECOND


def _one_of(column: str, values: type[StrEnum], *, without: Sequence[str] = ()) -> str:
    """CHECK text: the column holds one of an enum's values. Constants of ours only."""
    allowed = ", ".join(f"'{value}'" for value in values if value not in without)
    return f"{column} IN ({allowed})"


def _text(name: str, *, primary_key: bool = False, unique: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, primary_key=primary_key, unique=unique)


def _count(name: str) -> sa.Column[int]:
    # A count below zero means that a row was counted twice when it went.
    return sa.Column(
        name, sa.Integer, sa.CheckConstraint(f"{name} >= 0"), nullable=False, default=0
    )


def _time(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, UtcTime, nullable=nullable)


def _attributes(level: Level) -> list[sa.Column[str]]:
    """The columns of a level's attributes; of each name also its folded forms (folding.py)."""
    columns: list[sa.Column[str]] = []
    for attribute in of_level(level):
        if attribute.computed:
            continue
        columns.append(_text(attribute.column))
        if attribute.vr == "PN":
            columns += [_text(f"{attribute.column}_folded"), _text(f"{attribute.column}_other")]
    return columns


def _key() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True)


def _irregular() -> sa.Column[bool]:
    # True where a value is not of its VR's form (a date that is none, two values where one
    # belongs): SQL cannot narrow on it, so such a row is a candidate for every query.
    return sa.Column("irregular", sa.Boolean, nullable=False)


def _of(table: str, *, index: bool = True, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(f"{table}_id", sa.ForeignKey(f"{table}.id"), nullable=nullable, index=index)


schema_migration = sa.Table(
    "schema_migration",
    METADATA,
    sa.Column("version", sa.Integer, primary_key=True),
    _time("applied_at"),
)

meta = sa.Table("meta", METADATA, _text("key", primary_key=True), _text("value"))

counter = sa.Table(
    "counter",
    METADATA,
    _text("name", primary_key=True),
    sa.Column("value", sa.Integer, nullable=False),
)

patient = sa.Table(
    "patient",
    METADATA,
    _key(),
    # A patient is (Issuer of Patient ID, Patient ID). Without a Patient ID nothing says that two
    # studies are of one person, so each study then has a patient of its own.
    _text("identity", unique=True),
    *_attributes(Level.PATIENT),
    _count("number_of_patient_related_studies"),
    _count("number_of_patient_related_series"),
    _count("number_of_patient_related_instances"),
    _irregular(),
    sa.Index("patient_by_id", "patient_id"),
    sa.Index("patient_by_name", "patient_name_folded"),
    sa.Index("patient_by_birth_date", "patient_birth_date"),
)

study = sa.Table(
    "study",
    METADATA,
    _key(),
    # A study belongs to one patient (PS3.3 A.1.2): the first one it came with.
    _of("patient"),
    *_attributes(Level.STUDY),
    _text("modalities_in_study"),
    _text("sop_classes_in_study"),
    _count("number_of_study_related_series"),
    _count("number_of_study_related_instances"),
    _irregular(),
    # Two rows of one UID would be two answers to one question.
    sa.UniqueConstraint("study_instance_uid"),
    sa.Index("study_by_date", "study_date"),
    sa.Index("study_by_accession_number", "accession_number"),
    sa.Index("study_by_study_id", "study_id"),
    sa.Index("study_by_referring_physician", "referring_physician_name_folded"),
)

series = sa.Table(
    "series",
    METADATA,
    _key(),
    _of("study", index=False),
    *_attributes(Level.SERIES),
    _count("number_of_series_related_instances"),
    _irregular(),
    # Unique within its study only: a faulty sender that uses one series UID in two studies must
    # not move instances from the study that their own dataset names.
    sa.UniqueConstraint("study_id", "series_instance_uid"),
    sa.Index("series_by_uid", "series_instance_uid"),
    sa.Index("series_by_date", "series_date"),
    sa.Index("series_by_procedure_step", "performed_procedure_step_id"),
)

instance = sa.Table(
    "instance",
    METADATA,
    _key(),
    _of("series"),
    *_attributes(Level.IMAGE),
    _text("transfer_syntax_uid"),
    sa.Column("frames", sa.Integer, sa.CheckConstraint("frames >= 1"), nullable=False),
    _irregular(),
    # Two instances in one file would overwrite each other.
    _text("file_id", unique=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("dataset_offset", sa.Integer, nullable=False),
    # Without its hash an instance could not be told from another with the same UID.
    sa.Column("dataset_sha256", sa.Text, sa.CheckConstraint("length(dataset_sha256) = 64")),
    sa.Column("file_missing", sa.Boolean, nullable=False, default=False),
    sa.Column("origin", sa.Text, sa.CheckConstraint(_one_of("origin", Origin)), nullable=False),
    _text("source_ae_title"),
    _time("acquired_at", nullable=True),
    _time("stored_at"),
    # JSON; frames dropped, partial lines and the like: what is known of how it came to be.
    _text("evidence"),
    # One UID, one instance (PS3.5 9): the second with other bytes goes to quarantine.
    sa.UniqueConstraint("sop_instance_uid"),
    sa.Index("instance_file_missing", "id", sqlite_where=sa.text("file_missing = 1")),
)

commitment_transaction = sa.Table(
    "commitment_transaction",
    METADATA,
    _key(),
    # A Transaction UID is never used again (PS3.4 J.3.2.1.1).
    _text("transaction_uid", unique=True),
    _text("destination"),
    # Only this AE's report counts.
    _text("peer_ae_title"),
    sa.Column(
        "state", sa.Text, sa.CheckConstraint(_one_of("state", TransactionState)), nullable=False
    ),
    _time("requested_at"),
    _time("first_requested_at"),
    sa.Column("times_asked", sa.Integer, nullable=False),
    _time("ended_at", nullable=True),
    sa.Index("commitment_transaction_by_state", "destination", "state"),
    sa.Index("commitment_transaction_by_end", "destination", "state", "ended_at"),
)

delivery = sa.Table(
    "delivery",
    METADATA,
    _key(),
    _of("instance", index=False),
    _text("destination"),
    # `captured` is the absence of deliveries, so it is no state of one.
    sa.Column(
        "state",
        sa.Text,
        sa.CheckConstraint(_one_of("state", DeliveryState, without=[DeliveryState.CAPTURED])),
        nullable=False,
    ),
    _count("attempts"),
    sa.Column("last_status", sa.Integer),
    _text("last_error"),
    _time("next_attempt_at", nullable=True),
    _time("acquired_at"),
    _time("sent_at", nullable=True),
    _time("first_asked_at", nullable=True),
    _time("committed_at", nullable=True),
    _count("commitments_asked"),
    _count("commitments_failed"),
    # The archive's copy differs from ours (B006, B007): ours stays until a person clears this.
    sa.Column("keep_local_copy", sa.Boolean, nullable=False, server_default=sa.text("0")),
    # On the observed clock (retention.py): when retention first saw the proof; NULL before.
    sa.Column("proof_seen_s", sa.Integer),
    _of("commitment_transaction", nullable=True),
    # One delivery for each instance and destination, or an instance would be sent twice.
    sa.UniqueConstraint("instance_id", "destination"),
    # Whoever waits for a report waits for that of a transaction, and nobody else does.
    sa.CheckConstraint(
        "(state = 'commit_requested') = (commitment_transaction_id IS NOT NULL)",
        name="waits_for_a_transaction",
    ),
    # A queued delivery without a time would never be claimed.
    sa.CheckConstraint("state <> 'queued' OR next_attempt_at IS NOT NULL", name="queued_is_due"),
    # The moment of proof and the proof are one.
    sa.CheckConstraint("(state = 'committed') = (committed_at IS NOT NULL)", name="proof_has_time"),
    sa.Index("delivery_in_order", "destination", "state", "acquired_at", "id"),
    sa.Index("delivery_by_due", "destination", "state", "next_attempt_at"),
    sa.Index(
        "delivery_by_proof_seen",
        "proof_seen_s",
        "id",
        sqlite_where=sa.text("proof_seen_s IS NOT NULL"),
    ),
    sa.Index(
        "delivery_proof_unseen",
        "id",
        sqlite_where=sa.text("state IN ('committed', 'verified') AND proof_seen_s IS NULL"),
    ),
    sa.Index("delivery_kept", "id", sqlite_where=sa.text("keep_local_copy = 1")),
)

commitment_item = sa.Table(
    "commitment_item",
    METADATA,
    sa.Column("commitment_transaction_id", sa.ForeignKey("commitment_transaction.id")),
    sa.Column("delivery_id", sa.ForeignKey("delivery.id"), index=True),
    # NULL until a report names it; 0 committed, else the Failure Reason (0008,1197).
    sa.Column("outcome", sa.Integer),
    sa.PrimaryKeyConstraint("commitment_transaction_id", "delivery_id"),
)

refused_report = sa.Table(
    "refused_report",
    METADATA,
    _key(),
    _time("received_at"),
    _text("peer_ae_title"),
    _text("transaction_uid"),
    _text("reason"),
)

inbound_commitment = sa.Table(
    "inbound_commitment",
    METADATA,
    _key(),
    _text("peer_ae_title"),
    _text("transaction_uid"),
    sa.Column(
        "state",
        sa.Text,
        sa.CheckConstraint("state IN ('pending', 'reported', 'given_up')"),
        nullable=False,
    ),
    _count("attempts"),
    _time("requested_at"),
    _time("next_attempt_at"),
    _time("ended_at", nullable=True),
    _text("last_error"),
    # A peer that uses one Transaction UID twice is told so: 0131 (PS3.4 J.3.3.1.2).
    sa.UniqueConstraint("peer_ae_title", "transaction_uid"),
    sa.Index("inbound_commitment_by_due", "state", "next_attempt_at"),
)

inbound_commitment_item = sa.Table(
    "inbound_commitment_item",
    METADATA,
    # In the order of the request, so that the report follows it.
    sa.Column("inbound_commitment_id", sa.ForeignKey("inbound_commitment.id")),
    sa.Column("position", sa.Integer),
    _text("sop_class_uid"),
    _text("sop_instance_uid"),
    sa.PrimaryKeyConstraint("inbound_commitment_id", "position"),
)

quarantine = sa.Table(
    "quarantine",
    METADATA,
    _key(),
    _text("file_id", unique=True),
    _text("sop_instance_uid"),
    _text("dataset_sha256"),
    _text("source_ae_title"),
    _text("reason"),
    _time("quarantined_at"),
)

# Ideographic and phonetic groups (folding.py); most names have none, so partial indexes.
for _column in (patient.c.patient_name_other, study.c.referring_physician_name_other):
    sa.Index(
        f"{_column.table.name}_by_{_column.name}", _column, sqlite_where=_column > sa.text("''")
    )

# Rows that are candidates for every query (see `_irregular`); next to none, so partial indexes.
for _table in (patient, study, series, instance):
    sa.Index(f"{_table.name}_irregular", _table.c.irregular, sqlite_where=sa.text("irregular = 1"))
