"""The database: all of its tables under one name, and those about the database itself.

Rules
- Invariants are constraints of the tables, with their reasons: the index in index_schema.py,
  deliveries and commitments in delivery_schema.py, exams in exam_schema.py, their documents in
  document_schema.py, the journal in journal_schema.py, measurements in measurement_schema.py, print
  jobs in print_schema.py, users and watch links in access_schema.py, nodes in cluster_schema.py,
  the past in history_schema.py.
- A change to any of them is a new migration in migrations.py.
"""

from __future__ import annotations

import sqlalchemy as sa

from echonode.store.database.access_schema import (
    api_token,
    user_account,
    user_session,
    watch_link,
)
from echonode.store.database.cluster_schema import cluster_node, lease
from echonode.store.database.columns import (
    METADATA,
    UtcTime,
    Whole,
    key_column,
    text_column,
    time_column,
)
from echonode.store.database.delivery_schema import (
    commitment_item,
    commitment_transaction,
    delivery,
    derived_copy,
    inbound_commitment,
    inbound_commitment_item,
    pixel_look,
    refused_report,
)
from echonode.store.database.document_schema import exam_document, hl7_result
from echonode.store.database.exam_schema import (
    exam,
    exam_capture,
    exam_event,
    hl7_message,
    known_patient,
    patient_merge,
    procedure_step,
    worklist_item,
)
from echonode.store.database.history_schema import (
    deleted_instance,
    flight_event,
    tombstone,
    tombstone_delivery,
)
from echonode.store.database.index_schema import (
    identity_conflict,
    instance,
    instance_description,
    patient,
    series,
    study,
)
from echonode.store.database.journal_schema import journal_change, journal_staged
from echonode.store.database.measurement_schema import measurement
from echonode.store.database.print_schema import print_job

__all__ = [
    "METADATA",
    "UtcTime",
    "api_token",
    "cluster_node",
    "commitment_item",
    "commitment_transaction",
    "counter",
    "deleted_instance",
    "delivery",
    "derived_copy",
    "exam",
    "exam_capture",
    "exam_document",
    "exam_event",
    "flight_event",
    "hl7_message",
    "hl7_result",
    "identity_conflict",
    "inbound_commitment",
    "inbound_commitment_item",
    "instance",
    "instance_description",
    "journal_change",
    "journal_staged",
    "known_patient",
    "lease",
    "measurement",
    "meta",
    "patient",
    "patient_merge",
    "pixel_look",
    "print_job",
    "procedure_step",
    "quarantine",
    "refused_report",
    "schema_migration",
    "series",
    "study",
    "tombstone",
    "tombstone_delivery",
    "user_account",
    "user_session",
    "watch_link",
    "worklist_item",
]

schema_migration = sa.Table(
    "schema_migration",
    METADATA,
    sa.Column("version", Whole, primary_key=True),
    time_column("applied_at"),
)

meta = sa.Table("meta", METADATA, text_column("key", primary_key=True), text_column("value"))

counter = sa.Table(
    "counter",
    METADATA,
    text_column("name", primary_key=True),
    sa.Column("value", Whole, nullable=False),
)

quarantine = sa.Table(
    "quarantine",
    METADATA,
    key_column(),
    text_column("file_id", unique=True),
    text_column("sop_instance_uid"),
    text_column("dataset_sha256"),
    text_column("source_ae_title"),
    text_column("reason"),
    time_column("quarantined_at"),
)
