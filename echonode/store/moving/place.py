"""A store's place, opened for a move: database, files, and the lock that keeps nodes away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from echonode.at_rest.file_cipher import FileCipher
from echonode.errors import OperatorRefused, StoreLocked, UsageError
from echonode.store.database import postgres_engine, schema, sqlite_engine
from echonode.store.database.connections import Writer, reading
from echonode.store.database.corruption_marker import CorruptionMarker
from echonode.store.database.migrations import SCHEMA_VERSION, refuse_newer
from echonode.store.database.opening import open_writer
from echonode.store.database.postgres_opening import open_on_server
from echonode.store.files.database_key import with_keys
from echonode.store.files.layout import Layout
from echonode.store.files.lock import FolderLock
from echonode.store.objects.bucket import ObjectsAt
from echonode.store.objects.opening import opened_storage

_ALIVE = timedelta(minutes=2)  # since its last word; nodes say one every few seconds


@dataclass(frozen=True, kw_only=True)
class Place:
    """As a configuration names it. index_url: '' the file in data_dir; objects: None files.

    cipher: of a store that is encrypted; the new one is made so.
    """

    data_dir: Path
    index_url: str = ""
    objects: ObjectsAt | None = None
    cipher: FileCipher | None = field(default=None, repr=False)

    @property
    def words(self) -> str:
        """Where instances are, as recovery/place.py writes it down."""
        return "file" if self.objects is None else self.objects.url


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is moved; read only."""

    layout: Layout
    readers: sa.Engine


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where it is moved to."""

    layout: Layout
    writer: Writer
    place: Place


@contextmanager
def _locked(data_dir: Path) -> Iterator[Layout]:
    layout = Layout(data_dir.absolute())
    layout.make()
    try:
        lock = FolderLock(layout.lock)
    except StoreLocked:
        raise UsageError(f"a node runs on {data_dir}: stop it for the move") from None
    try:
        yield layout
    finally:
        lock.release()


@contextmanager
def opened_source(place: Place, *, now: datetime) -> Iterator[Source]:
    """Raises UsageError where there is no store of this version, or a node runs."""
    if not place.index_url and not (place.data_dir / "index.sqlite").exists():
        raise UsageError(f"there is no store in {place.data_dir}")
    with ExitStack() as parts:
        layout = parts.enter_context(_locked(place.data_dir))
        layout = with_keys(layout, place.cipher)
        layout = replace(layout, remote=opened_storage(place.objects, to_write=False))
        if place.index_url:
            readers = postgres_engine.reader_engine(place.index_url)
        else:
            readers = sqlite_engine.reader_engine(layout.database, layout.database_secret)
        parts.callback(readers.dispose)
        with reading(readers) as connection:
            if refuse_newer(connection) != SCHEMA_VERSION:
                raise UsageError("the store is of an older EchoNode: start the node once")
        _refuse_running(readers, now)
        yield Source(layout=layout, readers=readers)


def _refuse_running(readers: sa.Engine, now: datetime) -> None:
    seen = sa.select(sa.func.max(schema.cluster_node.c.seen_at))
    with reading(readers) as connection:
        last = connection.scalar(seen)
    if last is not None and last > now - _ALIVE:
        raise OperatorRefused(
            "a node of this database was seen within two minutes: stop all of them, and wait"
        )


@contextmanager
def opened_target(place: Place, *, now: datetime) -> Iterator[Target]:
    """Made and brought up to date. Raises UsageError where a node runs, or it has instances."""
    with ExitStack() as parts:
        layout = parts.enter_context(_locked(place.data_dir))
        layout = with_keys(layout, place.cipher, make=True)
        layout = replace(layout, remote=opened_storage(place.objects))
        marker = CorruptionMarker(layout)
        if place.index_url:
            opened = open_on_server(place.index_url, now, marker)
        else:
            opened = open_writer(layout, now, marker)
        parts.callback(opened.writer.close)
        found = opened.writer.run(
            lambda connection: connection.scalar(sa.select(schema.instance.c.id).limit(1))
        )
        if found is not None:
            raise UsageError("the store of --to has instances: give an empty database")
        yield Target(layout=layout, writer=opened.writer, place=place)
