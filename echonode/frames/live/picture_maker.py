"""The newest frame of one probe, as a picture for all who watch it.

Rules
- `show` belongs to the frames thread: it keeps a reference and wakes the maker. It waits for
  nothing, and takes as long with fifty viewers as with none.
- A picture is made once for all viewers, and only while one watches. It is made of the newest
  frame; frames that came meanwhile are skipped, and counted.
- A watcher is called on the maker's thread and must not wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from echonode.frames.frame import Frame
from echonode.frames.live.frame_rate import FrameRate
from echonode.frames.live.jpeg import jpeg_of
from echonode.frames.live.picture_geometry import geometry_of
from echonode.log import get_logger
from echonode.model.live_picture import LivePicture
from echonode.threads import RecurringThread

log = get_logger(__name__)

Watcher = Callable[[LivePicture], None]

# `show` and `watch` wake the maker; it looks by itself for no reason but a fault of ours.
_LOOKS_EVERY_S = 60.0
_AFTER_A_FAULT_S = 1.0


class PictureMaker:
    """name: of the probe. gain_curve: that its frames are made with."""

    def __init__(
        self,
        name: str,
        *,
        gain_curve: Sequence[tuple[float, float]] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self.gain_curve, self._monotonic = name, tuple(gain_curve), monotonic
        self._newest: Frame | None = None
        self._made: LivePicture | None = None
        self._served: frozenset[object] = frozenset()  # the watchers that have it
        self._rate = FrameRate()
        self._watchers: dict[object, Watcher] = {}
        self._changing = threading.Lock()  # the watchers
        self._skipped = 0
        self._thread = RecurringThread(
            f"probe-{name}-picture",
            self._make,
            on_stalled=self._failed,
            stalled_s=_AFTER_A_FAULT_S,
        )

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self, deadline_s: float) -> bool:
        """End; whether it was in time."""
        if not self._thread.was_started:
            return True
        self._thread.ask_stop()
        return self._thread.join(deadline_s)

    def show(self, frame: Frame) -> None:
        """The next frame; on the frames thread."""
        self._rate.arrived(self._monotonic())
        self._newest = frame
        if self._watchers:
            self._thread.wake()

    def clear(self) -> None:
        """The probe is gone: who begins to watch now gets no picture of before."""
        self._newest = None

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` with each picture, the one that is there now first; what ends it."""
        key = object()
        with self._changing:
            self._watchers = {**self._watchers, key: watcher}
        self._thread.wake()

        def end() -> None:
            with self._changing:
                self._watchers = {k: w for k, w in self._watchers.items() if k is not key}

        return end

    @property
    def frames_per_s(self) -> float:
        """Of the frames that come just now."""
        return self._rate.per_s(self._monotonic())

    @property
    def skipped(self) -> int:
        """Frames that came while a viewer watched, and of which no picture was made."""
        return self._skipped

    def _make(self) -> float:
        frame, watchers = self._newest, self._watchers
        if frame is None or not watchers:
            return _LOOKS_EVERY_S
        if self._made is None or self._made.number != frame.number:
            self._count_skipped(frame)
            self._made, self._served = self._picture(frame), frozenset()
        for key, watcher in watchers.items():
            if key not in self._served:
                watcher(self._made)
        self._served = frozenset(watchers)
        return _LOOKS_EVERY_S

    def _picture(self, frame: Frame) -> LivePicture:
        return LivePicture(
            number=frame.number,
            captured_at=frame.acquired_at,
            geometry=geometry_of(frame, self.gain_curve),
            jpeg=jpeg_of(frame),
        )

    def _count_skipped(self, frame: Frame) -> None:
        """Those between the picture before and this one, where a viewer watched all the time."""
        if self._made is not None and self._served & self._watchers.keys():
            self._skipped += max(0, frame.number - self._made.number - 1)

    def _failed(self, error: Exception) -> None:
        log.error("live_picture_failed", probe=self._name, error=type(error).__name__)
