"""A recording that is a sequence of images: what every reader of one gives.

Rules for readers
- Nothing is read that was not asked for: frames come one by one, so that a recording of any length
  takes the memory of one frame. Sizes from a header are checked before anything is allocated.
- What is wrong raises ProtocolError, which names the file and, in a header, the line.
- No name in a header leads out of the header's own folder.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.probe.openigtlink.device_metadata import NO_METADATA, DeviceMetadata
from echonode.probe.openigtlink.tracked_fields import Matrix

FRAME_LIMIT = 160 * 1024 * 1024  # as of an OpenIGTLink body
FRAMES_LIMIT = 1_000_000  # nine hours at 30 frames/s
HEADER_LIMIT = 16 * 1024 * 1024  # of a header of text; 20,000 frames of PLUS with three transforms
LINE_LIMIT = 64 * 1024
_CHUNK = 256 * 1024
_AUTOMATIC = 47  # zlib: the stream's own header says zlib or gzip


class Content(StrEnum):
    """What the values of a sequence are."""

    PICTURE = "picture"  # grey or colour
    RF = "rf"  # the echo's voltage
    IQ = "iq"  # the same in two components, I and Q


@dataclass(frozen=True, kw_only=True)
class SequenceInfo:
    """What a whole recording has in common.

    name: of the file. frames: how many there are. rows, columns, components, kind: of each.
    orientation: as PLUS writes it, '' where the file does not say. spacing_mm: (x, y), as the file
    says; whether it is to be believed is the operator's word. is_skewed: by the source, rows and
    columns are not at right angles. The rest is known for scan line data
    only: sampling_rate_hz, sector_deg (the angle between the first and the last line; 0 where they
    are parallel) and frame_rate_hz may be None: the file does not say. device: what the scanner
    said of itself.
    """

    name: str
    frames: int
    rows: int
    columns: int
    components: int
    kind: np.dtype[Any]
    orientation: str = ""
    content: Content = Content.PICTURE
    spacing_mm: tuple[float, float] | None = None
    is_skewed: bool = False
    sampling_rate_hz: float | None = None
    sector_deg: float | None = None
    frame_rate_hz: float | None = None
    device: DeviceMetadata = NO_METADATA

    def __post_init__(self) -> None:
        if min(self.frames, self.rows, self.columns, self.components) < 1:
            raise ProtocolError(f"{self.name}: there is no image in it")
        if self.frames > FRAMES_LIMIT:
            raise ProtocolError(f"{self.name}: more than {FRAMES_LIMIT} frames")
        if max(self.rows, self.columns) > 65535 or self.frame_bytes > FRAME_LIMIT:
            size = f"{self.columns} x {self.rows}"
            raise ProtocolError(f"{self.name}: frames of {size} are too large")

    @property
    def sent_spacing_mm(self) -> tuple[float, float] | None:
        """(x, y): the image's own, or where that is a default or missing, the scanner's."""
        if self.spacing_mm is None or self.spacing_mm == (1.0, 1.0):
            return self.device.spacing_mm
        return self.spacing_mm

    @property
    def frame_bytes(self) -> int:
        return math.prod(self.shape) * self.kind.itemsize

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, columns), or (rows, columns, components)."""
        plane = (self.rows, self.columns)
        return plane if self.components == 1 else (*plane, self.components)


@dataclass(frozen=True, kw_only=True, eq=False)
class SequenceFrame:
    """One frame.

    index: its place in the recording, from 0; one that is marked as bad is left out. pixels: of the
    sequence's shape and kind. timestamp_s: of the recorder's clock. transforms: where the tracker
    saw what, by name; None where it did not see it well.
    """

    index: int
    pixels: NDArray[np.generic]
    timestamp_s: float | None = None
    transforms: Mapping[str, Matrix | None] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSequence:
    """A recording. `frames` reads it from its beginning, each time it is called."""

    info: SequenceInfo
    frames: Callable[[], Iterator[SequenceFrame]]


class PixelReader:
    """Exactly so many bytes at a time out of a file, inflated where it is compressed."""

    def __init__(self, file: BinaryIO, *, compressed: bool) -> None:
        self._file = file
        self._inflater = zlib.decompressobj(_AUTOMATIC) if compressed else None

    def read(self, size: int) -> bytes:
        """The next `size` bytes. Raises ProtocolError where there are fewer."""
        data = self._file.read(size) if self._inflater is None else self._inflate(size)
        if len(data) < size:
            raise ProtocolError(f"it ends after {len(data)} of {size} bytes")
        return data

    def _inflate(self, size: int) -> bytes:
        assert self._inflater is not None
        pieces, missing = [], size
        while missing and not self._inflater.eof:
            packed = self._inflater.unconsumed_tail or self._file.read(_CHUNK)
            try:
                piece = self._inflater.decompress(packed, missing)
            except zlib.error as error:
                raise ProtocolError(f"its compression is broken: {error}") from None
            if not piece and not packed:
                break  # the file ends before its compressed data do
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)


def planes(
    info: SequenceInfo, reader: PixelReader, *, usable: Callable[[int], bool] = lambda _: True
) -> Iterator[tuple[int, NDArray[np.generic]]]:
    """(index, pixels) of every usable frame, in order."""
    for index in range(info.frames):
        try:
            data = reader.read(info.frame_bytes)
        except ProtocolError as error:
            raise ProtocolError(f"{info.name}, frame {index}: {error}") from None
        if usable(index):
            yield index, np.frombuffer(data, dtype=info.kind).reshape(info.shape)


class HeaderReader:
    """The lines of a text header, numbered from 1, up to limits."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self.number = 0
        self._left = HEADER_LIMIT

    def line(self) -> str | None:
        """The next line without its end; None where the file ends."""
        raw = self._file.readline(LINE_LIMIT)
        self.number += 1
        self._left -= len(raw)
        if len(raw) == LINE_LIMIT or self._left < 0:
            raise self.fault("the header is too long to be one")
        if not raw:
            return None
        return raw.decode("utf-8", "replace").rstrip("\r\n")

    def fault(self, problem: str) -> ProtocolError:
        """The error to raise for the line that was read last."""
        return ProtocolError(f"{self._name}, line {self.number}: {problem}")


def numbers(text: str, what: str) -> list[float]:
    """Finite numbers, separated by spaces. Raises ValueError that says what is wrong."""
    values = [float(value) for value in text.split()]
    if not values or not all(map(math.isfinite, values)):
        raise ValueError(f"{what} are not numbers")
    return values
