"""Who may have an association (PS3.8 9.3.4): AE titles, limits, and a log that cannot be flooded.

Pure but for its lock; time is an argument.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from echonode.dimse.limits import Limits
from echonode.model.identity import Peer

PERMANENT, TRANSIENT = 1, 2
SERVICE_USER, PRESENTATION_PROVIDER = 1, 3


@dataclass(frozen=True)
class Rejection:
    """The three numbers of an A-ASSOCIATE-RJ, and what they mean."""

    result: int
    source: int
    reason: int
    meaning: str


UNKNOWN_CALLER = Rejection(PERMANENT, SERVICE_USER, 3, "calling AE title not recognised")
UNKNOWN_CALLED = Rejection(PERMANENT, SERVICE_USER, 7, "called AE title not recognised")
TOO_MANY = Rejection(TRANSIENT, PRESENTATION_PROVIDER, 2, "local limit exceeded")


class Admission:
    """Gives out the association slots."""

    def __init__(self, *, ae_title: str, peers: Sequence[Peer], limits: Limits) -> None:
        self._ae_title = ae_title.strip()
        self._peers = tuple(peers)
        self._limits = limits
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """Slots in use."""
        with self._lock:
            return self._taken.total()

    def admit(self, *, called: str, calling: str, address: str) -> Peer | Rejection:
        """The peer that calls, its slot taken (give it back with `leave`), or why not."""
        if called.strip() != self._ae_title:
            return UNKNOWN_CALLED
        peer = self._peer(calling.strip(), address)
        if peer is None:
            return UNKNOWN_CALLER
        with self._lock:
            if (
                self._taken.total() >= self._limits.associations
                or self._taken[peer.name] >= self._limits.associations_per_peer
            ):
                return TOO_MANY
            self._taken[peer.name] += 1
        return peer

    def leave(self, peer: Peer) -> None:
        """An admitted peer's association is over."""
        with self._lock:
            self._taken[peer.name] -= 1

    def _peer(self, calling: str, address: str) -> Peer | None:
        """By AE title; where several share one, the one whose host is the caller's address."""
        known = [peer for peer in self._peers if peer.ae_title.strip() == calling]
        return next((peer for peer in known if peer.host == address), known[0] if known else None)


class RejectionTally:
    """Says when a rejection is worth a log line: the first at once, then one a window with a count.

    Keeps at most `capacity` (address, reason) pairs, so that many addresses take no memory either.
    """

    def __init__(self, window_s: float, *, capacity: int = 1_024) -> None:
        self._window_s = window_s
        self._capacity = capacity
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def note(self, address: str, meaning: str, *, now: float) -> int | None:
        """How many there were since the last line, if a line is due at `now` (seconds)."""
        key = (address, meaning)
        with self._lock:
            since, count = self._seen.get(key, (None, 0))
            if since is not None and now - since < self._window_s:
                self._seen[key] = (since, count + 1)
                return None
            self._seen[key] = (now, 0)
            self._seen.move_to_end(key)
            if len(self._seen) > self._capacity:
                self._seen.popitem(last=False)
            return count + 1
