"""How the index keeps patients apart, and describes its instances for DICOMweb.

VERSION_n makes version n of version n-1 (migrations.py).
"""

from __future__ import annotations

# Patients apart. A study was the one of its first patient, whatever came under its UID: the table
# is made again without that rule, and every file is read again in the background
# (patient_reread.py), which moves what was merged. Without a Patient ID the name and the birth date
# are now part of a patient's identity.
# Files that were found damaged, and not only gone, are marked.
VERSION_4 = """
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

# What DICOMweb answers of each instance; made in the background of the files that are here.
VERSION_9 = """
CREATE TABLE instance_description (
    instance_id INTEGER NOT NULL,
    file_id TEXT NOT NULL,
    form INTEGER NOT NULL,
    metadata BLOB NOT NULL,
    frames BLOB NOT NULL,
    PRIMARY KEY (instance_id),
    FOREIGN KEY(instance_id) REFERENCES instance (id) ON DELETE CASCADE);
"""
