"""The part of the store's door that housekeeping and the flight recorder use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from echonode.store.clock_steps import note_clock
from echonode.store.database import Writer
from echonode.store.flight_recorder import Note, note
from echonode.store.identity_conflicts import forget_settled
from echonode.store.retention import RetentionPolicy
from echonode.store.tombstones import Deleted, Tombstones


class RetentionDoor:
    """What Store does for housekeeping; Store sets the attributes."""

    _tombstones: Tombstones
    _writer: Writer

    def _due(self, destinations: Sequence[str]) -> None:
        """Tell the workers of these destinations that something became due."""
        raise NotImplementedError

    def watch_clock(self, *, now: datetime, elapsed_s: float) -> timedelta:
        """How far the wall clock was set back since the last look (clock_steps.py); mostly zero.

        elapsed_s: since then, on the monotonic clock. What waits was moved by as much on return.
        """
        set_back, destinations = self._writer.run(
            lambda connection: note_clock(connection, now=now, elapsed_s=elapsed_s)
        )
        self._due(destinations)
        return set_back

    def observe(self, seconds: int) -> int:
        """Let the observed clock (retention.py) go on; what is proved by now is seen. The clock."""
        return self._tombstones.observe(seconds)

    def observed_s(self) -> int:
        """The observed clock, in seconds since this database was made."""
        return self._tombstones.observed_s()

    def recycle(self, policy: RetentionPolicy, *, now: datetime) -> list[Deleted]:
        """Delete local copies that may go, a few hundred a call; call it again and again.

        Raises OutOfSpace where the disk does not let go of a file.
        """
        return self._tombstones.recycle(policy, now=now)

    def keep_house(self, *, now: datetime) -> None:
        """Remove what nothing needs any more, a bounded part of it each call.

        Raises OutOfSpace.
        """
        self._writer.run(forget_settled)

    def note_flight(self, what: Note, *, now: datetime) -> None:
        """Something for the flight recorder that happened outside the store. Raises OutOfSpace."""
        self._writer.run(lambda connection: note(connection, what, now=now))
