"""Exams, the worklist, procedure steps, orders and measurements.

VERSION_n makes version n of version n-1 (migrations.py).
"""

from __future__ import annotations

# Exams, the worklist, procedure steps, and what HL7 messages said. Nothing of before changes: an
# instance that is here already is of no exam.
VERSION_5 = """
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
VERSION_6 = """
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

# Exams whose captures are all asked for, whatever their probe's mode.
VERSION_8 = """
ALTER TABLE exam ADD COLUMN on_request BOOLEAN DEFAULT 0 NOT NULL;
"""

# Two more events of exams. SQLite changes no CHECK: the table is made again with its rows.
VERSION_10 = """
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
