"""A sweep: the scan lines of one turn of the probe, which become one frame. A value only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echonode.probe.messages import Samples


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """One turn of the probe.

    samples: (lines, samples) from the wire. present: (lines,) of bool. source_timestamp_s: when it
    began by the probe's own clock, where it has one.
    """

    sequence: int
    samples: Samples
    present: NDArray[np.bool_]
    source_timestamp_s: float | None = None

    @property
    def missing_lines(self) -> int:
        return int(self.present.size - np.count_nonzero(self.present))
