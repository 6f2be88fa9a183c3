"""When the frames of a recording are due, as they are shown or sent again."""

from __future__ import annotations

LONGEST_PAUSE_S = 10.0  # a picture that was frozen for an hour must not stop the player for an hour


class Pace:
    """Seconds since the first frame.

    fps: instead of the frames' own times. step_s: from frame to frame where there are none.

    Where times go back, as where a recording begins again, the next frame comes after a usual step;
    no pause is longer than LONGEST_PAUSE_S.
    """

    def __init__(self, fps: float | None, step_s: float) -> None:
        self._fps = fps
        self._step_s = 1 / fps if fps else step_s
        self._due_s: float | None = None
        self._last: float | None = None

    def due_s(self, at: float | None) -> float:
        """at: the frame's own time, where it has one."""
        if self._due_s is None:
            self._due_s = 0.0
        elif self._fps is not None or at is None or self._last is None or at < self._last:
            self._due_s += self._step_s
        else:
            self._due_s += min(at - self._last, LONGEST_PAUSE_S)
        self._last = at
        return self._due_s
