"""Links by which a second pair of eyes watches a probe: few, for a time, revocable.

Rules
- A link is a token of 256 random bits. Its hash alone is kept, and in memory: a start of the node
  ends all links.
- It gives the live picture of one probe and nothing else.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from echonode.errors import OperatorRefused

TOKEN_BYTES = 32
# More than the people who help with one exam; an old link is ended, or expires.
MOST_LINKS = 16
LONGEST_MINUTES = 24 * 60


@dataclass(frozen=True, kw_only=True)
class WatchLink:
    """id: for lists and for ending it; it opens nothing. expires_at_s: Unix time."""

    id: str
    probe: str
    expires_at_s: float


class WatchLinks:
    """Of one node. Thread-safe. now_s: Unix time."""

    def __init__(self, *, now_s: Callable[[], float] = time.time) -> None:
        self._now_s = now_s
        self._links: dict[bytes, WatchLink] = {}  # by the token's hash
        self._lock = threading.Lock()

    def add(self, probe: str, *, minutes: float) -> tuple[str, WatchLink]:
        """The token, which is not kept, and its link. Raises OperatorRefused at the limit."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        link = WatchLink(
            id=secrets.token_hex(8), probe=probe, expires_at_s=self._now_s() + minutes * 60
        )
        with self._lock:
            self._expire()
            if len(self._links) >= MOST_LINKS:
                raise OperatorRefused(f"there are {MOST_LINKS} watch links: end one of them")
            self._links[_hash(token)] = link
        return token, link

    def find(self, token: str) -> WatchLink | None:
        """The link of a token; None where it is over, or none at all."""
        with self._lock:
            self._expire()
            return self._links.get(_hash(token))

    def is_open(self, link_id: str) -> bool:
        """Whether the link with this id is not over."""
        with self._lock:
            self._expire()
            return any(link.id == link_id for link in self._links.values())

    def of_probe(self, probe: str) -> list[WatchLink]:
        """Those that are not over, the oldest first."""
        with self._lock:
            self._expire()
            return [link for link in self._links.values() if link.probe == probe]

    def end(self, probe: str, link_id: str | None = None) -> int:
        """End one of a probe's links, or all of them; how many there were."""
        with self._lock:
            self._expire()
            over = [
                key
                for key, link in self._links.items()
                if link.probe == probe and link_id in (None, link.id)
            ]
            for key in over:
                del self._links[key]
            return len(over)

    def _expire(self) -> None:
        now_s = self._now_s()
        for key in [key for key, link in self._links.items() if link.expires_at_s <= now_s]:
            del self._links[key]


def _hash(token: str) -> bytes:
    """256 random bits need no salt and no slow hash; a dictionary's look-up tells no timing."""
    return hashlib.sha256(token.encode()).digest()
