"""The part of the store's door that housekeeping and the flight recorder use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from echonode.store.database.connections import Writer
from echonode.store.database.event_log import Note, note
from echonode.store.database.file_size import Shrunk, shrink
from echonode.store.deliveries.clock_changes import note_clock
from echonode.store.files.layout import Layout
from echonode.store.retention.deletion import Deleted, Tombstones
from echonode.store.retention.policy import RetentionPolicy
from echonode.store.retention.pruning import Pruning


class RetentionDoor:
    """What Store does for housekeeping; Store sets the attributes."""

    _layout: Layout
    _pruning: Pruning
    _tombstones: Tombstones
    _writer: Writer

    @property
    def is_recovering(self) -> bool:
        """Whether what the last stop left is still being looked at (recovery.py)."""
        raise NotImplementedError

    def _due(self, destinations: Sequence[str]) -> None:
        """Tell the workers of these destinations that something became due."""
        raise NotImplementedError

    def watch_clock(self, *, now: datetime, elapsed_s: float) -> timedelta:
        """How far the wall clock was set back since the last look (clock_changes.py); mostly zero.

        elapsed_s: since then, on the monotonic clock. What waits was moved by as much on return.
        """
        set_back, destinations = self._writer.run(
            lambda connection: note_clock(connection, now=now, elapsed_s=elapsed_s)
        )
        self._due(destinations)
        return set_back

    def observe(self, seconds: int) -> int:
        """Let the observed clock (policy.py) go on; what is proved by now is seen. The clock."""
        return self._tombstones.observe(seconds)

    def observed_s(self) -> int:
        """The observed clock, in seconds since this database was made."""
        return self._tombstones.observed_s()

    def recycle(self, policy: RetentionPolicy, *, now: datetime) -> list[Deleted]:
        """Delete local copies that may go, a few hundred a call; call it again and again.

        None while the store is recovering: what decides has not been looked at yet.
        Raises OutOfSpace where the disk does not let go of a file.
        """
        if self.is_recovering:
            return []
        return self._tombstones.recycle(policy, now=now)

    def keep_house(self, *, now: datetime) -> Shrunk:
        """Remove what nothing needs any more (pruning.py), and give its room back; a bounded part.

        Raises OutOfSpace.
        """
        self._pruning.prune(now=now)
        return shrink(self._writer, self._layout.database)

    def note_flight(self, what: Note, *, now: datetime) -> None:
        """Something for the flight recorder that happened outside the store. Raises OutOfSpace."""
        self._writer.run(lambda connection: note(connection, what, now=now))
