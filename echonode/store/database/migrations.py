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


# Exams, the worklist, procedure steps, and what HL7 messages said. Nothing of before changes: an
# instance that is here already is of no exam.
_VERSION_5 = """
CREATE TABLE exam (
    id TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    probe TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    progress TEXT NOT NULL CHECK (progress IN ('open', 'scanning', 'ended')),
    identity TEXT NOT NULL CHECK (identity IN ('unidentified', 'identified', 'corrected')),
    held BOOLEAN NOT NULL,
    opened_at BIGINT NOT NULL,
    utc_offset_minutes INTEGER NOT NULL,
    ended_at BIGINT,
    patient TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    worklist_item TEXT NOT NULL,
    worklist_item_id TEXT NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT identity_is_a_patient CHECK ((identity = 'unidentified') = (patient = '')),
    CONSTRAINT end_has_time CHECK ((progress = 'ended') = (ended_at IS NOT NULL)));
CREATE INDEX exam_by_connection ON exam (connection_id);
CREATE INDEX exam_by_opening ON exam (opened_at);
CREATE INDEX exam_by_patient ON exam (patient_id);
CREATE INDEX exam_by_study ON exam (study_instance_uid);
CREATE UNIQUE INDEX exam_open_of_probe ON exam (probe)
    WHERE progress <> 'ended' AND connection_id = '';
CREATE INDEX exam_unidentified ON exam (id) WHERE identity = 'unidentified';
CREATE TABLE exam_event (
    id INTEGER NOT NULL,
    exam_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    event TEXT NOT NULL
        CHECK (event IN ('opened', 'captured', 'identified', 'ended', 'reopened', 'corrected')),
    progress TEXT NOT NULL,
    identity TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(exam_id) REFERENCES exam (id));
CREATE INDEX exam_event_by_exam ON exam_event (exam_id, id);
CREATE TABLE exam_capture (
    id INTEGER NOT NULL,
    exam_id TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    series_instance_uid TEXT NOT NULL,
    probe TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    acquisition_number INTEGER NOT NULL,
    series_number INTEGER NOT NULL,
    instance_number INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('capture', 'corrected', 'rejection_note')),
    captured_at BIGINT NOT NULL,
    has_patient BOOLEAN NOT NULL,
    new_file_id TEXT NOT NULL,
    old_file_id TEXT NOT NULL,
    replaces TEXT NOT NULL,
    replaced_by TEXT NOT NULL,
    rejected_by TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (series_instance_uid, instance_number),
    FOREIGN KEY(exam_id) REFERENCES exam (id),
    UNIQUE (sop_instance_uid));
CREATE UNIQUE INDEX exam_capture_by_acquisition
    ON exam_capture (connection_id, acquisition_number)
    WHERE kind = 'capture';
CREATE INDEX exam_capture_by_exam ON exam_capture (exam_id, id);
CREATE INDEX exam_capture_without_patient ON exam_capture (id) WHERE NOT has_patient;
CREATE INDEX exam_capture_new_file ON exam_capture (new_file_id) WHERE new_file_id <> '';
CREATE INDEX exam_capture_old_file ON exam_capture (old_file_id) WHERE old_file_id <> '';
CREATE TABLE worklist_item (
    id TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('ris', 'hl7', 'entered')),
    source_name TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    patient_name TEXT NOT NULL,
    accession_number TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    modality TEXT NOT NULL,
    start_date TEXT NOT NULL,
    start_time TEXT NOT NULL,
    fetched_at BIGINT NOT NULL,
    withdrawn_at BIGINT,
    item TEXT NOT NULL,
    PRIMARY KEY (id));
CREATE INDEX worklist_item_by_accession_number ON worklist_item (accession_number);
CREATE INDEX worklist_item_by_patient ON worklist_item (patient_id);
CREATE INDEX worklist_item_by_source ON worklist_item (source, source_name);
CREATE INDEX worklist_item_by_start ON worklist_item (start_date, start_time);
CREATE TABLE procedure_step (
    id INTEGER NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    exam_id TEXT,
    peer TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('in_progress', 'completed', 'discontinued')),
    acknowledged TEXT NOT NULL
        CHECK (acknowledged IN ('', 'in_progress', 'completed', 'discontinued')),
    attributes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    next_attempt_at BIGINT,
    last_status INTEGER,
    last_error TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (sop_instance_uid),
    FOREIGN KEY(exam_id) REFERENCES exam (id));
CREATE INDEX procedure_step_by_due ON procedure_step (next_attempt_at);
CREATE UNIQUE INDEX procedure_step_of_exam
    ON procedure_step (exam_id, peer)
    WHERE exam_id IS NOT NULL;
CREATE TABLE hl7_message (
    id INTEGER NOT NULL,
    sending_application TEXT NOT NULL,
    sending_facility TEXT NOT NULL,
    control_id TEXT NOT NULL,
    message_type TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    code TEXT NOT NULL,
    acknowledgement BLOB NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (sending_application, sending_facility, control_id));
CREATE INDEX hl7_message_by_time ON hl7_message (received_at);
CREATE TABLE patient_merge (
    id INTEGER NOT NULL,
    at BIGINT NOT NULL,
    patient_id TEXT NOT NULL,
    issuer TEXT NOT NULL,
    prior_patient_id TEXT NOT NULL,
    prior_issuer TEXT NOT NULL,
    hl7_message_id INTEGER,
    PRIMARY KEY (id),
    CONSTRAINT merge_is_of_two CHECK (patient_id <> prior_patient_id OR issuer <> prior_issuer),
    FOREIGN KEY(hl7_message_id) REFERENCES hl7_message (id));
CREATE INDEX ix_patient_merge_hl7_message_id ON patient_merge (hl7_message_id);
CREATE INDEX patient_merge_by_prior ON patient_merge (prior_patient_id);
CREATE TABLE known_patient (
    id INTEGER NOT NULL,
    patient_id TEXT NOT NULL,
    issuer TEXT NOT NULL,
    source_name TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    patient TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (patient_id, issuer));
CREATE INDEX known_patient_by_change ON known_patient (changed_at);
"""


# Measurements.
_VERSION_6 = """
CREATE TABLE measurement (
    id INTEGER NOT NULL,
    exam_id TEXT,
    sop_instance_uid TEXT NOT NULL,
    frame INTEGER NOT NULL CHECK (frame >= 1),
    kind TEXT NOT NULL CHECK (kind IN ('distance', 'ellipse', 'area', 'angle')),
    points TEXT NOT NULL,
    results TEXT NOT NULL,
    label TEXT NOT NULL,
    delta_x_mm FLOAT NOT NULL,
    delta_y_mm FLOAT NOT NULL,
    made_at BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    deleted_at BIGINT,
    deleted_by TEXT NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(exam_id) REFERENCES exam (id));
CREATE INDEX measurement_by_instance ON measurement (sop_instance_uid, id);
CREATE INDEX measurement_by_exam ON measurement (exam_id, id);
"""

# Users, their sessions and their tokens.
_VERSION_7 = """
CREATE TABLE user_account (
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'administrator', 'service')),
    password_hash TEXT NOT NULL,
    pin_hash TEXT NOT NULL,
    disabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT service_has_no_password CHECK ((role = 'service') = (password_hash = '')),
    UNIQUE (name));
CREATE TABLE user_session (
    id INTEGER NOT NULL,
    user_account_id INTEGER NOT NULL,
    secret_sha256 BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    locked BOOLEAN NOT NULL,
    pin_failures INTEGER NOT NULL CHECK (pin_failures >= 0),
    PRIMARY KEY (id),
    FOREIGN KEY(user_account_id) REFERENCES user_account (id) ON DELETE CASCADE,
    UNIQUE (secret_sha256));
CREATE INDEX ix_user_session_user_account_id ON user_session (user_account_id);
CREATE TABLE api_token (
    id INTEGER NOT NULL,
    user_account_id INTEGER NOT NULL,
    secret_sha256 BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(user_account_id) REFERENCES user_account (id) ON DELETE CASCADE,
    UNIQUE (secret_sha256));
CREATE INDEX ix_api_token_user_account_id ON api_token (user_account_id);
"""

# Exams whose captures are all asked for, whatever their probe's mode.
_VERSION_8 = """
ALTER TABLE exam ADD COLUMN on_request BOOLEAN DEFAULT 0 NOT NULL;
"""

# What DICOMweb answers of each instance; made in the background of the files that are here.
_VERSION_9 = """
CREATE TABLE instance_description (
    instance_id INTEGER NOT NULL,
    file_id TEXT NOT NULL,
    form INTEGER NOT NULL,
    metadata BLOB NOT NULL,
    frames BLOB NOT NULL,
    PRIMARY KEY (instance_id),
    FOREIGN KEY(instance_id) REFERENCES instance (id) ON DELETE CASCADE);
"""

# Two more events of exams. SQLite changes no CHECK: the table is made again with its rows.
_VERSION_10 = """
CREATE TABLE exam_event_10 (
    id INTEGER NOT NULL,
    exam_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    event TEXT NOT NULL
        CHECK (event IN ('opened', 'captured', 'identified', 'ended', 'reopened', 'corrected',
            'withdrawn', 'rejection_ignored')),
    progress TEXT NOT NULL,
    identity TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(exam_id) REFERENCES exam (id));
INSERT INTO exam_event_10 SELECT id, exam_id, at, event, progress, identity, detail FROM exam_event;
DROP TABLE exam_event;
ALTER TABLE exam_event_10 RENAME TO exam_event;
CREATE INDEX exam_event_by_exam ON exam_event (exam_id, id);
"""


def _by_script(script: str) -> Callable[[sa.Connection], None]:
    def migrate_by_script(connection: sa.Connection) -> None:
        for statement in script.split(";"):
            if statement.strip():
                connection.exec_driver_sql(statement)

    return migrate_by_script


MIGRATIONS: Mapping[int, Callable[[sa.Connection], None]] = MappingProxyType(
    {
        2: _by_script(_VERSION_2),
        3: _by_script(_VERSION_3),
        4: _by_script(_VERSION_4),
        5: _by_script(_VERSION_5),
        6: _by_script(_VERSION_6),
        7: _by_script(_VERSION_7),
        8: _by_script(_VERSION_8),
        9: _by_script(_VERSION_9),
        10: _by_script(_VERSION_10),
    }
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
