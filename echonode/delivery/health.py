"""What a destination's last answers say of it, and how long it is left alone.

In memory only: a restart finds out again, at the price of one try.
"""

from __future__ import annotations

from collections.abc import Callable


class DestinationHealth:
    """Failures in a row, by what they count for, and the pause they led to."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._paused_until = 0.0
        self.refused = 0  # associations that could not be had
        self.lost = 0  # associations that ended before an answer
        self.unable = 0  # answers that the archive cannot store for now
        self.fault = ""  # what keeps us from opening an association, where that is our own failure

    @property
    def is_suspect(self) -> bool:
        """Whether the last thing heard of the destination was a failure of its own."""
        return self.refused + self.lost + self.unable > 0

    def paused_s(self) -> float:
        """How long the destination is still to be left alone; 0 when it is not."""
        return max(0.0, self._paused_until - self._monotonic())

    def pause(self, pause_s: float) -> None:
        """Leave it alone for so long from now."""
        self._paused_until = self._monotonic() + pause_s

    def associated(self) -> None:
        """An association was had."""
        self.refused = 0
        self.fault = ""

    def answered(self) -> None:
        """A C-STORE was answered, whatever the status."""
        self.lost = 0

    def stored(self) -> None:
        """An instance was stored: all is well."""
        self.refused = self.lost = self.unable = 0
