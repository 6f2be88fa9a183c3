"""The steps to the tables of documents of exams. A step never changes once it was released."""

from __future__ import annotations

# Documents of an exam, and results for a RIS. SQLite changes no CHECK: exam_capture is made again
# with its rows.
VERSION_11 = """
CREATE TABLE exam_capture_11 (
    id INTEGER NOT NULL,
    exam_id TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    series_instance_uid TEXT NOT NULL,
    probe TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    acquisition_number INTEGER NOT NULL,
    series_number INTEGER NOT NULL,
    instance_number INTEGER NOT NULL,
    kind TEXT NOT NULL
        CHECK (kind IN ('capture', 'corrected', 'rejection_note', 'report', 'presentation')),
    captured_at BIGINT NOT NULL,
    has_patient BOOLEAN NOT NULL,
    new_file_id TEXT NOT NULL,
    old_file_id TEXT NOT NULL,
    replaces TEXT NOT NULL,
    replaced_by TEXT NOT NULL,
    rejected_by TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (sop_instance_uid),
    UNIQUE (series_instance_uid, instance_number),
    FOREIGN KEY(exam_id) REFERENCES exam (id));
INSERT INTO exam_capture_11 SELECT id, exam_id, sop_instance_uid, series_instance_uid, probe,
    connection_id, acquisition_number, series_number, instance_number, kind, captured_at,
    has_patient, new_file_id, old_file_id, replaces, replaced_by, rejected_by FROM exam_capture;
DROP TABLE exam_capture;
ALTER TABLE exam_capture_11 RENAME TO exam_capture;
CREATE UNIQUE INDEX exam_capture_by_acquisition
    ON exam_capture (connection_id, acquisition_number)
    WHERE kind = 'capture';
CREATE INDEX exam_capture_by_exam ON exam_capture (exam_id, id);
CREATE INDEX exam_capture_without_patient ON exam_capture (id) WHERE NOT has_patient;
CREATE INDEX exam_capture_new_file ON exam_capture (new_file_id) WHERE new_file_id <> '';
CREATE INDEX exam_capture_old_file ON exam_capture (old_file_id) WHERE old_file_id <> '';
CREATE TABLE exam_document (
    id TEXT NOT NULL,
    exam_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('report', 'presentation')),
    content TEXT NOT NULL,
    refers_to TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    result_for TEXT NOT NULL,
    problem TEXT NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(exam_id) REFERENCES exam (id));
CREATE INDEX exam_document_by_exam ON exam_document (exam_id, id);
CREATE TABLE hl7_result (
    id INTEGER NOT NULL,
    exam_document_id TEXT NOT NULL,
    control_id TEXT NOT NULL,
    message BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'accepted', 'refused')),
    made_at BIGINT NOT NULL,
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    next_attempt_at BIGINT,
    answer TEXT NOT NULL,
    last_error TEXT NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT waits_for_time CHECK ((state = 'waiting') = (next_attempt_at IS NOT NULL)),
    UNIQUE (exam_document_id),
    UNIQUE (control_id),
    FOREIGN KEY(exam_document_id) REFERENCES exam_document (id));
CREATE INDEX hl7_result_by_due ON hl7_result (next_attempt_at);
"""
