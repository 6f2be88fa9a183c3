"""Which of a source's values is white, where neither sender nor operator says so.

Rules
- Values of an unsigned byte are grey levels already: they have no window.
- Wider ones come from converters of 8, 10 or 12 bits in a type of 16 or 32, and neither file nor
  message says which. Black is 0, since a magnitude is not negative. White is the largest value of
  the fewest bits, at least 8, that hold what has come so far. The largest value of the type itself
  would make most pictures all but black.
- Floating point is 0 to 1 where nothing above 1 has come, else as above.
- So a window does not follow a frame's own maximum, which would make a cine flicker. It widens when
  a frame has values beyond it, a few times at most, and never narrows. What is known of the image
  changes with it (ImageFacts.window): a clip ends there, and each clip says which window it has.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEWEST_BITS = 8
_MOST_BITS = 64
_BYTE = 255.0


class ChosenWindow:
    """The window of one source. For one thread: it remembers what came.

    window: (black, white) of the values that came last; None: they were grey levels already.
    """

    def __init__(self) -> None:
        self.window: tuple[float, float] | None = None
        self._white = 0.0  # nothing above black has come

    def of(self, values: NDArray[np.generic]) -> tuple[float, float] | None:
        """The window for `values`, after those that came before."""
        if values.dtype == np.uint8:
            self.window = None
        else:
            self._white = max(self._white, _white_of(values))
            self.window = (0.0, self._white or _BYTE)
        return self.window


def _white_of(values: NDArray[np.generic]) -> float:
    """The smallest white that holds `values`; 0 where all of them are black."""
    wide = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    largest = float(np.max(wide, initial=0))
    if largest <= 0:
        return 0.0
    if values.dtype.kind == "f" and largest <= 1:
        return 1.0
    if values.dtype == np.int8:
        return 127.0
    bits = next((n for n in range(FEWEST_BITS, _MOST_BITS) if largest < 2**n), _MOST_BITS)
    return float(2**bits - 1)
