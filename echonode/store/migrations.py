"""The database's version and how an older one becomes the present one.

Rules
- A new database is made of the tables of schema.py as they stand. An older one comes to the
  same by MIGRATIONS: [n] makes version n of version n-1. A test compares the two.
- All of it is one transaction with its rows in schema_migration: a node that is killed half-way
  finds the old version, whole.
- A migration says in SQL what changed, and is never changed itself once released: the tables as
  they stand are those of a later version.
- A database of a later version is refused before anything is written to it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

import sqlalchemy as sa

from echonode.errors import SchemaTooNew
from echonode.store import schema


def _create(connection: sa.Connection) -> None:
    schema.METADATA.create_all(connection, checkfirst=False)
    # Part of the UIDs we derive, so that two nodes never derive the same one; made anew with a
    # new database because its counters begin again.
    connection.execute(sa.insert(schema.meta), {"key": "node_id", "value": secrets.token_hex(8)})


# Retention, the flight recorder and the figures that metrics show.
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


# Files that were found damaged, and not only gone.
_VERSION_4 = """
ALTER TABLE instance ADD COLUMN file_damaged BOOLEAN DEFAULT 0 NOT NULL;
CREATE INDEX instance_file_damaged ON instance (id) WHERE file_damaged = 1;
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
    """Bring a database to SCHEMA_VERSION; runs inside the caller's transaction."""
    if version == 0:
        _create(connection)
    for step in range(version + 1, SCHEMA_VERSION + 1):
        if version > 0:
            MIGRATIONS[step](connection)
        connection.execute(sa.insert(schema.schema_migration), {"version": step, "applied_at": now})
