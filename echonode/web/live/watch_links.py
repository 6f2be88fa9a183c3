"""The watch links of a web server: made, found and ended in the database; asked for from memory.

Rules
- The database is what counts (access/watch_links.py). Memory holds its links as they were last
  read, for the event loop, which asks before each picture and never waits for the database.
- `refresh` reads them again: each method but `is_open` begins with it, and so does the look at a
  link that is in use. So a link that another node ended ends here as well.
- A link that the database did not give opens nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from echonode.access.watch_links import TOKEN_BYTES, WatchLink, token_digest


class KeptLinks(Protocol):
    """Where they are kept; node/ gives it. Each raises StoreError."""

    def add(self, link: WatchLink, digest: bytes, *, at: datetime) -> None:
        """Durable on return. Raises OperatorRefused at the limit."""

    def all(self) -> Mapping[bytes, WatchLink]:
        """By the hash of the token, the oldest first."""

    def end(self, probe: str, link_id: str | None, *, at: datetime) -> int:
        """Durable on return: one of a probe's links, or all of them; how many there were."""


def utc_now() -> datetime:
    """The wall clock: a link expires at a time of day."""
    return datetime.now(UTC)


class WatchLinks:
    """Of one node. Thread-safe: what memory holds is replaced as a whole."""

    def __init__(self, kept: KeptLinks, *, now: Callable[[], datetime] = utc_now) -> None:
        self._kept = kept
        self._now = now
        self._links: Mapping[bytes, WatchLink] = {}

    def add(self, probe: str, *, minutes: float) -> tuple[str, WatchLink]:
        """The token, which is not kept, and its link. Raises OperatorRefused at the limit."""
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._now()
        expires_at = now + timedelta(minutes=minutes)
        link = WatchLink(id=secrets.token_hex(8), probe=probe, expires_at=expires_at)
        self._kept.add(link, token_digest(token), at=now)
        self.refresh()
        return token, link

    def find(self, token: str) -> WatchLink | None:
        """The link of a token; None where it is over, or none at all."""
        self.refresh()
        link = self._links.get(token_digest(token))
        return link if link is not None and self._is_on(link) else None

    def of_probe(self, probe: str) -> list[WatchLink]:
        """Those that are not over, the oldest first."""
        self.refresh()
        return [each for each in self._links.values() if each.probe == probe and self._is_on(each)]

    def end(self, probe: str, link_id: str | None = None) -> int:
        """End one of a probe's links, or all of them; how many there were."""
        ended = self._kept.end(probe, link_id, at=self._now())
        self.refresh()
        return ended

    def refresh(self) -> None:
        """Read them again."""
        self._links = self._kept.all()

    def is_open(self, link_id: str) -> bool:
        """Whether the link with this id is not over, as far as memory knows; does not wait."""
        return any(each.id == link_id and self._is_on(each) for each in self._links.values())

    def _is_on(self, link: WatchLink) -> bool:
        return self._now() < link.expires_at
