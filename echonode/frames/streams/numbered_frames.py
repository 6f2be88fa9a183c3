"""Lines that come as datagrams, each with its frame's number: lost, late, twice, or out of order.

Rules
- Frames come out in order, whatever is lost. A frame comes out as soon as it is whole and none
  before it is still open; or, with lines missing, once LATE_LINES of the next are here (the network
  swaps neighbours, not frames), or the one after the next begins, or the probe pauses (flush).
- The number counts modulo 256 and is unsigned. From the newest frame on, up to REORDERED behind is
  late and everything else ahead; whole turns that were slept through are not counted.
- More than FAR ahead is not believed before a second datagram says the same: one stray datagram
  must not throw the count of frames out. It is counted as bytes skipped.
- A frame of which nothing came is incomplete, one of which too much is missing as well; both leave
  their gap in the sequence. A line that comes twice counts once; one that comes after its frame is
  missing, and stays so.
- The frame under way when the connection opened is neither a frame nor a loss.
- A frame's time is that of its first line, from the times that its datagrams carry for the line
  sent before them. Where that one is missing it is computed from those that came. The probe's clock
  has 32 bits of microseconds; it is carried on over its end (71 minutes), and may go backwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from echonode.frames.imaging.sweep import Sweep
from echonode.frames.streams.partial_sweep import PartialSweep
from echonode.frames.streams.stream import StreamCounts
from echonode.probe.echopen.epf import LineDatagram, encode_line

COUNTER = 256
CLOCK = 2**32
# A frame is open together with the one before it: older lines are too late.
REORDERED = 8
LATE_LINES = 8
FAR = 16


@dataclass(kw_only=True, eq=False)
class _Open:
    """A frame that lines are being added to. previous_us: line number -> time in its datagram."""

    lines: PartialSweep
    previous_us: dict[int, int] = field(default_factory=dict)


class NumberedFrames:
    """Datagrams of one connection and one geometry to sweeps, by the rules above.

    largest_gap: the share of missing lines above which a frame is given up.
    """

    def __init__(self, *, lines: int, samples: int, largest_gap: float) -> None:
        self._shape = (lines, samples)
        self._most_missing = int(lines * largest_gap)
        self._open: dict[int, _Open] = {}  # by the frame's number, carried on beyond 255
        self._newest: int | None = None
        self._next: int | None = None  # the frame that comes out next
        self._sequence = 0
        self._far: LineDatagram | None = None
        self._clock_us: int | None = None
        self._counts = StreamCounts()

    @property
    def counts(self) -> StreamCounts:
        return self._counts

    def is_newer(self, number: int) -> bool:
        """Whether `number` (0..255) is of a frame that has not begun yet."""
        return self._newest is None or 0 < (number - self._newest) % COUNTER < COUNTER - REORDERED

    def take(self, line: LineDatagram) -> list[Sweep]:
        """Add a line, whose number and samples fit the geometry; the frames that are over now."""
        if self._is_far(line.frame):
            held, self._far = self._far, line
            if held is None or held.frame != line.frame:
                self._skip(held)
                return []
            lines = [held, line]
        else:
            self._skip(self._far)
            lines = [line]
        self._far = None
        return [sweep for each in lines for sweep in self._add(each)]

    def flush(self) -> list[Sweep]:
        """The probe pauses, or the connection ended: every open frame is over."""
        self._skip(self._far)
        self._far = None
        return [] if self._newest is None else self._close_before(self._newest + 1)

    def _skip(self, line: LineDatagram | None) -> None:
        """Count a line that is not believed."""
        if line is not None:
            self._counts = self._counts.plus(bytes_skipped=len(encode_line(line)))

    def _is_far(self, number: int) -> bool:
        if self._newest is None or not self.is_newer(number):
            return False
        return (number - self._newest) % COUNTER > FAR

    def _carried_on(self, number: int) -> int:
        """The frame's number counted beyond 255, from the newest frame's."""
        if self._newest is None:
            return number
        ahead = (number - self._newest) % COUNTER
        return self._newest + (ahead if ahead < COUNTER - REORDERED else ahead - COUNTER)

    def _add(self, line: LineDatagram) -> list[Sweep]:
        frame = self._carried_on(line.frame)
        if self._next is not None and frame < self._next:
            return []  # too late: its frame is out, and the line counted as missing
        done: list[Sweep] = []
        if self._newest is None or self._next is None:
            self._newest = self._next = frame
        elif frame > self._newest:
            self._newest = frame
            done += self._close_before(frame - 1)
        place = self._open.get(frame) or self._begin(frame, line.number)
        if not place.lines.has(line.number - 1):
            place.lines.put(line.number - 1, line.samples)
            place.previous_us[line.number] = line.previous_us
        return done + self._close_what_is_over()

    def _begin(self, frame: int, number: int) -> _Open:
        first = frame == self._next and self._sequence == 0 and self._counts == StreamCounts()
        lines, samples = self._shape
        joined = first and number not in (1, lines)
        self._open[frame] = _Open(
            lines=PartialSweep.empty(lines=lines, samples=samples, bits=16, joined=joined)
        )
        return self._open[frame]

    def _close_what_is_over(self) -> list[Sweep]:
        assert self._newest is not None
        newest = self._open.get(self._newest)
        done: list[Sweep] = []
        if newest is not None and newest.lines.here >= min(LATE_LINES, self._shape[0]):
            done += self._close_before(self._newest)
        while (oldest := self._open.get(self._oldest())) is not None and not oldest.lines.missing:
            done += self._close_before(self._oldest() + 1)
        return done

    def _oldest(self) -> int:
        return min(self._open, default=-1)

    def _close_before(self, limit: int) -> list[Sweep]:
        """Every frame below `limit`, in order, those of which nothing came among them."""
        assert self._next is not None
        done: list[Sweep] = []
        while self._next < limit:
            done += self._close(self._open.pop(self._next, None))
            self._next += 1
        return done

    def _close(self, frame: _Open | None) -> list[Sweep]:
        missing = self._shape[0]
        if frame is not None:
            missing = frame.lines.missing
            if frame.lines.joined and missing:
                return []
        sequence, self._sequence = self._sequence, self._sequence + 1
        if frame is None or missing > self._most_missing:
            self._counts = self._counts.plus(incomplete=1, lines_missing=missing)
            return []
        self._counts = self._counts.plus(frames=1, partial=int(missing > 0), lines_missing=missing)
        began_s = self._began_s(frame.previous_us)
        return [frame.lines.as_sweep(sequence, source_timestamp_s=began_s)]

    def _began_s(self, previous_us: dict[int, int]) -> float | None:
        """When the frame's first line was taken, seconds of the probe's clock; None: no telling."""
        raw_us = first_line_us(previous_us, lines=self._shape[0])
        if raw_us is None:
            return None
        if self._clock_us is None:
            self._clock_us = raw_us
        else:
            self._clock_us += signed_us(raw_us - self._clock_us)
        return self._clock_us / 1e6


def signed_us(difference: int) -> int:
    """A difference of two readings of the clock, which may have passed its end in between."""
    return (difference + CLOCK // 2) % CLOCK - CLOCK // 2


def first_line_us(previous_us: dict[int, int], *, lines: int) -> int | None:
    """The time of a frame's first line by the probe's clock, modulo 2**32.

    previous_us: line number -> time of the line sent before it. The border lines' are left out:
    what came before them is another frame's. Lines sent downwards tell their times downwards.
    """
    inner = sorted(number for number in previous_us if 1 < number < lines)
    if not inner:
        return None
    low, high = inner[0], inner[-1]
    if low == high:
        return previous_us[low]
    span = signed_us(previous_us[high] - previous_us[low])
    if span >= 0:  # line 2's datagram has the time of line 1
        return (previous_us[low] - round(span * (low - 2) / (high - low))) % CLOCK
    return (previous_us[high] + round(span * (lines - 1 - high) / (high - low))) % CLOCK
