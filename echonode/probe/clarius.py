"""Clarius research files: NAME.raw, scan lines before scan conversion, and NAME.yml beside it.

.raw: five u32 (id, frames, lines, samples a line, bytes a sample), then for each frame an i64 of
nanoseconds and its lines, all little-endian. One byte a sample is the grey envelope, two are RF,
four are I and Q of two bytes each.

.yml: looks like YAML and is none (`tgc: { 0.00mm, 30.00dB }{ 40.00mm, 35.00dB }`), so it is read
line by line: the sampling rate, the frame rate, and the angle of each line. It does not tell the
pitch of the elements nor the radius of a curved array; these are the operator's to say. Without it
the lines can be read, but nothing is known of their geometry.

Source: clariusdev/raw, README.md and viewer/data.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import SEEK_END
from pathlib import PurePath

import numpy as np

from echonode.errors import ProtocolError
from echonode.probe.image_sequence import (
    Content,
    HeaderReader,
    ImageSequence,
    PixelReader,
    SequenceFrame,
    SequenceInfo,
)
from echonode.probe.sequence_header import Opener

RAW_HEADER = struct.Struct("<5I")
TIMESTAMP = struct.Struct("<q")
_KINDS = {1: ("u1", 1, Content.PICTURE), 2: ("<i2", 1, Content.RF), 4: ("<i2", 2, Content.IQ)}
_SAMPLING = re.compile(r"\s*sampling rate:\s*([\d.]{1,16})\s*MHz\s*")
_FRAME_RATE = re.compile(r"\s*frame rate:\s*([\d.]{1,16})\s*Hz\s*")
_ANGLE = re.compile(r".*\bangle:\s*(-?[\d.]{1,32}(?:e-?\d{1,3})?)\s*°.*")


@dataclass(kw_only=True)
class _Description:
    """What the .yml says; None where it does not."""

    sampling_rate_hz: float | None = None
    frame_rate_hz: float | None = None
    sector_deg: float | None = None


def read_clarius(name: str, open_file: Opener) -> ImageSequence:
    """The sequence in `name`, a .raw file. Raises ProtocolError, OSError."""
    description = _Description()
    with suppress(FileNotFoundError):
        description = _describe(str(PurePath(name).with_suffix(".yml")), open_file)
    with open_file("") as file:
        raw = file.read(RAW_HEADER.size)
        length = file.seek(0, SEEK_END)
    if len(raw) < RAW_HEADER.size:
        raise ProtocolError(f"{name}: shorter than the header of a Clarius file")
    _, frames, lines, samples, size = RAW_HEADER.unpack(raw)
    if size not in _KINDS:
        raise ProtocolError(f"{name}: {size} bytes a sample are not of a Clarius file")
    kind, components, content = _KINDS[size]
    info = SequenceInfo(
        name=name,
        frames=frames,
        rows=lines,
        columns=samples,
        components=components,
        kind=np.dtype(kind),
        orientation="FM",
        content=content,
        sampling_rate_hz=description.sampling_rate_hz,
        sector_deg=description.sector_deg,
        frame_rate_hz=description.frame_rate_hz,
    )
    if length != RAW_HEADER.size + frames * (TIMESTAMP.size + info.frame_bytes):
        raise ProtocolError(f"{name}: {length} bytes do not fit the header of a Clarius file")
    return ImageSequence(info=info, frames=lambda: _frames(info, open_file))


def _frames(info: SequenceInfo, open_file: Opener) -> Iterator[SequenceFrame]:
    with open_file("") as file:
        file.seek(RAW_HEADER.size)
        reader = PixelReader(file, compressed=False)
        for index in range(info.frames):
            try:
                (nanoseconds,) = TIMESTAMP.unpack(reader.read(TIMESTAMP.size))
                data = reader.read(info.frame_bytes)
            except ProtocolError as error:
                raise ProtocolError(f"{info.name}, frame {index}: {error}") from None
            pixels = np.frombuffer(data, dtype=info.kind).reshape(info.shape)
            yield SequenceFrame(index=index, pixels=pixels, timestamp_s=nanoseconds / 1e9)


def _describe(name: str, open_file: Opener) -> _Description:
    found, angles = _Description(), list[float]()
    with open_file(name) as file:
        lines = HeaderReader(file, name)
        while (line := lines.line()) is not None:
            try:
                if match := _SAMPLING.fullmatch(line):
                    found.sampling_rate_hz = float(match[1]) * 1e6
                elif match := _FRAME_RATE.fullmatch(line):
                    found.frame_rate_hz = float(match[1])
                elif match := _ANGLE.fullmatch(line):
                    angles.append(float(match[1]))
            except ValueError:
                raise lines.fault("not a number") from None
    if angles:
        found.sector_deg = abs(angles[-1] - angles[0])
    return found
