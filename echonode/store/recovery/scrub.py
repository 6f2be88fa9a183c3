"""Reads kept files to check that they still are what was stored, a part at a time.

Bit rot is otherwise found only when something is sent or committed; an instance that no peer asks
for would never be read again.

Rules
- In the order of the rows. The next part begins where the last one ended; the caller remembers the
  position.
- A finding is recorded only when two readings agree. A file that the disk does not return for lack
  of descriptors or memory is not a finding, and the part ends before it. EIO twice is one.
- A file that is whole again (restored from a backup, for example) loses its mark, and deliveries
  that were held for the damage are due again.
- In an encrypted store it counts the files that are whole and not sealed, as a backup of plain days
  brings them back. They are read all the same; `echonode encrypt` seals them.
- Nothing is moved or deleted here. A second sending replaces a damaged file (insertion.py).
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa

from echonode.at_rest.reading import is_sealed
from echonode.errors import Damaged, OutOfSpace
from echonode.model.instance import StoredInstance
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.rows import SELECT_INSTANCE, stored_instance
from echonode.store.deliveries.damage import HELD_FOR_DAMAGE, mark, unmark
from echonode.store.files.disk import disk_errors
from echonode.store.files.layout import Layout, file_id_of
from echonode.store.files.placing import is_there

_AT_ONCE = 200  # rows of one read transaction
_READINGS = 2
_instance = schema.instance.c
_SUSPECT = sa.or_(
    _instance.file_missing,
    _instance.file_damaged,
    sa.exists().where(schema.delivery.c.instance_id == _instance.id, HELD_FOR_DAMAGE),
)
_ROWS = (
    SELECT_INSTANCE.add_columns(_instance.id, _SUSPECT.label("is_suspect"))
    .where(_instance.id > sa.bindparam("after"), _instance.id <= sa.bindparam("up_to"))
    .order_by(_instance.id)
    .limit(_AT_ONCE)
)


class _Finding(Enum):
    WHOLE = auto()
    DAMAGED = auto()
    MISSING = auto()


@dataclass(kw_only=True)
class Scrubbed:
    """The result of a part. after: the row it ended with; files: how many were read.

    plain: those of them that are not sealed, where the store is encrypted. damaged, missing,
    whole_again: SOP Instance UIDs that were found so and not known before.
    """

    after: int
    files: int = 0
    plain: int = 0
    damaged: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    whole_again: list[str] = field(default_factory=list)


class Scrub:
    """Used by one thread at a time. on_due: called with the destinations of what is due again."""

    def __init__(
        self,
        writer: Writer,
        readers: sa.Engine,
        layout: Layout,
        *,
        check_bytes: Callable[[StoredInstance], None],
        on_due: Callable[[Sequence[str]], None],
        now: Callable[[], datetime],
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._layout = layout
        self._check_bytes = check_bytes
        self._on_due = on_due
        self._now = now

    def span(self) -> tuple[int, int]:
        """The first and the last row; (0, 0) where there is none."""
        with reading(self._readers) as connection:
            row = connection.execute(
                sa.select(sa.func.min(_instance.id), sa.func.max(_instance.id))
            ).one()
            return int(row[0] or 0), int(row[1] or 0)

    def run(
        self,
        after: int,
        up_to: int,
        *,
        longest_s: float = float("inf"),
        stop: Callable[[], bool] = lambda: False,
    ) -> Scrubbed:
        """Read the files of the rows after `after` up to `up_to`, for at most so many seconds.

        stop: called between two files. Raises OutOfSpace where not even the first can be read.
        """
        if not self._layout.instances.is_dir():  # on an unmounted disk no file is "gone"
            raise OutOfSpace(f"{self._layout.instances} is not there")
        ends_at = time.monotonic() + longest_s
        done = Scrubbed(after=after)
        for row in self._rows(after, up_to):
            try:
                self._look(row, done)
            except OutOfSpace:
                if not done.files:
                    raise
                return done
            done.after = row.id
            if stop() or time.monotonic() >= ends_at:
                return done
        done.after = up_to
        return done

    def _rows(self, after: int, up_to: int) -> Iterator[sa.Row[*tuple[Any, ...]]]:
        """No read transaction outlasts its page."""
        while True:
            with reading(self._readers) as connection:
                page = connection.execute(_ROWS, {"after": after, "up_to": up_to}).all()
            yield from page
            if len(page) < _AT_ONCE:
                return
            after = page[-1].id

    def _look(self, row: sa.Row[*tuple[Any, ...]], done: Scrubbed) -> None:
        instance = stored_instance(row, self._layout)
        finding = self._finding(instance)
        if finding is _Finding.WHOLE:
            done.plain += self._is_left_plain(instance)
            if row.is_suspect:
                released = self._writer.run(
                    lambda connection: unmark(connection, row.id, row.file_id, now=self._now())
                )
                self._on_due(released)
                done.whole_again.append(row.sop_instance_uid)
            done.files += 1
            return
        missing = finding is _Finding.MISSING
        is_news = self._writer.run(
            lambda connection: mark(connection, row.id, row.file_id, missing=missing)
        )
        done.files += 1
        if is_news:
            (done.missing if missing else done.damaged).append(row.sop_instance_uid)

    def _is_left_plain(self, instance: StoredInstance) -> bool:
        """Raises OutOfSpace where nothing can be determined now."""
        if instance.cipher is None:
            return False
        with disk_errors("to read a file"):
            return not is_sealed(instance.path)

    def _finding(self, instance: StoredInstance) -> _Finding:
        """Raises OutOfSpace where nothing can be determined now."""
        finding = _Finding.WHOLE
        for _ in range(_READINGS):
            with disk_errors("to read a file"):
                finding = self._once(instance)
            if finding is _Finding.WHOLE:
                break
        return finding

    def _once(self, instance: StoredInstance) -> _Finding:
        try:
            self._check_bytes(instance)
        except Damaged:
            there = is_there(self._layout, file_id_of(instance.path) or "")
            return _Finding.DAMAGED if there else _Finding.MISSING
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return _Finding.DAMAGED
        return _Finding.WHOLE
