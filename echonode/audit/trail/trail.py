"""The trail of one node: appended by one thread, read by any, kept within its limits.

Rules
- `append` returns once the records are on the disk; a kill later loses none of them.
- What goes out of the trail is named by a record of the trail itself: how many, up to which number,
  and the hash of the last, from which the chain goes on.
- What was not sent yet is not deleted for its age. At the limit of size nothing more is taken
  (TrailFull), which the recorder counts and an alarm shows.
- A database that is damaged is set aside and never deleted; a new chain begins and says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from echonode.at_rest.file_cipher import FileCipher
from echonode.audit.codes import Action, EventType, Kind
from echonode.audit.event import AuditEvent, Participant, content_of, private_of
from echonode.audit.trail.chain import SALT_BYTES, Link, Record, hash_of, private_digest
from echonode.audit.trail.checkpoint import write_checkpoint
from echonode.audit.trail.schema import TABLES, record, state
from echonode.errors import IndexDamaged, OutOfSpace
from echonode.log import get_logger
from echonode.store.database.connections import (
    Writer,
    database_errors,
    reading,
)
from echonode.store.database.sqlite_engine import reader_engine, writer_engine
from echonode.store.files.database_key import with_keys
from echonode.store.files.disk import make_folder, make_private, rename
from echonode.store.files.layout import Layout

log = get_logger(__name__)
ROWS_AT_ONCE = 500
MOST_DELETED_AT_ONCE = 2000
FOLDER = "audit"
PRUNED = "audit trail: old records deleted"
_MIB = 1024 * 1024
_TABLE = record.c


class TrailFull(OutOfSpace):
    """The trail has its largest size, and what is in it was not sent yet."""


@dataclass(frozen=True, kw_only=True)
class TrailPaths:
    """Where a trail is below data_dir, and what opens it."""

    folder: Path
    cipher: FileCipher | None = field(default=None, repr=False)
    secret: bytes | None = field(default=None, repr=False)

    @classmethod
    def below(cls, data_dir: Path, cipher: FileCipher | None = None) -> TrailPaths:
        """Of a node. cipher: of an encrypted store. Raises ConfigError, UsageError as with_keys."""
        layout = with_keys(Layout(data_dir), cipher)
        return cls(folder=data_dir / FOLDER, cipher=cipher, secret=layout.database_secret)

    @property
    def database(self) -> Path:
        return self.folder / "audit.sqlite"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint"

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"


@dataclass(frozen=True, kw_only=True)
class TrailLimits:
    """keep: how long records stay. bytes: of the database."""

    keep: timedelta
    bytes: int


class Trail:
    """The open trail. `append` and `prune` by one thread; all else by any."""

    def __init__(self, paths: TrailPaths, writer: Writer, readers: sa.Engine) -> None:
        """Use Trail.open."""
        self.paths = paths
        self._writer, self._readers = writer, readers
        self._head = self._read_head()
        self._checked = Link()

    @classmethod
    def open(cls, data_dir: Path, *, now: datetime, cipher: FileCipher | None = None) -> Trail:
        """Open it, or make it. cipher: of an encrypted store. Raises OutOfSpace, ConfigError."""
        paths = TrailPaths.below(data_dir.absolute(), cipher)
        for folder in (paths.folder, paths.inbox):
            make_folder(folder)
        try:
            return cls._opened(paths)
        except IndexDamaged:
            aside = f"audit.damaged-{now:%Y%m%dT%H%M%S}.sqlite"
            for ending in ("", "-wal", "-shm"):
                path = paths.database.with_name(paths.database.name + ending)
                if path.exists():
                    rename(path, paths.folder / (aside + ending))
            log.error("audit_damaged", set_aside=aside, alarm=True)
            trail = cls._opened(paths)
            trail.set_state("set_aside", aside)
            write_checkpoint(paths.checkpoint, Link())
            return trail

    @classmethod
    def _opened(cls, paths: TrailPaths) -> Trail:
        if not paths.database.exists():
            make_private(paths.database)
        with database_errors():
            writer = Writer(writer_engine(paths.database, paths.secret))
        try:
            writer.run(lambda connection: TABLES.create_all(connection))
            return cls(paths, writer, reader_engine(paths.database, paths.secret))
        except BaseException:
            writer.close()
            raise

    @property
    def head(self) -> Link:
        """The last record."""
        return self._head

    @property
    def size(self) -> int:
        """Bytes of the database, without what its log holds."""
        try:
            return self.paths.database.stat().st_size
        except OSError:
            return 0

    def append(self, events: Sequence[AuditEvent], limits: TrailLimits) -> None:
        """Chain and keep them, durable on return. Raises OutOfSpace, TrailFull, IndexDamaged."""
        if not events:
            return
        if self.size >= limits.bytes:
            raise TrailFull(f"the audit trail has its {limits.bytes // _MIB} MiB")
        rows = list(self._chained(events))
        self._writer.run(
            lambda connection: connection.execute(
                sa.insert(record), [_values(row) for row in rows]
            ).close()
        )
        self._head = Link(seq=rows[-1].seq, hash=rows[-1].hash)

    def _chained(self, events: Sequence[AuditEvent]) -> Iterator[Record]:
        before = self._head
        for event in events:
            made = _record(event, before)
            before = Link(seq=made.seq, hash=made.hash)
            yield made

    def write_checkpoint(self) -> bool:
        """Whether it was necessary. Raises OutOfSpace."""
        if self._checked == self._head:
            return False
        write_checkpoint(self.paths.checkpoint, self._head)
        self._checked = self._head
        return True

    def prune(self, limits: TrailLimits, *, now: datetime, sent: int, us: Participant) -> int:
        """Delete what is older than the limit and was sent; some thousand at a time. How many.

        Raises OutOfSpace.
        """
        old = sa.select(sa.func.max(_TABLE.seq)).where(
            _TABLE.at < now - limits.keep, _TABLE.seq <= sent
        )
        with reading(self._readers) as connection:
            last = connection.scalar(old)
            first = connection.scalar(sa.select(sa.func.min(_TABLE.seq)))
        if last is None or first is None:
            return 0
        last = min(int(last), int(first) + MOST_DELETED_AT_ONCE)
        with reading(self._readers) as connection:
            digest = connection.scalar(sa.select(_TABLE.hash).where(_TABLE.seq == last))
        gone = Link(seq=last, hash=bytes(digest or b""))
        event = AuditEvent(
            at=now,
            kind=Kind.ALERT,
            type=EventType.SOFTWARE_CONFIGURATION,
            action=Action.DELETE,
            description=f"{PRUNED}, up to {gone.seq}:{gone.hash.hex()}",
            participants=(us,),
        )
        made = _record(event, self._head)

        def work(connection: sa.Connection) -> None:
            connection.execute(sa.insert(record), _values(made))
            connection.execute(sa.delete(record).where(_TABLE.seq <= last))
            _put(connection, "pruned", json.dumps([gone.seq, gone.hash.hex()]))

        self._writer.run(work)
        self._head = Link(seq=made.seq, hash=made.hash)
        return last - int(first) + 1

    # --- read ---

    def after(self, seq: int, count: int) -> list[Record]:
        """The next `count` records behind a number. Raises IndexDamaged."""
        statement = sa.select(record).where(_TABLE.seq > seq).order_by(_TABLE.seq).limit(count)
        with reading(self._readers) as connection:
            return [Record(**row._mapping) for row in connection.execute(statement)]

    def oldest_after(self, seq: int) -> datetime | None:
        """When the record behind a number was made."""
        statement = sa.select(_TABLE.at).where(_TABLE.seq > seq).order_by(_TABLE.seq).limit(1)
        with reading(self._readers) as connection:
            found: datetime | None = connection.execute(statement).scalar()
            return found

    def state(self, key: str) -> str:
        """A small text of the trail's own; '' where there is none."""
        with reading(self._readers) as connection:
            return read_state(connection, key)

    def set_state(self, key: str, value: str) -> None:
        """Durable on return. Raises OutOfSpace."""
        self._writer.run(lambda connection: _put(connection, key, value))

    def _read_head(self) -> Link:
        newest = sa.select(_TABLE.seq, _TABLE.hash).order_by(_TABLE.seq.desc()).limit(1)
        with reading(self._readers) as connection:
            row = connection.execute(newest).first()
        return Link() if row is None else Link(seq=row.seq, hash=bytes(row.hash))

    # --- erasure ---

    def erase(self, names_patient: Callable[[str], bool]) -> int:
        """Empty the private part of each record that `names_patient`; how many. Raises OutOfSpace.

        Their rows stay in the chain. `scrub` then removes what is left of them from the files.
        """
        with closing(stream(self._readers)) as records:
            found = [row.seq for row in records if row.private and names_patient(row.private)]
        for begin in range(0, len(found), ROWS_AT_ONCE):
            part = found[begin : begin + ROWS_AT_ONCE]
            self._writer.execute(
                sa.update(record).where(_TABLE.seq.in_(part)).values(private="", salt=b"")
            )
        return len(found)

    @property
    def writer(self) -> Writer:
        """For what is done to the whole database."""
        return self._writer

    @property
    def readers(self) -> sa.Engine:
        """For what reads many records."""
        return self._readers

    def close(self) -> None:
        """Nothing may use the trail any more."""
        self._readers.dispose()
        self._writer.close()


def stream(readers: sa.Engine) -> Generator[Record, None, None]:
    """All records in order; close it, or read it to its end. Raises IndexDamaged."""
    statement = sa.select(record).order_by(_TABLE.seq)
    with reading(readers) as connection:
        result = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement)
        for row in result:
            yield Record(**row._mapping)


def read_state(connection: sa.Connection, key: str) -> str:
    """A small text of the trail's own; '' where there is none."""
    return str(connection.scalar(sa.select(state.c.value).where(state.c.key == key)) or "")


def pruned(readers: sa.Engine) -> Link:
    """From where on the chain is here."""
    with reading(readers) as connection:
        text = read_state(connection, "pruned")
    if not text:
        return Link()
    seq, digest = json.loads(text)
    return Link(seq=seq, hash=bytes.fromhex(digest))


def _put(connection: sa.Connection, key: str, value: str) -> None:
    connection.execute(sa.delete(state).where(state.c.key == key))
    connection.execute(sa.insert(state), {"key": key, "value": value})


def _record(event: AuditEvent, before: Link) -> Record:
    salt, private = os.urandom(SALT_BYTES), private_of(event)
    values = {
        "seq": before.seq + 1,
        "at": event.at,
        "kind": event.kind.value,
        "actor": event.actor,
        "outcome": event.outcome.value,
        "content": content_of(event),
        "private": private,
        "salt": salt,
        "private_digest": private_digest(salt, private),
    }
    unsigned = Record(**values, hash=b"")  # type: ignore[arg-type]  # the values of a row
    return Record(**values, hash=hash_of(before.hash, unsigned))  # type: ignore[arg-type]  # same


def _values(row: Record) -> dict[str, object]:
    return dict(vars(row))
