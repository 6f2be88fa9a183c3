"""What the nodes wrote of each delivery, replayed: no state is changed twice.

Of two nodes that both believe that a delivery is theirs, one is heard. If both were, the history
would have an event that the state before it does not allow: `stored` of what is sent already, or
`committed` of what is committed. Written by hand here, not taken from the node's own table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import Final, NamedTuple

import psycopg

_WAITS, _SENT, _ASKED, _UNHEARD, _DONE = "waits", "sent", "asked", "unheard", "done"
# Taking a delivery up and putting it down again is between `stored` and `retry`.
_AFTER: Final = MappingProxyType(
    {
        (_WAITS, "send"): _WAITS,
        (_WAITS, "retry"): _WAITS,
        (_WAITS, "interrupted"): _WAITS,
        (_WAITS, "stored"): _SENT,
        (_SENT, "ask"): _ASKED,
        (_SENT, "missing"): _WAITS,
        (_ASKED, "request_lost"): _UNHEARD,
        (_UNHEARD, "ask"): _ASKED,
        (_UNHEARD, "committed"): _DONE,  # by a late report: it was asked for
        (_ASKED, "not_committed"): _WAITS,
        (_ASKED, "committed"): _DONE,
    }
)


class Event(NamedTuple):
    """A line of the history."""

    id: int
    kind: str
    sop_instance_uid: str


class DeliveryHistory:
    """The states of the deliveries to one destination, as far as the history was read."""

    def __init__(self) -> None:
        self.changes = 0
        self._last = 0
        self._states: dict[str, str] = {}

    def read(self, database: str, destination: str) -> list[str]:
        """Read on from the last time; what is not allowed. database: a conninfo of PostgreSQL."""
        statement = (
            "SELECT id, kind, sop_instance_uid FROM flight_event "
            "WHERE destination = %s AND sop_instance_uid <> '' AND id > %s ORDER BY id"
        )
        with psycopg.connect(database, autocommit=True) as connection:
            rows = connection.execute(statement, (destination, self._last)).fetchall()
        return list(self.replay(Event(*row) for row in rows))

    def replay(self, events: Iterable[Event]) -> Iterator[str]:
        """What of these events the states before them do not allow."""
        for event in events:
            self._last = event.id
            before = self._states.get(event.sop_instance_uid, _WAITS)
            after = _AFTER.get((before, event.kind))
            if after is None:
                yield f"{event.sop_instance_uid}: {event.kind} of what is {before} ({event.id})"
                continue
            self.changes += 1
            self._states[event.sop_instance_uid] = after
