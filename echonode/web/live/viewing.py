"""Who may watch which probe, and the viewers that there are.

Rules
- Whether a caller may watch is one callable (`permitted`); a watch link is a permission of its own.
- A link's token comes as a WebSocket subprotocol (`echonode.watch, TOKEN`): a token in a path or a
  query would stand in histories and in the logs of proxies. A stranger learns nothing of probes.
- What a link permitted ends with the link.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from echonode.web.live.broadcast import Broadcast, LivePictures, Viewer
from echonode.web.live.viewer_limits import ViewerLimits
from echonode.web.live.watch_links import WatchLinks

SUBPROTOCOL = "echonode.watch"

Permitted = Callable[[HTTPConnection], bool]


@dataclass(frozen=True, kw_only=True)
class Permission:
    """To watch `probe`. link: the id of the watch link that gives it; '' for none."""

    probe: str
    link: str = ""


@dataclass(frozen=True, kw_only=True)
class ViewerCounts:
    """Of one probe. viewers: now. skipped: pictures that viewers were too slow for, ever."""

    viewers: int
    skipped: int


class Viewing:
    """The viewers of one web server; for its event loop, but for `counts` and `stop`.

    permitted: whether who asks may watch any probe.
    """

    def __init__(self, pictures: LivePictures, links: WatchLinks, *, permitted: Permitted) -> None:
        self.links = links
        self._pictures, self._permitted = pictures, permitted
        self._broadcasts: dict[str, Broadcast] = {}
        self._limits = ViewerLimits()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_stopping = False

    def permission(self, connection: HTTPConnection, probe: str | None) -> Permission | None:
        """To watch `probe`, None for the probe of the link. Returns None without permission."""
        token = token_of(connection)
        if token:
            link = self.links.find(token)
            if link is None or probe not in (None, link.probe):
                return None
            return Permission(probe=link.probe, link=link.id)
        if probe is None or not self._permitted(connection):
            return None
        return Permission(probe=probe)

    def enter(self, viewer: Viewer, probe: str) -> Broadcast | None:
        """It watches from here on; None where there is no room for it.

        Raises UsageError where there is no such probe.
        """
        self._loop = asyncio.get_running_loop()
        if self._is_stopping or not self._limits.enter(viewer, self._loop.time()):
            return None
        broadcast = self._broadcasts.get(probe)
        if broadcast is None:
            broadcast = Broadcast(probe, self._pictures)
        try:
            broadcast.enter(viewer)
        except BaseException:
            self._limits.leave(viewer)
            raise
        self._broadcasts[probe] = broadcast
        return broadcast

    def leave(self, viewer: Viewer, broadcast: Broadcast) -> None:
        """It is gone."""
        self._limits.leave(viewer)
        broadcast.leave(viewer)

    def may_stay(self, viewer: Viewer) -> bool:
        """Whether what permitted it to watch still does."""
        return not viewer.link or self.links.is_open(viewer.link)

    # --- any thread ---

    def counts(self) -> Mapping[str, ViewerCounts]:
        """By probe, of those that were ever watched."""
        return {
            probe: ViewerCounts(viewers=len(broadcast.viewers), skipped=broadcast.skipped)
            for probe, broadcast in list(self._broadcasts.items())
        }

    def stop(self) -> None:
        """End all viewers: the server stops, and would wait for them."""
        self._is_stopping = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end_all)

    def _end_all(self) -> None:
        for broadcast in self._broadcasts.values():
            for viewer in broadcast.viewers:
                viewer.end()


def token_of(connection: HTTPConnection) -> str:
    """The token of a watch link; '' where none is given."""
    offered = [
        text.strip() for text in connection.headers.get("sec-websocket-protocol", "").split(",")
    ]
    if len(offered) == 2 and offered[0] == SUBPROTOCOL:
        return offered[1][:128]
    return ""
