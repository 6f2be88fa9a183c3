"""Watch links kept in a dictionary: two servers that share it are two nodes on one database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from echonode.access.watch_links import WatchLink


class SharedLinks:
    """What web/live/watch_links.py asks of the store."""

    def __init__(self) -> None:
        self._links: dict[bytes, WatchLink] = {}

    def add(self, link: WatchLink, digest: bytes, *, at: datetime) -> None:
        self._links = {**self._links, digest: link}

    def all(self) -> Mapping[bytes, WatchLink]:
        return self._links

    def end(self, probe: str, link_id: str | None, *, at: datetime) -> int:
        left = {
            key: link
            for key, link in self._links.items()
            if link.probe != probe or link_id not in (None, link.id)
        }
        ended = len(self._links) - len(left)
        self._links = left
        return ended
