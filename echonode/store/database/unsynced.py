"""COMMITs that waited for no disk, until the write-ahead log is synchronised.

A transaction whose loss in a power cut loses nothing, because files say what its rows said
(files/pool.py), commits without an fsync. What is not flagged so is durable on return, and with it
all that was committed before: the log is one file, and SQLite reads it up to its first gap.

States
- even: every COMMIT is on the disk. The node begins so.
- behind: since the last `synchronise` there was a COMMIT that waited for no disk. A durable
  transaction does not end this state, though it makes all durable: one that changes nothing
  synchronises nothing.
- doubtful: the disk failed under the log while it was behind. What the kernel could not write it
  has dropped, and the next fsync would report success: there may be a gap before all later
  COMMITs. No transaction begins until the whole log is in the database's file, and a new one has
  begun.
"""

from __future__ import annotations

import threading

import sqlalchemy as sa

from echonode.errors import OutOfSpace
from echonode.store.database import sqlite_engine
from echonode.store.database.failures import CommitUncertain
from echonode.store.files.disk import disk_errors

LONGEST = 64  # COMMITs: about a thousand pages of the log, SQLite's own measure for a checkpoint


class Unsynced:
    """Of one writer. Thread-safe, except `mend`, which has the writer's turn."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._committed = self._synchronised = self._asked = 0
        self._is_doubtful = False
        self._log = ""

    @property
    def is_behind(self) -> bool:
        return self._committed != self._synchronised

    @property
    def is_doubtful(self) -> bool:
        return self._is_doubtful

    def is_due(self) -> bool:
        """Whether a COMMIT that may wait for no disk is durable all the same: one in LONGEST, so
        that SQLite brings the log into the database from time to time.
        """
        self._asked += 1
        return self._asked % LONGEST == 0

    def committed(self, connection: sa.Connection) -> None:
        """A COMMIT has returned that waited for no disk."""
        if not self._log:
            self._log = sqlite_engine.log_of(connection)
        self._committed += 1

    def failed(self, error: Exception) -> None:
        """A transaction failed."""
        if isinstance(error, CommitUncertain) and self.is_behind:
            self._is_doubtful = True

    def synchronise(self) -> None:
        """Every COMMIT that has returned is durable. Not to be called in doubt."""
        if not self.is_behind:
            return
        with self._mutex:
            until = self._committed
            try:
                with disk_errors("to keep the database"):
                    sqlite_engine.synchronise_log(self._log)
            except OutOfSpace:
                self._is_doubtful = True
                raise
            self._synchronised = until

    def mend(self, connection: sa.Connection) -> None:
        """Where it is doubtful: begin a new log.

        Raises OutOfSpace, sqlalchemy's DBAPIError; nothing may be committed then.
        """
        if not self._is_doubtful:
            return
        with self._mutex:
            until = self._committed
            sqlite_engine.begin_new_log(connection)
            self._synchronised, self._is_doubtful = until, False
