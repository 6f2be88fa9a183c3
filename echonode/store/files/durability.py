"""Whether writes are durable now, judged by the last write of each kind.

Rules
- A refused write counts until a write of the same kind, files, pool or database, is durable: a
  small commit that succeeds does not prove that a large file would.
- `try_now` writes a small file in the way of an instance (incoming, fsync, rename, fsync), so that
  a disk that became read-only is detected without traffic. After a refusal the file is larger: a
  disk that has space for a page may have none for an image. Where the pool is used, a name is made
  in it as well (pool.py).
- The inode of the database is checked: SQLite continues in a file that was unlinked, and the next
  start would not find it.
"""

from __future__ import annotations

import os
import threading
from enum import StrEnum

from echonode.errors import OutOfSpace
from echonode.store.files.disk import (
    disk_errors,
    fsync_folder,
    make_private,
    remove,
    rename,
    synchronise,
)
from echonode.store.files.layout import Layout

_SMALL, _LARGE = 4 * 1024, 1024 * 1024  # bytes of the file that is tried


class Kind(StrEnum):
    """What is written."""

    FILES = "files"
    POOL = "pool"  # names in it; by trial alone
    DATABASE = "database"


class Durability:
    """The state of one open store's disk. Thread-safe."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._mutex = threading.Lock()
        self._refusals: dict[Kind, str] = {}
        self._database: tuple[int, int] | None = None
        self._database_gone = False
        self._uses_pool = False

    @property
    def problem(self) -> str:
        """Why nothing can be stored, as far as is known; '' where the last writes were durable."""
        with self._mutex:
            return "; ".join(dict.fromkeys(self._refusals.values()))

    def is_refused(self, kind: Kind) -> bool:
        """Whether the last write of a kind was refused."""
        return kind in self._refusals

    @property
    def database_gone(self) -> bool:
        """Whether index.sqlite is not the file that is open."""
        return self._database_gone

    def refused(self, kind: Kind, error: OutOfSpace) -> None:
        """A write was refused."""
        with self._mutex:
            self._refusals[kind] = str(error)

    def succeeded(self, kind: Kind) -> None:
        """A write is durable."""
        if self._refusals:
            with self._mutex:
                self._refusals.pop(kind, None)

    def committed(self, error: OutOfSpace | None) -> None:
        """The outcome of a transaction; None: it is durable."""
        if error is None:
            self.succeeded(Kind.DATABASE)
        else:
            self.refused(Kind.DATABASE, error)

    def watch_database(self) -> None:
        """Remember the inode of the open database. Raises OutOfSpace."""
        with disk_errors("to look at the database"):
            self._database = _identity(self._layout)

    def watch_pool(self) -> None:
        """What peers send is written into the pool."""
        self._uses_pool = True

    def try_now(self) -> None:
        """Write a file and check the database's inode. Does not raise."""
        size = _LARGE if self._refusals.get(Kind.FILES) else _SMALL
        try:
            _write(self._layout, size)
        except OutOfSpace as error:
            self.refused(Kind.FILES, error)
        else:
            self.succeeded(Kind.FILES)
        if self._uses_pool:
            self._try_pool()
        if self._database is not None:
            try:
                self._database_gone = _identity(self._layout) != self._database
            except FileNotFoundError:
                self._database_gone = True
            except OSError:  # the write above has reported a folder that cannot be read
                return

    def _try_pool(self) -> None:
        trial = self._layout.pool_trial
        try:
            make_private(trial)
            fsync_folder(self._layout.pool)
        except OutOfSpace as error:
            self.refused(Kind.POOL, error)
        else:
            self.succeeded(Kind.POOL)
        finally:
            remove(trial)


def takes_files(layout: Layout) -> bool:
    """Whether the disk takes a file of the size of an image now."""
    try:
        _write(layout, _LARGE)
    except OutOfSpace:
        return False
    return True


def _write(layout: Layout, size: int) -> None:
    incoming, target = layout.write_trial, layout.trial_in_place
    try:
        with disk_errors("a file"):
            descriptor = os.open(incoming, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                view = memoryview(bytes(size))
                while view:
                    view = view[os.write(descriptor, view) :]
                synchronise(descriptor)
            finally:
                os.close(descriptor)
        rename(incoming, target)
        fsync_folder(layout.instances)
    finally:
        remove(incoming)
        remove(target)


def _identity(layout: Layout) -> tuple[int, int]:
    found = os.stat(layout.database)  # noqa: PTH116  # like fstat
    return found.st_dev, found.st_ino
