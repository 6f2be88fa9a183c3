"""The connections of our SCP, from accept until their threads are gone.

Rules
- A place is taken before the connection's thread starts and given back when its descriptors are
  closed. An evicted connection counts until then, so the limit is never exceeded.
- Where no place is free, the oldest connection that has not yet sent a request is evicted: silent
  connections cannot lock peers out. An admitted association is never evicted.
- The oldest is evicted shortly before the last place is taken, so that the listener's thread rarely
  waits for a place, and then EVICTION_S at most.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum

from echonode.dimse.association.association import EventAssociation

# From hang-up to a closed descriptor: a thread has to wake up and end on a busy machine.
EVICTION_S = 1.0


# One place in so many is kept free, as far as silent connections can be evicted.
SPARE = 16


class ConnectionState(Enum):
    """How far a connection has got."""

    SILENT = "silent"  # has sent no request, or was refused and is not closed yet
    EVICTED = "evicted"  # was hung up and is not closed yet
    ADMITTED = "admitted"


class OpenConnections:
    """The open connections, oldest first. Thread-safe.

    on_evicted: called with an evicted connection, on the thread that needs its place.
    """

    def __init__(
        self, most: int, *, on_evicted: Callable[[EventAssociation], None] = lambda assoc: None
    ) -> None:
        self._most, self._spare = most, most // SPARE
        self._on_evicted = on_evicted
        self._gone = threading.Condition()
        self._states: dict[EventAssociation, ConnectionState] = {}

    def __len__(self) -> int:
        with self._gone:
            return len(self._states)

    def enter(self, assoc: EventAssociation) -> bool:
        """Take a place for `assoc`, evicting another if necessary; False where none is free."""
        with self._gone:
            if len(self._states) >= self._most and not self._make_room():
                return False
            self._states[assoc] = ConnectionState.SILENT
            staying = sum(at is not ConnectionState.EVICTED for at in self._states.values())
            if staying > self._most - self._spare:
                self._evict_oldest(keep=assoc)
            return True

    def evict(self, *, keep: EventAssociation | None = None) -> bool:
        """Evict the oldest silent connection except `keep`; True once a descriptor is free."""
        with self._gone:
            return self._make_room(keep)

    def _make_room(self, keep: EventAssociation | None = None) -> bool:
        """For the holder of the condition."""
        before = len(self._states)
        has_evicted = self._evict_oldest(keep)
        if not has_evicted and ConnectionState.EVICTED not in self._states.values():
            return False
        return self._gone.wait_for(lambda: len(self._states) < before, timeout=EVICTION_S)

    def _evict_oldest(self, keep: EventAssociation | None) -> bool:
        """Evict the oldest silent one; False where there is none."""
        for assoc, state in self._states.items():
            if state is ConnectionState.SILENT and assoc is not keep:
                self._states[assoc] = ConnectionState.EVICTED
                assoc.hang_up()
                self._on_evicted(assoc)
                return True
        return False

    def admit(self, assoc: EventAssociation) -> bool:
        """It becomes an association; False where it was evicted meanwhile."""
        with self._gone:
            if self._states.get(assoc) is not ConnectionState.SILENT:
                return False
            self._states[assoc] = ConnectionState.ADMITTED
            return True

    def leave(self, assoc: EventAssociation) -> None:
        """Its thread and its descriptors are gone."""
        with self._gone:
            self._states.pop(assoc, None)
            self._gone.notify_all()

    def states(self) -> dict[EventAssociation, ConnectionState]:
        """Every connection and its state now, oldest first."""
        with self._gone:
            return dict(self._states)
