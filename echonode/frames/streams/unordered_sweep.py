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

from echonode.frames.imaging.sweep import Sweep
from echonode.frames.streams.partial_sweep import PartialSweep
from echonode.frames.streams.stream import StreamCounts
from echonode.probe.messages import LineReceived, Resynchronised, SectorGeometry

# A probe drops a few lines when its client is slow; a larger step is a jump of the transducer.
LARGEST_STEP = 8


class UnorderedSweepAssembler:
    """Lines of one connection to sweeps; the form is sector_stream.Assembler."""

    def __init__(self, geometry: SectorGeometry, *, bits: int, largest_gap: float) -> None:
        self._geometry = geometry
        self._bits = bits
        self._most_missing = int(geometry.lines * largest_gap)
        # Up and down, or from the middle out: what the known probes begin with.
        self._beginnings = (1, geometry.lines // 2 + 1, geometry.lines)
        self._growing = self._empty()
        self._last: int | None = None
        self._direction = 0  # of the last step; 0: not known yet
        self._sequence = 0
        self._counts = StreamCounts()

    @property
    def counts(self) -> StreamCounts:
        return self._counts

    def take(self, line: LineReceived) -> list[Sweep]:
        """Add a line; the sweeps that it completes, or shows to have ended."""
        done: list[Sweep] = []
        if self._last is None:
            self._last = line.number
            self._growing.joined = line.number not in self._beginnings
        elif self._seam_before(line.number):
            done += self._at_seam()
        row = line.number - 1
        if self._growing.has(row):
            done += self._close()
        self._growing.put(row, line.samples)
        if not self._growing.missing:
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
        begun = self._growing.here or (bytes_left and self._sequence)
        self._counts = self._counts.plus(bytes_skipped=bytes_left)
        if begun and not self._growing.joined:
            self._counts = self._counts.plus(incomplete=1)
        self._growing = self._empty()

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
        # The very first line may have been the last of a sweep as well as the first of one.
        if self._growing.joined or (self._growing.here == 1 and not self._sequence):
            self._growing = self._empty()
            return []
        return self._close() if self._growing.missing <= self._most_missing else []

    def _close(self) -> list[Sweep]:
        """The lines so far as a frame, if enough of them are there."""
        closed, self._growing = self._growing, self._empty()
        missing = closed.missing
        if closed.joined and missing:
            return []
        sequence, self._sequence = self._sequence, self._sequence + 1
        if missing > self._most_missing:
            self._counts = self._counts.plus(incomplete=1, lines_missing=missing)
            return []
        self._counts = self._counts.plus(frames=1, partial=int(missing > 0), lines_missing=missing)
        return [closed.as_sweep(sequence)]

    def _empty(self) -> PartialSweep:
        return PartialSweep.empty(
            lines=self._geometry.lines, samples=self._geometry.samples, bits=self._bits
        )
