"""A sweep that lines are being added to. Used by each assembler of sweeps.

Rules
- Lines that are missing stay zero: nothing is made up.
- Where `joined` is set the sweep had begun before we were there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from echonode.frames.imaging.sweep import Sweep
from echonode.probe.messages import Samples


@dataclass(kw_only=True, eq=False)
class PartialSweep:
    """samples: (lines, samples) as they came. present: (lines,), which lines are here."""

    samples: Samples
    present: NDArray[np.bool_]
    joined: bool = False

    @classmethod
    def empty(cls, *, lines: int, samples: int, bits: int, joined: bool = False) -> Self:
        """No line yet. bits: of a sample, 8 or 16."""
        kind = np.int16 if bits == 16 else np.uint8
        return cls(
            samples=np.zeros((lines, samples), dtype=kind),
            present=np.zeros(lines, dtype=np.bool_),
            joined=joined,
        )

    @property
    def here(self) -> int:
        """How many lines are here."""
        return int(np.count_nonzero(self.present))

    @property
    def missing(self) -> int:
        """How many lines are not here."""
        return self.present.size - self.here

    def has(self, row: int) -> bool:
        """Whether the line of that row is here."""
        return bool(self.present[row])

    def put(self, row: int, samples: Samples) -> None:
        """Add the line of that row, or replace it."""
        self.samples[row] = samples
        self.present[row] = True

    def remove(self, row: int) -> None:
        """Take out a line that proved to be cut."""
        self.samples[row] = 0
        self.present[row] = False

    def as_sweep(self, sequence: int, *, source_timestamp_s: float | None = None) -> Sweep:
        """The frame that it has become; no line is added after that."""
        return Sweep(
            sequence=sequence,
            samples=self.samples,
            present=self.present,
            source_timestamp_s=source_timestamp_s,
        )
