"""How deliveries became what they are: retention, the event log, lossy copies.

VERSION_n makes version n of version n-1 (migrations.py).
"""

from __future__ import annotations

# Retention, the event log and the statistics that metrics show.
VERSION_2 = """
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
VERSION_3 = """
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
