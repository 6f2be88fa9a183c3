"""Keeps the journal: what only the database knows, a second time, in a file next to it.

What is promised
- A COMMIT is durable by itself and waits for no journal. `flush` brings the file up to it; a node
  does so every FLUSH_EVERY_S while something changes, and an orderly stop does. A database that is
  lost loses what changed since: of each delivery its last step, of an exam its last change. What
  was stored is never lost by that: the files say it themselves, and where each was to go.
- Before the file of a deleted instance is removed, its tombstone is in the journal.
- The file is at most GROWTH times what it was when it was last written as a whole, and LEAST more.

Rules
- Changes are taken in their order from a table that triggers fill in the transaction that makes
  each (kinds.py). They are removed there once they are in the file, some at a time.
- What is in the file is durable in the database: it never says more than that.
- A file that belongs to another database, or to a later state of this one, is written again.
- On a PostgreSQL server there is none: its own copies (replicas, archived WAL) do this work.
- Of an encrypted store there is none: its lines would be readable. One from before is removed.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

from echonode.errors import IndexDamaged, OutOfSpace
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading, reading_one_moment
from echonode.store.database.migrations import SCHEMA_VERSION
from echonode.store.files.disk import remove
from echonode.store.files.layout import Layout
from echonode.store.journal import kinds, lines, rows
from echonode.store.journal.journal_file import JournalFile, ends_of

FLUSH_EVERY_S = 0.5
GROWTH = 2
LEAST = 16 * 1024 * 1024  # bytes: below, a whole rewriting would come too often
_AT_ONCE = 2000  # changes of one reading
_REMOVED_AT = 5000  # changes that are in the file; then they cost a transaction together
_IDENTITY = "journal"  # a key of meta
_change, _meta = schema.journal_change.c, schema.meta.c


class _Ended(Exception):
    """A writing that was not needed was given up: the journal is closed."""


class Journal:
    """Thread-safe. Does nothing before `begin`, nor where there is no file."""

    def __init__(
        self,
        writer: Writer,
        readers: sa.Engine,
        layout: Layout,
        *,
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        """settle: makes what has come durable in every way (files/pool.py); raises OutOfSpace."""
        self._settle = settle
        self._writer, self._readers = writer, readers
        self._path = layout.journal
        self._is_sealed = layout.cipher is not None
        self._mutex = threading.Lock()
        self._file: JournalFile | None = None
        self._identity = ""
        self._base = 0
        self._up_to = self._removed_up_to = 0
        self._is_ending = threading.Event()

    def begin(self) -> None:
        """At start, once the database is whole. Raises OutOfSpace.

        Damage of the database is marked as wherever it is met; the file then stays as it was.
        """
        if self._writer.is_on_server:
            return
        with suppress(IndexDamaged):
            if self._is_sealed:
                self._writer.run(kinds.remove_triggers)
                remove(self._path)
                remove(self._part)
            else:
                self._begin()

    def _begin(self) -> None:
        self._identity = self._read_identity()
        with reading(self._readers) as connection:
            newest = connection.scalar(sa.select(sa.func.max(_change.id))) or 0
            oldest = connection.scalar(sa.select(sa.func.min(_change.id))) or 0
        found = ends_of(self._path)
        is_ours = (found.identity, found.version) == (self._identity, SCHEMA_VERSION)
        goes_on = is_ours and found.is_whole and max(0, oldest - 1) <= found.up_to <= newest
        with self._mutex:
            if goes_on:
                self._file = JournalFile(self._path, end=found.end)
                self._base, self._up_to, self._removed_up_to = found.base, found.up_to, oldest
                self._follow(self._file)
            else:
                self._rewrite()

    @property
    def path(self) -> Path:
        return self._path

    @property
    def _part(self) -> Path:
        return self._path.with_suffix(".part")

    def flush(self) -> int:
        """Bring the file up to what is committed; durable on return. How many lines.

        Raises OutOfSpace, IndexDamaged; it goes on from there the next time.
        """
        self._settle()
        with self._mutex:
            if self._file is None:
                return 0
            if self._file.is_doubtful:
                self._rewrite()
                return 0
            added = self._follow(self._file)
            if self._up_to - self._removed_up_to > _REMOVED_AT:
                self._remove_changes()
            return added

    @property
    def is_large(self) -> bool:
        """Whether it is to be written as a whole again."""
        return self._file is not None and self._file.size > GROWTH * self._base + LEAST

    def rewrite(self, *, gently: bool = False) -> None:
        """Write it as a whole: nothing that was changed or deleted before is in it any more.

        gently: with pauses, for a node that has other work; `give_up` ends it without a result.
        Raises OutOfSpace, IndexDamaged.
        """
        with self._mutex, suppress(_Ended):
            if self._file is not None:
                self._rewrite(gently=gently)

    def give_up(self) -> None:
        """At a stop: end a gentle writing as a whole, and begin none; what is there stays."""
        self._is_ending.set()

    def close(self) -> None:
        """The last: after it nothing is written. Raises OutOfSpace, IndexDamaged."""
        self.give_up()
        with self._mutex:
            if self._file is None:
                return
            try:
                if not self._file.is_doubtful:
                    self._follow(self._file)
                    self._remove_changes()
            finally:
                self._file.close()
                self._file = None

    def _read_identity(self) -> str:
        """Of this database; made with its triggers, in one transaction."""

        def work(connection: sa.Connection) -> str:
            kinds.make_triggers(connection)
            known = connection.scalar(sa.select(_meta.value).where(_meta["key"] == _IDENTITY))
            if known is None:
                known = secrets.token_hex(8)
                connection.execute(sa.insert(schema.meta), {"key": _IDENTITY, "value": known})
            return str(known)

        return self._writer.run(work)

    def _follow(self, file: JournalFile) -> int:
        """Bring the file up to what is committed; how many lines."""
        added, self._up_to = self._add_changes(file, self._up_to)
        return added

    def _add_changes(
        self, file: JournalFile, after: int, *, durable: bool = True
    ) -> tuple[int, int]:
        """Add what changed after a change; how many lines, and the newest change."""
        added, up_to = 0, after
        with reading_one_moment(self._readers) as connection:  # what refers to a row has that row
            while found := connection.execute(
                sa.select(schema.journal_change)
                .where(_change.id > up_to)
                .order_by(_change.id)
                .limit(_AT_ONCE)
            ).all():
                last = {(row.kind, row.key): row.id for row in found}
                texts = [
                    text
                    for kind, key in sorted(last, key=lambda each: last[each])
                    if (text := rows.changed(connection, kind, key)) is not None
                ]
                up_to = found[-1].id
                self._writer.synchronise(is_reading=True)
                if texts:
                    file.add(texts)
                    added += len(texts)
        if up_to > after:
            file.end_step(up_to, durable=durable and added > 0)
        return added, up_to

    def _rewrite(self, *, gently: bool = False) -> None:
        """Raises OutOfSpace; the old file then stays, and is gone on with. Gently: _Ended."""
        with reading(self._readers) as connection:
            before = connection.scalar(sa.select(sa.func.max(_change.id))) or 0
        new = JournalFile(self._part)
        try:
            new.add([lines.header(self._identity, SCHEMA_VERSION, 0)])
            new.add(list(rows.column_lines()))
            began = time.monotonic()
            for part in rows.all_parts(lambda: reading(self._readers)):
                new.add(part)
                if self._file is not None and not self._file.is_doubtful:
                    self._follow(self._file)
                if gently and self._is_ending.wait(time.monotonic() - began):
                    raise _Ended
                began = time.monotonic()
            base = new.size
            new.end_base(before)
            _, up_to = self._add_changes(new, before, durable=False)
            new.begin_with(lines.header(self._identity, SCHEMA_VERSION, base))
            self._put_in_place(new)
        except BaseException:
            new.close()
            remove(self._part)
            raise
        if self._file is not None:
            self._file.close()
        self._file, self._base, self._up_to = new, base, up_to
        self._remove_changes()

    def _put_in_place(self, new: JournalFile) -> None:
        self._writer.synchronise()
        try:
            new.take_place_of(self._path)
        except OutOfSpace:
            if self._file is not None:  # its name may be the new one's by now
                self._file.is_doubtful = True
            raise

    def _remove_changes(self) -> None:
        """Those that are in the file, but for the newest, whose number the next one follows."""
        up_to = self._up_to
        self._writer.run(
            lambda connection: connection.execute(
                sa.delete(schema.journal_change).where(_change.id < up_to)
            ).close()
        )
        self._removed_up_to = up_to
