"""How many frames come a second. Pure: time is an argument."""

from __future__ import annotations

from collections import deque

# A second of a fast probe, four of a slow one.
_REMEMBERED = 20
# A probe that sent nothing for so long sends nothing: its last rate says nothing of now.
SILENCE_S = 2.0


class FrameRate:
    """Of the last frames; `arrived` costs the same whatever came before."""

    def __init__(self) -> None:
        self._moments_s: deque[float] = deque(maxlen=_REMEMBERED)

    def arrived(self, now_s: float) -> None:
        """A frame came."""
        self._moments_s.append(now_s)

    def per_s(self, now_s: float) -> float:
        """0 while none comes."""
        moments = list(self._moments_s)
        if len(moments) < 2 or now_s - moments[-1] > SILENCE_S:
            return 0.0
        took_s = moments[-1] - moments[0]
        return (len(moments) - 1) / took_s if took_s > 0 else 0.0
