"""Opens SQLite at start: refused, made, migrated, or set aside as damaged and made again.

Rules
- A later version is detected through a read-only connection: nothing of it is changed.
- After a stop that was not orderly the whole database is checked (`quick_check`). An orderly stop
  leaves a mark and needs no check, which would read every page of a million instances.
- A check of more than CHECKED_FIRST_BYTES would make all callers wait: a node that asks for it
  starts without, and checks one table after the other while it runs (page_check.py).
- Where damage was found in use (corruption_marker.py) everything is checked, however the node
  stopped: each index against its table (`integrity_check`), that what a row refers to exists, and
  that every row can be read.
- A first start that is interrupted while it makes the database leaves a rollback journal (there is
  no WAL yet). Only a connection that may write can undo it; a later version never has one.
- Damage that the check does not see but the first reading does (recovery.py) counts as well.
- Full disk: the reserve (reserve.py) is removed for the database. Where the disk still cannot be
  written, an existing store is opened for reading only.
- A damaged database is kept next to the new one. Its rows are restored from the files, its
  deliveries and commitments are not: every instance counts as not committed and is sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import TypeVar

import sqlalchemy as sa

from echonode.errors import Damaged, OutOfSpace
from echonode.store.database import schema
from echonode.store.database.connections import (
    Writer,
    database_errors,
    reading,
    watch_for_damage,
)
from echonode.store.database.corruption_marker import CorruptionMarker
from echonode.store.database.file_size import make_shrinkable
from echonode.store.database.migrations import SCHEMA_VERSION, migrate, refuse_newer
from echonode.store.database.sqlite_engine import reader_engine, writer_engine
from echonode.store.files.disk import fsync_folder, make_private, rename
from echonode.store.files.durability import takes_files
from echonode.store.files.layout import Layout
from echonode.store.files.reserve import DiskReserve

T = TypeVar("T")

_STOPPED_ORDERLY = "stopped_orderly"
_ROWS_AT_ONCE = 1000
# Some 200,000 instances: half a second where the pages are in memory, and some three from a slow
# disk. A database of ten million is fifty times that.
CHECKED_FIRST_BYTES = 256 * 1024 * 1024


def open_on_any_disk(
    open_: Callable[[], T],
    open_unwritable: Callable[[OutOfSpace], T],
    *,
    disk_reserve: DiskReserve,
    layout: Layout,
) -> T:
    """Open the store; without space, with the reserve removed, or for reading only.

    Raises what `open_` raises where neither helps: on a disk that can be written the cause is
    another, and a store that does not exist cannot be read.
    """
    try:
        return open_()
    except OutOfSpace as error:
        refused = error
    if disk_reserve.give_up():
        try:
            return open_()
        except OutOfSpace as error:
            refused = error
    if not layout.database.exists() or takes_files(layout):
        raise refused
    return open_unwritable(refused)


def has_wal(layout: Layout) -> bool:
    """Whether the database has a WAL that is not empty."""
    wal = layout.database.with_name(f"{layout.database.name}-wal")
    return wal.exists() and wal.stat().st_size > 0


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A database of the present version. made: it is new; checked: its pages are known to be sound.

    trusted: neither new nor marked corrupt, so it knows every instance that was acknowledged.
    """

    writer: Writer
    made: bool
    checked: bool
    trusted: bool


def open_writer(
    layout: Layout,
    now: datetime,
    marker: CorruptionMarker,
    *,
    check_later: bool = False,
    guard: Callable[[], None] = lambda: None,
    on_outcome: Callable[[OutOfSpace | None], None] = lambda error: None,
) -> Opened:
    """Open it by the rules above.

    check_later: the caller may check a large database that was not stopped orderly.
    guard, on_outcome: see Writer.
    Raises SchemaTooNew, OutOfSpace; Damaged where only `set_aside` is left.
    """
    keep_private(layout)
    marked = marker.is_on_disk
    version, look = _look(layout, marked=marked, check_later=check_later)
    if look is _Look.DAMAGED:
        set_aside(layout, now)
        version = 0
    marker.clear()
    if not layout.database.exists():
        make_private(layout.database)
    with database_errors():
        engine = writer_engine(layout.database, layout.database_secret)
        watch_for_damage(engine, marker.mark_corrupt)
        writer = Writer(engine, guard=guard, on_outcome=on_outcome)
    try:
        if version < SCHEMA_VERSION:
            with writer.without_foreign_keys():
                writer.run(lambda connection: migrate(connection, version, now))
            fsync_folder(layout.data_dir)
        if 0 < version < SCHEMA_VERSION and layout.database.stat().st_size <= CHECKED_FIRST_BYTES:
            with suppress(OutOfSpace):  # it only stays as large as it is
                make_shrinkable(writer)
        writer.execute(sa.delete(schema.meta).where(schema.meta.c.key == _STOPPED_ORDERLY))
    except BaseException:
        writer.close()
        raise
    return Opened(
        writer=writer,
        made=version == 0,
        checked=look is not _Look.TO_BE_CHECKED,
        trusted=version > 0 and not marked,
    )


def mark_orderly_stop(writer: Writer) -> None:
    """The last write before closing."""
    writer.execute(sa.insert(schema.meta).values(key=_STOPPED_ORDERLY, value="yes"))


def read_node_id(readers: sa.Engine) -> str:
    """The node's random name; see migrations."""
    with reading(readers) as connection:
        statement = sa.select(schema.meta.c.value).where(schema.meta.c.key == "node_id")
        return str(connection.scalar(statement))


class _Look(Enum):
    """What a check of the database found."""

    SOUND = auto()
    TO_BE_CHECKED = auto()
    DAMAGED = auto()


def _sound(is_sound: bool) -> _Look:
    return _Look.SOUND if is_sound else _Look.DAMAGED


def _look(layout: Layout, *, marked: bool, check_later: bool) -> tuple[int, _Look]:
    """The version of the database, 0 where it does not exist, and whether it is sound."""
    path = layout.database
    if not path.exists():
        return 0, _Look.SOUND
    engine = reader_engine(path, layout.database_secret)
    try:
        _roll_back(layout)
        with reading(engine) as connection:
            version = refuse_newer(connection)
            if version == 0 or (_stopped_orderly(connection) and not marked):
                return version, _Look.SOUND
            if not marked:
                if check_later and path.stat().st_size > CHECKED_FIRST_BYTES:
                    return version, _Look.TO_BE_CHECKED
                return version, _sound(_passes(connection, "quick_check"))
        return version, _sound(_is_sound_throughout(layout, version))
    # UnicodeDecodeError comes from SQLite's own messages, which quote what is damaged.
    except (Damaged, UnicodeDecodeError):
        return 0, _Look.DAMAGED
    finally:
        engine.dispose()


def _roll_back(layout: Layout) -> None:
    """Undo what an interrupted first start began. Raises Damaged, OutOfSpace."""
    path = layout.database
    if not path.with_name(f"{path.name}-journal").exists():
        return
    engine = writer_engine(path, layout.database_secret)
    try:
        with reading(engine) as connection:
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").close()
    finally:
        engine.dispose()


def _stopped_orderly(connection: sa.Connection) -> bool:
    statement = sa.select(schema.meta.c.value).where(schema.meta.c.key == _STOPPED_ORDERLY)
    return connection.scalar(statement) is not None


def _passes(connection: sa.Connection, check: str) -> bool:
    return connection.exec_driver_sql(f"PRAGMA {check}(1)").scalar() == "ok"


def _is_sound_throughout(layout: Layout, version: int) -> bool:
    """Whether it passes every check. Raises IndexDamaged, OutOfSpace."""
    # A connection that may write: on a read-only one SQLite skips CHECK constraints.
    engine = writer_engine(layout.database, layout.database_secret)
    try:
        with reading(engine) as connection:
            if not _passes(connection, "integrity_check"):
                return False
            if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                return False
            if version == SCHEMA_VERSION:  # the tables of an earlier one are not those of schema.py
                _read_every_row(connection)
            return True
    finally:
        engine.dispose()


def _read_every_row(connection: sa.Connection) -> None:
    """Values are checked as they are read (columns.py). Raises IndexDamaged."""
    streaming = connection.execution_options(yield_per=_ROWS_AT_ONCE)
    for table in schema.METADATA.sorted_tables:
        for part in streaming.execute(sa.select(table)).partitions():
            del part


def keep_private(layout: Layout) -> None:
    """Make the database readable for our user only, also one from an earlier version.

    Does nothing where the mode may not be changed: the folder is ours alone and keeps others out.
    """
    for pattern in ("index.sqlite*", "damaged-*.sqlite*"):
        for path in layout.data_dir.glob(pattern):
            with suppress(OSError):
                if path.stat().st_mode & 0o077:
                    path.chmod(0o600)


def set_aside(layout: Layout, now: datetime) -> None:
    """Rename the database and its WAL; a person may still need their content."""
    stem = f"damaged-{now:%Y%m%dT%H%M%S%f}"
    for suffix in ("", "-wal", "-shm"):
        path = layout.database.with_name(layout.database.name + suffix)
        if path.exists():
            rename(path, path.with_name(f"{stem}.sqlite{suffix}"))
    fsync_folder(layout.data_dir)
