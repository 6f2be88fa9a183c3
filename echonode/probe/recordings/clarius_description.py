"""NAME.yml of a Clarius file: how its lines were made, and whether they are a picture.

It looks like YAML and is not (`tgc: { 0.00mm, 30.00dB }{ 40.00mm, 35.00dB }`), so it is read line
by line.

Rules
- Lines are a picture where they are equally far apart along the array and their angles are all zero
  (a linear array) or go on evenly (a curved one); or where all are of one element and their angles
  go on evenly (a phased one). A Doppler acquisition sends each line many times, and steered: side
  by side they would be stripes, so it is refused.
- The region of interest ends a line: what a line has beyond `end sample` is not of the image. One
  that cuts off anything else is refused.
- `delay samples` moves nothing. In the published files the end sample lies at the imaging depth
  when depth counts from the line's first sample (584 at 15 MHz and 1540 m/s are 30.0 mm, 779 are
  40.0 mm), so a line begins at depth 0 and has its delay in it already.
- It tells neither the pitch of the elements nor the radius of a curved array.

Source: clariusdev/raw, README.md and viewer/data.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from echonode.errors import ProtocolError
from echonode.probe.recordings.image_sequence import HeaderReader
from echonode.probe.recordings.sequence_header import Opener

EVEN_WITHIN = 0.1  # of the step from line to line; the files' own steps differ by less than 1e-6
_NUMBER = r"(-?[\d.]{1,32}(?:e[-+]?\d{1,3})?)"
_SAMPLING = re.compile(rf"\s*sampling rate:\s*{_NUMBER}\s*MHz\s*")
_FRAME_RATE = re.compile(rf"\s*frame rate:\s*{_NUMBER}\s*Hz\s*")
_FREQUENCY = re.compile(rf"\s*transmit frequency:\s*{_NUMBER}\s*MHz\s*")
_COMPRESSION = re.compile(r"\s*compression:\s*(.{1,64}?)\s*")
_LINE = re.compile(rf"\s*- \{{rx element:\s*{_NUMBER},.*\bangle:\s*{_NUMBER}\s*°.*")
_ROI = re.compile(
    r"\s*roi:\s*\{\s*start line:\s*(\d{1,9}), end line:\s*(\d{1,9}), "
    r"start sample:\s*(\d{1,9}), end sample:\s*(\d{1,9})\s*\}\s*"
)


@dataclass(kw_only=True)
class ClariusDescription:
    """What the file says; None where it does not.

    lines: (receiving element, degrees) of each. roi: first line, last line, first sample, last
    sample, all counted from 0.
    """

    name: str = ""
    sampling_rate_hz: float | None = None
    frame_rate_hz: float | None = None
    frequency_mhz: float | None = None
    compression: str = "none"
    lines: list[tuple[float, float]] = field(default_factory=list)
    roi: tuple[int, int, int, int] | None = None

    def sector_deg(self, lines: int) -> float | None:
        """The angle between the first and the last line; 0: parallel; None: not told.

        lines: how many the data have. Raises ProtocolError where they are not the lines of a
        picture.
        """
        if self.compression != "none":
            raise self._refusal(f"its data are compressed ({self.compression})")
        if not self.lines:
            return None
        if len(self.lines) != lines:
            raise self._refusal(f"describes {len(self.lines)} lines of {lines}")
        if lines == 1:
            return 0.0
        self._check_elements()
        return self._sector_deg()

    def samples(self, lines: int, samples: int) -> int:
        """How many samples of a line are of the image. Raises ProtocolError as above."""
        if self.roi is None:
            return samples
        first_line, last_line, first_sample, last_sample = self.roi
        if (first_line, last_line, first_sample) != (0, lines - 1, 0) or not last_sample:
            raise self._refusal("a region of interest is only read where it ends the lines")
        return min(samples, last_sample + 1)

    def _check_elements(self) -> None:
        """No line is there twice; each is next to the one before, or of the same element."""
        if any(earlier == later for earlier, later in pairwise(self.lines)):
            raise self._refusal(
                "lines are repeated at one element, as Doppler acquisitions do: no B-mode picture"
            )
        elements = [element for element, _ in self.lines]
        steps = [later - earlier for earlier, later in pairwise(elements)]
        if any(steps) and not _even(steps):
            raise self._refusal("its lines are not equally far apart")

    def _sector_deg(self) -> float:
        angles = [angle for _, angle in self.lines]
        steps = [later - earlier for earlier, later in pairwise(angles)]
        if all(step == 0 for step in steps):
            if angles[0] != 0:
                raise self._refusal(f"its lines are steered by {angles[0]:g} degrees: not read")
            return 0.0
        if not _even(steps):
            raise self._refusal("the angles of its lines do not go on evenly")
        return abs(angles[-1] - angles[0])

    def _refusal(self, reason: str) -> ProtocolError:
        return ProtocolError(f"{self.name}: {reason}")


def _even(steps: list[float]) -> bool:
    """Whether all go one way, by nearly the same."""
    mean = sum(steps) / len(steps)
    return mean != 0 and all(abs(step - mean) <= EVEN_WITHIN * abs(mean) for step in steps)


def read_description(name: str, open_file: Opener) -> ClariusDescription:
    """The description in `name`. Raises FileNotFoundError, ProtocolError, OSError."""
    found = ClariusDescription(name=name)
    with open_file(name) as file:
        lines = HeaderReader(file, name)
        while (line := lines.line()) is not None:
            try:
                _take(found, line)
            except ValueError:
                raise lines.fault("not a number") from None
    return found


def _take(found: ClariusDescription, line: str) -> None:
    """Keep what `line` says, where it is known."""
    for pattern, keep in _KEYS:
        if match := pattern.fullmatch(line):
            keep(found, match)
            return


def _keep_sampling(found: ClariusDescription, match: re.Match[str]) -> None:
    found.sampling_rate_hz = float(match[1]) * 1e6


def _keep_frame_rate(found: ClariusDescription, match: re.Match[str]) -> None:
    found.frame_rate_hz = float(match[1])


def _keep_frequency(found: ClariusDescription, match: re.Match[str]) -> None:
    found.frequency_mhz = float(match[1])


def _keep_compression(found: ClariusDescription, match: re.Match[str]) -> None:
    found.compression = match[1]


def _keep_line(found: ClariusDescription, match: re.Match[str]) -> None:
    found.lines.append((float(match[1]), float(match[2])))


def _keep_roi(found: ClariusDescription, match: re.Match[str]) -> None:
    first_line, last_line, first_sample, last_sample = (int(match[n]) for n in range(1, 5))
    found.roi = (first_line, last_line, first_sample, last_sample)


_KEYS: tuple[tuple[re.Pattern[str], Callable[[ClariusDescription, re.Match[str]], None]], ...] = (
    (_LINE, _keep_line),
    (_SAMPLING, _keep_sampling),
    (_FRAME_RATE, _keep_frame_rate),
    (_FREQUENCY, _keep_frequency),
    (_COMPRESSION, _keep_compression),
    (_ROI, _keep_roi),
)
