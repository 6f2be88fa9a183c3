"""The database's version, and how an older one becomes the present one.

Rules
- A new database is made from the tables of schema.py. An older one becomes the same by MIGRATIONS:
  [n] makes version n of version n-1. A test compares the two.
- All of it is one transaction with its rows in schema_migration: a node that is killed half-way
  finds the old version, complete.
- A migration says in SQL what changed, and does not change once released: the tables of schema.py
  may be those of a later version.
- A database of a later version is refused before anything is written to it.
- PostgreSQL came with FIRST_ON_POSTGRES: no database of it is older. A step after it is in
  POSTGRES_STEPS as well, where its words differ; a test compares the two there, too.
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
from echonode.store.database.dialects import POSTGRESQL
from echonode.store.database.migration_steps import (
    access_steps,
    anonymised_steps,
    cluster_steps,
    delivery_steps,
    document_steps,
    exam_steps,
    journal_steps,
    patient_steps,
    print_steps,
)

# In meta, from a database's making until every file is in it (journal/restoring.py).
REBUILD_KEY = "rebuild"


def _create(connection: sa.Connection) -> None:
    schema.METADATA.create_all(connection, checkfirst=False)
    # Part of the UIDs we derive, so that two nodes never derive the same one. A new database gets
    # a new one because its counters begin again.
    connection.execute(sa.insert(schema.meta), {"key": "node_id", "value": secrets.token_hex(8)})
    if connection.dialect.name != POSTGRESQL:
        connection.execute(sa.insert(schema.meta), {"key": REBUILD_KEY, "value": "begun"})


def _by_script(script: str) -> Callable[[sa.Connection], None]:
    def migrate_by_script(connection: sa.Connection) -> None:
        for statement in script.split(";"):
            if statement.strip():
                connection.exec_driver_sql(statement)

    return migrate_by_script


MIGRATIONS: Mapping[int, Callable[[sa.Connection], None]] = MappingProxyType(
    {
        2: _by_script(delivery_steps.VERSION_2),
        3: _by_script(delivery_steps.VERSION_3),
        4: _by_script(patient_steps.VERSION_4),
        5: _by_script(exam_steps.VERSION_5),
        6: _by_script(exam_steps.VERSION_6),
        7: _by_script(access_steps.VERSION_7),
        8: _by_script(exam_steps.VERSION_8),
        9: _by_script(patient_steps.VERSION_9),
        10: _by_script(exam_steps.VERSION_10),
        11: _by_script(document_steps.VERSION_11),
        12: _by_script(cluster_steps.VERSION_12),
        13: _by_script(print_steps.VERSION_13),
        14: _by_script(access_steps.VERSION_14),
        15: _by_script(anonymised_steps.VERSION_15),
        16: _by_script(print_steps.VERSION_16),
        17: _by_script(journal_steps.VERSION_17),
    }
)
SCHEMA_VERSION = max(MIGRATIONS)
# Until its first release this is the latest version; then it stays, and steps follow it.
FIRST_ON_POSTGRES = 17
POSTGRES_STEPS: Mapping[int, Callable[[sa.Connection], None]] = MappingProxyType({})
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
    on_postgres = connection.dialect.name == POSTGRESQL
    steps = {**MIGRATIONS, **(POSTGRES_STEPS if on_postgres else {})}
    for step in range(version + 1, SCHEMA_VERSION + 1):
        if version > 0:
            steps[step](connection)
        connection.execute(sa.insert(schema.schema_migration), {"version": step, "applied_at": now})
    for table in () if on_postgres else _MADE_AGAIN:
        if connection.exec_driver_sql(f"PRAGMA foreign_key_check({table})").first() is not None:
            raise IndexDamaged("a row of the database refers to one that is not there")
