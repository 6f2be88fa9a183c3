"""How an engine's transactions begin and end; sqlite_engine.py and postgres_engine.py do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import sqlalchemy as sa


class Transactions(Protocol):
    """How an engine's transactions begin and end."""

    def begin(
        self, connection: sa.Connection, *, alone: bool, locks: Sequence[str], durable: bool
    ) -> None:
        """Begin; alone: no other writer changes anything until it ends.

        locks: texts that no other writer's transaction has as its own until then, in the order in
        which they are taken. durable: False where its COMMIT may wait for no disk; a server's does.
        """

    def set_durable(self, connection: sa.Connection, durable: bool) -> None:
        """Whether what is committed from now on is on the disk on return."""

    def commit(self, connection: sa.Connection) -> None:
        """Make it durable. Raises CommitUncertain."""

    def roll_back(self, connection: sa.Connection) -> None:
        """Undo what was done since `begin`."""

    def is_lost(self, connection: sa.Connection) -> bool:
        """Whether another connection is to be made."""

    def may_pass(self, error: Exception) -> bool:
        """Whether the same work may succeed a moment later."""
