"""Who watches which probe, and by which watch link.

Rules
- Who may watch a probe is not decided here but before (admission.py); a watch link is a permission
  of its own, checked here.
- A link's token comes as a WebSocket subprotocol (`echonode.watch, TOKEN`): a token in a path or a
  query would stand in histories and in the logs of proxies. A stranger learns nothing of probes.
- What a link permitted ends with the link.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from anyio import to_thread
from starlette.requests import HTTPConnection

from echonode.access.watch_links import WatchLink
from echonode.errors import StoreError
from echonode.web.live.broadcast import Broadcast, LivePictures, Viewer
from echonode.web.live.viewer_limits import ViewerLimits
from echonode.web.live.watch_links import WatchLinks

SUBPROTOCOL = "echonode.watch"
# How long a link may be used after another node has ended it; here it ends at once.
LOOK_S = 5.0


@dataclass(frozen=True, kw_only=True)
class ViewerCounts:
    """Of one probe. viewers: now. skipped: pictures that viewers were too slow for.

    unmade: frames that came while a picture of another was made. Both since the start.
    """

    viewers: int
    skipped: int
    unmade: int = 0


NOT_WATCHED = ViewerCounts(viewers=0, skipped=0)


class Viewing:
    """The viewers of one web server; for its event loop, but for `counts` and `stop`."""

    def __init__(self, pictures: LivePictures, links: WatchLinks) -> None:
        self.links = links
        self._pictures = pictures
        self._broadcasts: dict[str, Broadcast] = {}
        self._limits = ViewerLimits()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_stopping = False

    async def link_of(self, connection: HTTPConnection) -> WatchLink | None:
        """The watch link that a connection comes by; None where it has none that is open.

        Raises StoreError.
        """
        token = token_of(connection)
        return await to_thread.run_sync(self.links.find, token) if token else None

    async def until_link_is_over(self, viewer: Viewer) -> None:
        """Return when its watch link has expired or was ended, here or at another node."""
        while self.links.is_open(viewer.link):
            await asyncio.sleep(LOOK_S)
            with suppress(StoreError):  # what memory knows counts until the database answers
                await to_thread.run_sync(self.links.refresh)

    def exam_of(self, probe: str) -> str:
        """The id of the exam that is open at it; ''. Raises UsageError for no such probe."""
        return self._pictures.state(probe).exam

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
            probe: ViewerCounts(
                viewers=len(broadcast.viewers),
                skipped=broadcast.skipped,
                unmade=self._pictures.unmade(probe),
            )
            for probe, broadcast in list(self._broadcasts.items())
        }

    def by_link(self) -> Mapping[str, int]:
        """How many watch now by each watch link's id; a link that no one uses is not in it."""
        return Counter(
            viewer.link
            for broadcast in list(self._broadcasts.values())
            for viewer in broadcast.viewers
            if viewer.link
        )

    def stop(self) -> None:
        """End all viewers: the server stops, and would wait for them."""
        self._is_stopping = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and with it every viewer
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
