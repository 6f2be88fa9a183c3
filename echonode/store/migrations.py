"""The database's version and how an older one becomes the present one.

Rules
- MIGRATIONS[n] makes version n+1 of version n, inside one transaction with its row in
  schema_migration: a node that is killed half-way finds the old version, whole.
- A database of a later version is refused before anything is written to it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from echonode.errors import SchemaTooNew
from echonode.store import schema


def _create_version_1(connection: sa.Connection) -> None:
    schema.METADATA.create_all(connection, checkfirst=False)
    # Part of the UIDs we derive, so that two nodes never derive the same one; made anew with a
    # new database because its counters begin again.
    connection.execute(sa.insert(schema.meta), {"key": "node_id", "value": secrets.token_hex(8)})


MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (_create_version_1,)
SCHEMA_VERSION = len(MIGRATIONS)


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
    for step, migration in enumerate(MIGRATIONS[version:], start=version + 1):
        migration(connection)
        connection.execute(sa.insert(schema.schema_migration), {"version": step, "applied_at": now})
