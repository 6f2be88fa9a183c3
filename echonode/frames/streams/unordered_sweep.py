"""Scan lines to sweeps, for a probe whose order of lines is not known beforehand (`sweeping`).

Rules
- A seam is where the next line is not a neighbour of the last in the direction of travel: the probe
  turned round, jumped, or repeated a line. Between two seams, line follows line.
- A frame is complete when it has every line, whatever their order: it is handed over at once.
- A line that the frame already has begins the next; so does a seam, once no more is missing than a
  frame may lack. What is missing then is counted, as everywhere (sweep_assembler.py).
- Lines before the first seam belong to a sweep that had begun before we were there: they are
  neither a frame nor a loss, unless the first of them is one that a sweep begins with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from echonode.frames.imaging.sweep import Sweep
from echonode.frames.streams.stream import StreamCounts
from echonode.probe.messages import LineReceived, Resynchronised, Samples, SectorGeometry

# A probe drops a few lines when its client is slow; a larger step is a jump of the transducer.
LARGEST_STEP = 8


class UnorderedSweepAssembler:
    """Lines of one connection to sweeps; the form is sector_stream.Assembler."""

    def __init__(self, geometry: SectorGeometry, *, bits: int, largest_gap: float) -> None:
        self._shape = (geometry.lines, geometry.samples)
        self._type: np.dtype[np.integer[Any]] = np.dtype(np.int16 if bits == 16 else np.uint8)
        self._most_missing = int(geometry.lines * largest_gap)
        # Up and down, or from the middle out: what the known probes begin with.
        self._beginnings = (1, geometry.lines // 2 + 1, geometry.lines)
        self._samples: Samples = np.zeros(self._shape, dtype=self._type)
        self._present: NDArray[np.bool_] = np.zeros(geometry.lines, dtype=np.bool_)
        self._last: int | None = None
        self._direction = 0  # of the last step; 0: not known yet
        self._joined = False
        self._sequence = 0
        self._counts = StreamCounts()

    @property
    def counts(self) -> StreamCounts:
        return self._counts

    def take(self, line: LineReceived) -> list[Sweep]:
        """Add a line; the sweeps that it completes, or shows to have ended."""
        done: list[Sweep] = []
        if self._last is None:
            self._last, self._joined = line.number, line.number not in self._beginnings
        elif self._seam_before(line.number):
            done += self._at_seam()
        row = line.number - 1
        if self._present[row]:
            done += self._close()
        self._samples[row] = line.samples
        self._present[row] = True
        if self._present.all():
            done += self._close()
        return done

    def resynchronised(self, event: Resynchronised) -> None:
        """Bytes were passed over: nothing that ours may tell yet, but counted all the same."""
        self._counts = self._counts.plus(
            bytes_skipped=event.bytes_skipped, lines_missing=event.lines_missing
        )

    def finish(self, *, bytes_left: int = 0) -> None:
        """The connection ended: what is under way is lost, even where none of its lines is whole.

        bytes_left: that came and became no line.
        """
        begun = self._present.any() or (bytes_left and self._sequence)
        self._counts = self._counts.plus(bytes_skipped=bytes_left)
        if begun and not self._joined:
            self._counts = self._counts.plus(incomplete=1)
        self._begin()

    def _seam_before(self, number: int) -> bool:
        """Whether `number` does not go on from the last line; takes note of it."""
        assert self._last is not None
        step, self._last = number - self._last, number
        direction = (step > 0) - (step < 0)
        turned = self._direction not in (0, direction)
        far = not 0 < abs(step) <= LARGEST_STEP
        self._direction = 0 if far else direction
        return turned or far

    def _at_seam(self) -> list[Sweep]:
        here = int(np.count_nonzero(self._present))
        # The very first line may have been the last of a sweep as well as the first of one.
        if self._joined or (here == 1 and not self._sequence):
            self._begin()
            return []
        missing = self._present.size - here
        return self._close() if missing <= self._most_missing else []

    def _close(self) -> list[Sweep]:
        """The lines so far as a frame, if enough of them are there."""
        samples, present, joined = self._samples, self._present, self._joined
        missing = int(present.size - np.count_nonzero(present))
        self._begin()
        if joined and missing:
            return []
        sequence, self._sequence = self._sequence, self._sequence + 1
        if missing > self._most_missing:
            self._counts = self._counts.plus(incomplete=1, lines_missing=missing)
            return []
        self._counts = self._counts.plus(frames=1, partial=int(missing > 0), lines_missing=missing)
        return [Sweep(sequence=sequence, samples=samples, present=present)]

    def _begin(self) -> None:
        self._samples = np.zeros(self._shape, dtype=self._type)
        self._present = np.zeros(self._shape[0], dtype=np.bool_)
        self._joined = False
