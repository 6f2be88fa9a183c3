"""The database's version, and how an older one becomes the present one.

Rules
- A new database is made from the tables of schema.py. An older one becomes the same by MIGRATIONS:
  [n] makes version n of version n-1. A test compares the two.
- All of it is one transaction with its rows in schema_migration: a node that is killed half-way
  finds the old version, complete.
- A migration says in SQL what changed, and does not change once released: the tables of schema.py
  may be those of a later version.
- A database of a later version is refused before anything is written to it.
- A table that is remade is dropped while others refer to it: foreign keys are not enforced during
  that time (opening.py), and those to and from it are checked at the end of the transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

import sqlalchemy as sa

from echonode.errors import IndexDamaged, SchemaTooNew
from echonode.store.database import schema


def _create(connection: sa.Connection) -> None:
    schema.METADATA.create_all(connection, checkfirst=False)
    # Part of the UIDs we derive, so that two nodes never derive the same one. A new database gets
    # a new one because its counters begin again.
    connection.execute(sa.insert(schema.meta), {"key": "node_id", "value": secrets.token_hex(8)})


# Retention, the event log and the statistics that metrics show.
_VERSION_2 = """
ALTER TABLE delivery ADD COLUMN keep_local_copy BOOLEAN DEFAULT 0 NOT NULL;
ALTER TABLE delivery ADD COLUMN proof_seen_s INTEGER;
UPDATE delivery SET keep_local_copy = 1 WHERE last_status IN (45062, 45063);
CREATE INDEX delivery_by_proof_seen ON delivery (proof_seen_s, id)
    WHERE proof_seen_s IS NOT NULL;
CREATE INDEX delivery_proof_unseen ON delivery (id)
    WHERE state IN ('committed', 'verified') AND proof_seen_s IS NULL;
CREATE INDEX delivery_kept ON delivery (id) WHERE keep_local_copy = 1;
CREATE INDEX instance_file_missing ON instance (id) WHERE file_missing = 1;
CREATE INDEX commitment_transaction_by_end ON commitment_transaction
    (destination, state, ended_at);
CREATE TABLE tombstone (
    id INTEGER NOT NULL PRIMARY KEY,
    sop_instance_uid TEXT NOT NULL UNIQUE,
    sop_class_uid TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    frames INTEGER NOT NULL,
    file_id TEXT NOT NULL UNIQUE,
    dataset_sha256 TEXT NOT NULL,
    acquired_at BIGINT,
    stored_at BIGINT NOT NULL,
    deleted_at BIGINT NOT NULL);
CREATE TABLE tombstone_delivery (
    tombstone_id INTEGER NOT NULL REFERENCES tombstone (id) ON DELETE CASCADE,
    destination TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    committed_at BIGINT,
    PRIMARY KEY (tombstone_id, destination));
CREATE TABLE flight_event (
    id INTEGER NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    destination TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    state TEXT NOT NULL,
    status INTEGER,
    transaction_uid TEXT NOT NULL,
    detail TEXT NOT NULL);
CREATE INDEX flight_event_by_study ON flight_event (study_instance_uid, id);
"""


# Lossy copies. Version 2 left what was sent in their place `sent` until the year 9999 and did not
# remember it: it is sent once more, the same bytes under the same UID, and is proved this time.
_VERSION_3 = """
CREATE TABLE derived_copy (
    delivery_id INTEGER NOT NULL PRIMARY KEY REFERENCES delivery (id) ON DELETE CASCADE,
    sop_class_uid TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL,
    dataset_sha256 TEXT NOT NULL);
ALTER TABLE commitment_item ADD COLUMN derived_sop_instance_uid TEXT DEFAULT '' NOT NULL;
ALTER TABLE tombstone_delivery ADD COLUMN derived_sop_instance_uid TEXT DEFAULT '' NOT NULL;
CREATE INDEX tombstone_delivery_by_copy ON tombstone_delivery (derived_sop_instance_uid)
    WHERE derived_sop_instance_uid <> '';
UPDATE delivery SET state = 'queued', next_attempt_at = 0
    WHERE state = 'sent' AND next_attempt_at = 253402214400000000;
"""


# Patients apart. A study was the one of its first patient, whatever came under its UID: the table
# is made again without that rule, and every file is read again in the background
# (patient_reread.py), which moves what was merged. Without a Patient ID the name and the birth date
# are now part of a patient's identity.
# Files that were found damaged, and not only gone, are marked.
_VERSION_4 = """
ALTER TABLE instance ADD COLUMN file_damaged BOOLEAN DEFAULT 0 NOT NULL;
CREATE INDEX instance_file_damaged ON instance (id) WHERE file_damaged = 1;
ALTER TABLE patient ADD COLUMN varied BOOLEAN DEFAULT 0 NOT NULL;
CREATE INDEX patient_varied ON patient (varied) WHERE varied = 1;
UPDATE patient SET identity = identity || char(31) || patient_name_folded || char(31)
    || patient_birth_date WHERE substr(identity, 1, 6) = 'study' || char(31);
CREATE TABLE study_4 (
    id INTEGER NOT NULL PRIMARY KEY,
    patient_id INTEGER NOT NULL REFERENCES patient (id),
    study_instance_uid TEXT NOT NULL,
    study_date TEXT NOT NULL,
    study_time TEXT NOT NULL,
    accession_number TEXT NOT NULL,
    study_id TEXT NOT NULL,
    study_description TEXT NOT NULL,
    referring_physician_name TEXT NOT NULL,
    referring_physician_name_folded TEXT NOT NULL,
    referring_physician_name_other TEXT NOT NULL,
    name_of_physicians_reading_study TEXT NOT NULL,
    name_of_physicians_reading_study_folded TEXT NOT NULL,
    name_of_physicians_reading_study_other TEXT NOT NULL,
    admitting_diagnoses_description TEXT NOT NULL,
    patient_age TEXT NOT NULL,
    patient_size TEXT NOT NULL,
    patient_weight TEXT NOT NULL,
    occupation TEXT NOT NULL,
    additional_patient_history TEXT NOT NULL,
    modalities_in_study TEXT NOT NULL,
    sop_classes_in_study TEXT NOT NULL,
    number_of_study_related_series INTEGER NOT NULL CHECK (number_of_study_related_series >= 0),
    number_of_study_related_instances INTEGER NOT NULL
        CHECK (number_of_study_related_instances >= 0),
    irregular BOOLEAN NOT NULL,
    own_patient TEXT DEFAULT '' NOT NULL,
    UNIQUE (study_instance_uid, patient_id));
INSERT INTO study_4 SELECT *, '' FROM study;
DROP TABLE study;
ALTER TABLE study_4 RENAME TO study;
CREATE INDEX ix_study_patient_id ON study (patient_id);
CREATE INDEX study_by_date ON study (study_date);
CREATE INDEX study_by_accession_number ON study (accession_number);
CREATE INDEX study_by_study_id ON study (study_id);
CREATE INDEX study_by_referring_physician ON study (referring_physician_name_folded);
CREATE INDEX study_by_referring_physician_name_other ON study (referring_physician_name_other)
    WHERE referring_physician_name_other > '';
CREATE INDEX study_irregular ON study (irregular) WHERE irregular = 1;
ALTER TABLE series ADD COLUMN own_patient TEXT DEFAULT '' NOT NULL;
ALTER TABLE instance ADD COLUMN own_patient TEXT DEFAULT '' NOT NULL;
CREATE TABLE identity_conflict (
    id INTEGER NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('study', 'series', 'patient')),
    study_instance_uid TEXT NOT NULL,
    series_instance_uid TEXT NOT NULL,
    found_at BIGINT NOT NULL,
    acknowledged_at BIGINT,
    UNIQUE (study_instance_uid, kind, series_instance_uid));
CREATE TABLE deleted_instance (
    uid_digest BLOB NOT NULL PRIMARY KEY,
    dataset_digest BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO meta (key, value) SELECT 'patients_read_up_to', '0'
    WHERE EXISTS (SELECT 1 FROM instance);
"""


def _by_script(script: str) -> Callable[[sa.Connection], None]:
    def migrate_by_script(connection: sa.Connection) -> None:
        for statement in script.split(";"):
            if statement.strip():
                connection.exec_driver_sql(statement)

    return migrate_by_script


MIGRATIONS: Mapping[int, Callable[[sa.Connection], None]] = MappingProxyType(
    {2: _by_script(_VERSION_2), 3: _by_script(_VERSION_3), 4: _by_script(_VERSION_4)}
)
SCHEMA_VERSION = max(MIGRATIONS)
_MADE_AGAIN = ("study", "series")  # and what refers to it; the tables below hold millions of rows


def version_of(connection: sa.Connection) -> int:
    """The version of an existing database; 0 for an empty one."""
    if not sa.inspect(connection).has_table(schema.schema_migration.name):
        return 0
    newest = connection.scalar(sa.select(sa.func.max(schema.schema_migration.c.version)))
    return int(newest or 0)


def refuse_newer(connection: sa.Connection) -> int:
    """The version; SchemaTooNew when this EchoNode does not know it."""
    version = version_of(connection)
    if version > SCHEMA_VERSION:
        raise SchemaTooNew(
            f"the database has version {version}, this EchoNode knows {SCHEMA_VERSION}: "
            "start the later EchoNode again, or give this one a data_dir of its own"
        )
    return version


def migrate(connection: sa.Connection, version: int, now: datetime) -> None:
    """Bring a database to SCHEMA_VERSION; runs inside the caller's transaction.

    Raises IndexDamaged.
    """
    if version == 0:
        _create(connection)
    for step in range(version + 1, SCHEMA_VERSION + 1):
        if version > 0:
            MIGRATIONS[step](connection)
        connection.execute(sa.insert(schema.schema_migration), {"version": step, "applied_at": now})
    for table in _MADE_AGAIN:
        if connection.exec_driver_sql(f"PRAGMA foreign_key_check({table})").first() is not None:
            raise IndexDamaged("a row of the database refers to one that is not there")
