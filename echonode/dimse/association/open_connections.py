"""The connections of our SCP, from accept until their threads are gone.

Rules
- A place is taken before the connection's thread starts and given back when its descriptors are
  closed. One that was told to go counts until then, so the limit is never exceeded.
- Where no place is free, the oldest connection that has not said who it is makes room: silence
  cannot lock anybody out. An admitted association never does.
- The oldest is told to go a little before the last place is taken, so that hardly anybody waits for
  it. Whoever has to, on the listener's thread, waits a moment and no longer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum

from echonode.dimse.association.association import EventAssociation

# From hang-up to a closed descriptor: a thread wakes up and ends, on a machine that is busy.
EVICTION_S = 1.0


# One place in so many is kept free, as far as those that said nothing can be told to go.
SPARE = 16


class Standing(Enum):
    """What a connection is to us."""

    SILENT = "silent"  # has not said who it is, or was refused and is not gone yet
    EVICTED = "evicted"  # was hung up, and is not gone yet
    ADMITTED = "admitted"


class OpenConnections:
    """Which connections there are, oldest first. Thread-safe.

    on_evicted: called with one that makes room, on the thread that needs it.
    """

    def __init__(
        self, most: int, *, on_evicted: Callable[[EventAssociation], None] = lambda assoc: None
    ) -> None:
        self._most, self._spare = most, most // SPARE
        self._on_evicted = on_evicted
        self._gone = threading.Condition()
        self._standings: dict[EventAssociation, Standing] = {}

    def __len__(self) -> int:
        with self._gone:
            return len(self._standings)

    def enter(self, assoc: EventAssociation) -> bool:
        """Take a place for `assoc`, another one evicted if need be; False when there is none."""
        with self._gone:
            if len(self._standings) >= self._most and not self._make_room():
                return False
            self._standings[assoc] = Standing.SILENT
            staying = sum(at is not Standing.EVICTED for at in self._standings.values())
            if staying > self._most - self._spare:
                self._tell_oldest(keep=assoc)
            return True

    def evict(self, *, keep: EventAssociation | None = None) -> bool:
        """End the oldest silent connection but `keep`, for its descriptor; whether one is gone."""
        with self._gone:
            return self._make_room(keep)

    def _make_room(self, keep: EventAssociation | None = None) -> bool:
        """For the holder of the condition."""
        before = len(self._standings)
        is_told = self._tell_oldest(keep)
        if not is_told and Standing.EVICTED not in self._standings.values():
            return False
        return self._gone.wait_for(lambda: len(self._standings) < before, timeout=EVICTION_S)

    def _tell_oldest(self, keep: EventAssociation | None) -> bool:
        """Have the oldest silent one go; whether there was one."""
        for assoc, standing in self._standings.items():
            if standing is Standing.SILENT and assoc is not keep:
                self._standings[assoc] = Standing.EVICTED
                assoc.hang_up()
                self._on_evicted(assoc)
                return True
        return False

    def admit(self, assoc: EventAssociation) -> bool:
        """It is an association now, and stays; False where it was evicted meanwhile."""
        with self._gone:
            if self._standings.get(assoc) is not Standing.SILENT:
                return False
            self._standings[assoc] = Standing.ADMITTED
            return True

    def leave(self, assoc: EventAssociation) -> None:
        """Its thread and its descriptors are gone."""
        with self._gone:
            self._standings.pop(assoc, None)
            self._gone.notify_all()

    def standings(self) -> dict[EventAssociation, Standing]:
        """Every connection as it stands now, oldest first."""
        with self._gone:
            return dict(self._standings)
