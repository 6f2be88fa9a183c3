"""Each frame mixed with those before it: less noise, and less sharp where something moves.

shown = persistence * shown before + (1 - persistence) * frame, on grey levels, line by line.

Rules
- The state is one connection's and one geometry's: a new one of either begins afresh.
- A line that is missing is black, never what it was before: nothing is made up. Its state waits for
  it; a line that comes for the first time is shown as it is.
- Frames that were dropped before they became pixels leave no trace.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Persistence:
    """share: 0 shows each frame as it is, towards 1 the past outweighs it. Keeps its state."""

    def __init__(self, share: float) -> None:
        if not 0 <= share < 1:
            raise ValueError(f"persistence {share} is not in 0..<1")
        self._fresh = np.float32(1 - share)
        self._state: Floats | None = None
        self._seen: NDArray[np.bool_] | None = None

    def mixed(self, grey: Floats, present: NDArray[np.bool_]) -> Floats:
        """What to show for a frame; grey is (lines, samples), present (lines,)."""
        if self._fresh == 1:
            return grey
        if self._state is None or self._seen is None:
            self._state, self._seen = grey.copy(), present.copy()
            return grey
        if present.all() and self._seen.all():
            self._state += (grey - self._state) * self._fresh
            return self._state
        known = present & self._seen
        self._state[known] += (grey[known] - self._state[known]) * self._fresh
        new = present & ~self._seen
        self._state[new] = grey[new]
        self._seen |= present
        shown: Floats = np.where(present[:, None], self._state, np.float32(0))
        return shown
