"""The pages of a large database, looked at beside all else: one table with its indexes at a time.

Rules
- A check reads under one snapshot, so the WAL cannot be begun again meanwhile: it grows by what is
  written in the minute or two that the largest table takes, and is cut down afterwards
  (connections.py).
- A stop breaks a check off; that table comes again at the next start.
- Damage is marked as any other is (corruption_marker.py): the node is not ready, and the next start
  checks everything and, if it must, rebuilds the database.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque

import sqlalchemy as sa

from echonode.errors import IndexDamaged
from echonode.store.database import schema
from echonode.store.database.connections import reading
from echonode.store.database.corruption_marker import IndexDoubt

_INSTRUCTIONS = 100_000  # of SQLite's between two looks at whether to stop: some milliseconds


class DatabaseCheck:
    """Looks at a database that is in use. `step` is one thread's; `stop` may come from any."""

    def __init__(self, readers: sa.Engine, doubt: IndexDoubt, *, needed: bool) -> None:
        self._readers = readers
        self._doubt = doubt
        self._left = deque(table.name for table in schema.METADATA.sorted_tables if needed)
        self._stopping = threading.Event()

    @property
    def is_done(self) -> bool:
        """Whether every table was found sound, or need not be looked at."""
        return not self._left

    def stop(self) -> None:
        """Break off what is being looked at."""
        self._stopping.set()

    def step(self) -> bool:
        """Look at the next table; False when none is left. Raises IndexDamaged."""
        if not self._left or self._stopping.is_set():
            return bool(self._left)
        if not self._passes(self._left[0]):
            return True
        self._left.popleft()
        return bool(self._left)

    def _passes(self, table: str) -> bool:
        """Whether it is sound; False where the look was broken off. Raises IndexDamaged."""
        with reading(self._readers) as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)  # of database.reader_engine
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
            self._doubt.arise()
            raise IndexDamaged("the database file is damaged")
        return True
