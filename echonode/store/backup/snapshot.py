"""The database at one moment, copied while the node writes it (SQLite's online backup API).

Rules
- The copy is read under one read transaction: a writer neither waits for it nor makes it begin
  again. The WAL grows meanwhile by what is written, and is truncated afterwards.
- The copy is checked (`quick_check`) before it counts: a database that is damaged here does not
  take the place of a copy that is whole.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from echonode.errors import IndexDamaged, OutOfSpace
from echonode.model.commitment import InboundState, TransactionState
from echonode.store.backup.manifest import Holdings
from echonode.store.database import schema
from echonode.store.database.connections import reading, reading_one_moment
from echonode.store.database.sqlite_engine import (
    connect_to,
    driver_connection,
    driver_errors,
    reader_engine,
)
from echonode.store.files.disk import disk_errors, fsync_folder, make_private, synchronise

_PAGES_AT_ONCE = 2_000  # 8 MiB, between two steps of the progress
_ROWS_AT_ONCE = 500
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_instance = schema.instance.c
_FILES = sa.select(
    _instance.file_id,
    _instance.sop_instance_uid,
    _instance.size,
    _instance.dataset_offset,
    _instance.dataset_sha256,
).order_by(_instance.file_id)
_UNDER_WAY = (TransactionState.CREATED, TransactionState.REQUESTED)


@dataclass(frozen=True, kw_only=True)
class FileRow:
    """An instance's file, as its row describes it. size, dataset_offset: bytes."""

    file_id: str
    sop_instance_uid: str
    size: int
    dataset_offset: int
    dataset_sha256: str


def take_snapshot(
    readers: sa.Engine,
    target: Path,
    secret: bytes | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> None:
    """Copy the database to `target`, checked and durable on return.

    secret: of an encrypted database, and of its copy.
    progress: called with the pages that are done, and all. Raises IndexDamaged, OutOfSpace.
    """
    make_private(target)
    with reading_one_moment(readers) as connection, closing(_opened(target, secret)) as copy:
        source = driver_connection(connection)
        connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").close()
        with _sqlite_errors(target):
            source.backup(
                copy,
                pages=_PAGES_AT_ONCE,
                progress=lambda _, left, total: progress(total - left, total),
            )
    with disk_errors("to keep the index"):
        descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
        try:
            synchronise(descriptor)
        finally:
            os.close(descriptor)
    fsync_folder(target.parent)
    with Snapshot(target, secret) as snapshot:
        snapshot.check()


def _opened(target: Path, secret: bytes | None) -> sqlite3.Connection:
    connection = connect_to(target, secret)
    # It is made durable in one step at the end, and removed where anything fails before.
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    return connection


@contextmanager
def _sqlite_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except driver_errors() as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGE:
            raise IndexDamaged("the database file is damaged") from None
        raise OutOfSpace(f"the index could not be copied to {target.parent}: {error}") from None


class Snapshot:
    """A copy of the database, read. Nothing writes it, so it needs no WAL."""

    def __init__(self, path: Path, secret: bytes | None = None) -> None:
        self._engine = reader_engine(path, secret, unchanging=True)

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    def check(self) -> None:
        """Raises IndexDamaged."""
        with reading(self._engine) as connection:
            if connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok":
                raise IndexDamaged("the database file is damaged")

    def count(self) -> int:
        """How many instances there are."""
        with reading(self._engine) as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(schema.instance)) or 0

    def files(self) -> Iterator[list[FileRow]]:
        """Every instance's file, in the order of the ids, in parts."""
        with reading(self._engine) as connection:
            streaming = connection.execution_options(yield_per=_ROWS_AT_ONCE)
            for part in streaming.execute(_FILES).partitions():
                yield [FileRow(**row._mapping) for row in part]

    def quarantined(self) -> list[str]:
        """The ids of the files in quarantine, in order."""
        statement = sa.select(schema.quarantine.c.file_id).order_by(schema.quarantine.c.file_id)
        with reading(self._engine) as connection:
            return list(connection.execute(statement).scalars())

    def holdings(self, *, size: int, quarantined: int, not_held: dict[str, str]) -> Holdings:
        """What a backup with this database holds; the arguments are of its files."""
        delivery, transaction = schema.delivery.c, schema.commitment_transaction.c
        inbound = schema.inbound_commitment.c
        by_state = sa.select(delivery.state, sa.func.count()).group_by(delivery.state)
        with reading(self._engine) as connection:

            def count(table: sa.Table, *where: Any) -> int:
                statement = sa.select(sa.func.count()).select_from(table).where(*where)
                return int(connection.scalar(statement) or 0)

            return Holdings(
                instances=count(schema.instance),
                studies=count(schema.study),
                exams=count(schema.exam),
                users=count(schema.user_account),
                quarantined=quarantined,
                size=size,
                deliveries={row[0]: row[1] for row in connection.execute(by_state)},
                commitments=count(schema.commitment_transaction, transaction.state.in_(_UNDER_WAY))
                + count(schema.inbound_commitment, inbound.state == InboundState.PENDING),
                not_held=not_held,
            )


def still_names(readers: sa.Engine, file_id: str) -> bool:
    """Whether a row of the running node names the file."""
    statement = sa.select(_instance.id).where(_instance.file_id == file_id)
    with reading(readers) as connection:
        return connection.scalar(statement) is not None
