"""Checks the pages of a large database in use: one table with its indexes at a time.

Rules
- A check reads under one snapshot, so the WAL cannot restart while it runs: the WAL grows by what
  is written in the minute or two that the largest table takes, and is truncated afterwards
  (connections.py).
- A stop interrupts a check; the next start checks that table again.
- Damage is marked like any other (corruption_marker.py): the node is not ready, and the next start
  checks everything and, where necessary, rebuilds the database.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque

import sqlalchemy as sa

from echonode.errors import IndexDamaged
from echonode.store.database import schema
from echonode.store.database.connections import reading
from echonode.store.database.corruption_marker import CorruptionMarker
from echonode.store.database.sqlite_engine import driver_connection

_INSTRUCTIONS = 100_000  # of SQLite's between two questions whether to stop: some milliseconds


class DatabaseCheck:
    """Checks a database in use. `step` belongs to one thread; any thread may call `stop`."""

    def __init__(self, readers: sa.Engine, marker: CorruptionMarker, *, needed: bool) -> None:
        self._readers = readers
        self._marker = marker
        self._left = deque(table.name for table in schema.METADATA.sorted_tables if needed)
        self._stopping = threading.Event()

    @property
    def is_done(self) -> bool:
        """Whether every table was found sound or needs no check."""
        return not self._left

    def stop(self) -> None:
        """Interrupt the check that is running."""
        self._stopping.set()

    def step(self) -> bool:
        """Check the next table; False when none is left. Raises IndexDamaged."""
        if not self._left or self._stopping.is_set():
            return bool(self._left)
        if not self._passes(self._left[0]):
            return True
        self._left.popleft()
        return bool(self._left)

    def _passes(self, table: str) -> bool:
        """Whether the table is sound; False after an interruption. Raises IndexDamaged."""
        with reading(self._readers) as connection:
            driver = driver_connection(connection)
            driver.set_progress_handler(self._stopping.is_set, _INSTRUCTIONS)
            try:
                # The name is one of ours.
                found = connection.exec_driver_sql(f"PRAGMA quick_check('{table}')").scalar()
            except sa.exc.OperationalError as error:
                if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                    return False
                raise
            finally:
                driver.set_progress_handler(None, 0)
        if found != "ok":
            self._marker.mark_corrupt()
            raise IndexDamaged("the database file is damaged")
        return True
