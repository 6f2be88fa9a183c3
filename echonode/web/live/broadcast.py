"""One probe's pictures and state for all who watch it; on the event loop.

Rules
- Pictures come from another thread, which never waits: it leaves the newest and wakes the loop.
- The probe's pictures are made from the first viewer on, and no longer after the last has left.
- The state is sent when it changes and once a second: a page that hears nothing for two knows that
  the node is out of reach.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Protocol

from echonode.model.live_picture import LivePicture, LiveState, PictureGeometry
from echonode.web.live.messages import (
    Pointer,
    geometry_message,
    picture_message,
    state_message,
)
from echonode.web.live.viewer_slot import ViewerSlot

STATE_LOOK_S = 0.2
STATE_EVERY_S = 1.0
# A pointer that does not move is forgotten: who pointed may have put the tablet away.
POINTER_S = 10.0


class LivePictures(Protocol):
    """Where the pictures come from; node/ gives it. `take` is called on another thread."""

    def state(self, probe: str) -> LiveState: ...

    def unmade(self, probe: str) -> int:
        """Frames that came while a picture of another was made."""

    def watch(self, probe: str, take: Callable[[LivePicture], None]) -> Callable[[], None]: ...


class Viewer:
    """One screen. link: the watch link that it came by; '' for none.

    changed: set when there is something to send, or it is to end.
    """

    def __init__(self, *, address: str, link: str = "", slot: ViewerSlot | None = None) -> None:
        self.address, self.link = address, link
        self.slot = slot or ViewerSlot()
        self.changed = asyncio.Event()
        self.behind_since_s: float | None = None
        self.is_ended = False
        self.state = ""  # the message to send; '' none
        self._geometry_id = 0  # of the last geometry that it was sent

    def end(self) -> None:
        """Close it."""
        self.is_ended = True
        self.changed.set()

    def put(self, picture: LivePicture, now_s: float) -> None:
        """A newer picture for it."""
        self.slot.put(picture)
        if self.slot.is_ready:
            self.changed.set()
        elif self.behind_since_s is None:
            self.behind_since_s = now_s

    def give(self, count: int) -> None:
        """It is ready for more."""
        self.slot.give(count)
        self.behind_since_s = None
        if self.slot.is_ready:
            self.changed.set()

    def tell(self, state: str) -> None:
        """A newer state for it."""
        self.state = state
        self.changed.set()

    def messages(self, broadcast: Broadcast) -> list[str | bytes]:
        """What is to be sent now, in its order."""
        messages: list[str | bytes] = []
        if self.state:
            messages.append(self.state)
            self.state = ""
        picture = self.slot.take()
        if picture is not None:
            geometry_id = broadcast.geometry_id(picture.geometry)
            if geometry_id != self._geometry_id:
                self._geometry_id = geometry_id
                messages.append(geometry_message(picture.geometry, geometry_id))
            messages.append(picture_message(picture, geometry_id))
        return messages


class Broadcast:
    """Of one probe. To be made on the event loop that it is used on."""

    def __init__(self, probe: str, pictures: LivePictures) -> None:
        self._probe, self._pictures = probe, pictures
        self._loop = asyncio.get_running_loop()
        self._viewers: dict[Viewer, None] = {}
        self._stop_watching: Callable[[], None] = lambda: None
        self._telling: asyncio.Task[None] | None = None
        self._arrived: LivePicture | None = None  # the newest, until the loop takes it
        self._last: LivePicture | None = None  # for who comes next
        self._arriving = threading.Lock()
        self._geometry: PictureGeometry | None = None
        self._geometry_id = 0
        self._pointer: Pointer | None = None
        self._pointed_s = 0.0
        self._skipped = 0  # of viewers that are gone

    @property
    def viewers(self) -> list[Viewer]:
        """Who watches now; from any thread."""
        return list(self._viewers)

    @property
    def skipped(self) -> int:
        """Pictures that viewers were too slow for."""
        return self._skipped + sum(viewer.slot.skipped for viewer in self.viewers)

    def enter(self, viewer: Viewer) -> None:
        """It watches from here on. Raises UsageError where there is no such probe."""
        viewer.tell(self._state())
        if not self._viewers:
            self._stop_watching = self._pictures.watch(self._probe, self._take)
            self._telling = self._loop.create_task(self._tell())
        elif self._last is not None:
            viewer.put(self._last, self._loop.time())
        self._viewers[viewer] = None

    def leave(self, viewer: Viewer) -> None:
        """It watches no longer."""
        if viewer not in self._viewers:
            return
        del self._viewers[viewer]
        self._skipped += viewer.slot.skipped
        if not self._viewers:
            self._stop_watching()
            self._last = None
            if self._telling is not None:
                self._telling.cancel()

    def point(self, pointer: Pointer | None) -> None:
        """A viewer points, or does no longer; all see it with the next state."""
        self._pointer, self._pointed_s = pointer, self._loop.time()

    def geometry_id(self, geometry: PictureGeometry) -> int:
        """Another number for another geometry."""
        if geometry != self._geometry:
            self._geometry, self._geometry_id = geometry, self._geometry_id + 1
        return self._geometry_id

    # --- any thread ---

    def _take(self, picture: LivePicture) -> None:
        with self._arriving:
            is_waiting, self._arrived = self._arrived is not None, picture
        if not is_waiting:
            try:
                self._loop.call_soon_threadsafe(self._spread)
            except RuntimeError:  # the loop has ended: the node stops
                self._arrived = None

    # --- the loop ---

    def _spread(self) -> None:
        with self._arriving:
            picture, self._arrived = self._arrived, None
        if picture is None or not self._viewers:
            return
        self._last = picture
        now_s = self._loop.time()
        for viewer in self._viewers:
            viewer.put(picture, now_s)

    def _state(self) -> str:
        if self._pointer is not None and self._loop.time() - self._pointed_s > POINTER_S:
            self._pointer = None
        return state_message(self._pictures.state(self._probe), self._pointer)

    async def _tell(self) -> None:
        """Until the last viewer leaves."""
        told: object = None
        told_s = 0.0
        while True:
            message, now_s = self._state(), self._loop.time()
            state = self._pictures.state(self._probe)
            seen = (state.connected, state.exam, self._pointer)  # the rate is never twice the same
            if seen != told or now_s - told_s >= STATE_EVERY_S:
                told, told_s = seen, now_s
                for viewer in self._viewers:
                    viewer.tell(message)
            await asyncio.sleep(STATE_LOOK_S)
