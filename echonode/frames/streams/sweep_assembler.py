"""Scan lines to sweeps: a sweep is what the probe sees in one turn, and becomes one frame.

Rules
- Each direction is a frame. Lines lie in the array by their number, so that a sweep that ran
  backwards is already turned round: line 1 is row 0.
- A sweep is complete when its last line is here, and is handed over at once: the next may be long
  in coming.
- Lines that are missing stay zero, and are counted: nothing is made up. A sweep that lacks more
  than its share is given up. A line that proves to have been cut is taken out again, unless its
  sweep is already complete: then the line is only counted.
- Directions alternate. Two sweeps in a row in one direction: one between them was lost whole.
- The sweep that was under way when the connection opened is not ours: it is neither a frame nor a
  loss. The sweep that the end of the connection cuts is a loss, never a frame.
- Sequence numbers count frames that were lost, too.
"""

from __future__ import annotations

from dataclasses import dataclass

from echonode.frames.imaging.sweep import Sweep
from echonode.frames.streams.partial_sweep import PartialSweep
from echonode.frames.streams.stream import StreamCounts
from echonode.probe.messages import LineReceived, Resynchronised, SectorGeometry


@dataclass(kw_only=True, eq=False)
class _Growing:
    """The sweep that lines are being added to. row: of the last line taken."""

    lines: PartialSweep
    ascending: bool
    row: int = -1


class SweepAssembler:
    """Lines of one connection to sweeps, by the rules above.

    largest_gap: the share of missing lines above which a sweep is given up.
    """

    def __init__(self, geometry: SectorGeometry, *, bits: int, largest_gap: float) -> None:
        self._geometry = geometry
        self._bits = bits
        self._sweep_bytes = geometry.lines * (geometry.samples + 1) * (bits // 8)
        self._most_missing = int(geometry.lines * largest_gap)
        self._growing: _Growing | None = None
        self._last_ascending: bool | None = None  # direction of the sweep before; None: none yet
        self._sequence = 0
        self._counts = StreamCounts()

    @property
    def counts(self) -> StreamCounts:
        return self._counts

    def take(self, line: LineReceived) -> list[Sweep]:
        """Add a line; the sweeps that it completes, or shows to have ended: two at most."""
        done: list[Sweep] = []
        row = line.number - 1
        if self._growing is not None and not self._continues(self._growing, line.ascending, row):
            done += self._close(self._growing)
        growing = self._growing or self._begin(line.ascending, row)
        growing.lines.put(row, line.samples)
        growing.row = row
        if row == (self._geometry.lines - 1 if line.ascending else 0):
            done += self._close(growing)
        return done

    def resynchronised(self, event: Resynchronised) -> None:
        """Lines were passed over; the last one may have been cut."""
        self._count(bytes_skipped=event.bytes_skipped, lines_missing=event.lines_missing)
        if not event.last_line_suspect:
            return
        self._count(lines_missing=1)
        if self._growing is not None:
            self._growing.lines.remove(self._growing.row)

    def finish(self, *, bytes_left: int = 0) -> None:
        """The connection ended: what is under way is lost.

        bytes_left: that came and became no line: the sweep under way, even where none of its lines
        is whole, and others behind it where there are more than a sweep has.
        """
        self._count(bytes_skipped=bytes_left)
        growing, self._growing = self._growing, None
        if growing is None and (not bytes_left or self._last_ascending is None):
            return
        if growing is not None and growing.lines.joined:
            return
        for _ in range(1 + bytes_left // self._sweep_bytes):
            self._lose_one()

    def _continues(self, growing: _Growing, ascending: bool, row: int) -> bool:
        """Whether the line may belong to the sweep under way."""
        ahead = row > growing.row if ascending else row < growing.row
        return growing.ascending == ascending and ahead

    def _begin(self, ascending: bool, row: int) -> _Growing:
        if self._last_ascending == ascending:
            self._lose_one()
        first_row = 0 if ascending else self._geometry.lines - 1
        lines = PartialSweep.empty(
            lines=self._geometry.lines,
            samples=self._geometry.samples,
            bits=self._bits,
            joined=self._last_ascending is None and row != first_row,
        )
        self._growing = _Growing(lines=lines, ascending=ascending)
        return self._growing

    def _close(self, growing: _Growing) -> list[Sweep]:
        """The sweep as a frame, if enough of it is there."""
        self._growing = None
        self._last_ascending = growing.ascending
        if growing.lines.joined:
            return []
        missing = growing.lines.missing
        if missing > self._most_missing:
            self._lose_one()
            return []
        sweep = growing.lines.as_sweep(self._sequence)
        self._sequence += 1
        self._count(frames=1, partial=int(missing > 0))
        return [sweep]

    def _lose_one(self) -> None:
        self._sequence += 1
        self._count(incomplete=1)

    def _count(self, **more: int) -> None:
        self._counts = self._counts.plus(**more)
