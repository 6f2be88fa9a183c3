"""Clarius research files: NAME.raw, scan lines before scan conversion, and NAME.yml in the same
folder.

.raw: five u32 (id, frames, lines, samples a line, bytes a sample), then for each frame an i64 of
nanoseconds and its lines, all little-endian. One byte a sample is the grey envelope, two are RF,
four are I and Q of two bytes each.

What the .yml says of them is clarius_description.py. Without it the lines can be read, but nothing
is known of their geometry.

Source: clariusdev/raw, README.md and viewer/data.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from io import SEEK_END
from pathlib import PurePath

import numpy as np

from echonode.errors import ProtocolError
from echonode.probe.openigtlink.device_metadata import DeviceMetadata
from echonode.probe.recordings.clarius_description import ClariusDescription, read_description
from echonode.probe.recordings.image_sequence import (
    Content,
    ImageSequence,
    PixelReader,
    SequenceFrame,
    SequenceInfo,
)
from echonode.probe.recordings.sequence_header import Opener

RAW_HEADER = struct.Struct("<5I")
TIMESTAMP = struct.Struct("<q")
_KINDS = {1: ("u1", 1, Content.PICTURE), 2: ("<i2", 1, Content.RF), 4: ("<i2", 2, Content.IQ)}


def read_clarius(name: str, open_file: Opener) -> ImageSequence:
    """The sequence in `name`, a .raw file. Raises ProtocolError, OSError."""
    description = ClariusDescription()
    with suppress(FileNotFoundError):
        description = read_description(str(PurePath(name).with_suffix(".yml")), open_file)
    with open_file("") as file:
        raw = file.read(RAW_HEADER.size)
        length = file.seek(0, SEEK_END)
    if len(raw) < RAW_HEADER.size:
        raise ProtocolError(f"{name}: shorter than the header of a Clarius file")
    _, frames, lines, samples, size = RAW_HEADER.unpack(raw)
    if size not in _KINDS:
        raise ProtocolError(f"{name}: {size} bytes a sample are not of a Clarius file")
    kind, components, content = _KINDS[size]
    whole = SequenceInfo(
        name=name,
        frames=frames,
        rows=lines,
        columns=samples,
        components=components,
        kind=np.dtype(kind),
        orientation="FM",
        content=content,
        sampling_rate_hz=description.sampling_rate_hz,
        frame_rate_hz=description.frame_rate_hz,
        device=DeviceMetadata(frequency_mhz=description.frequency_mhz),
    )
    if length != RAW_HEADER.size + frames * (TIMESTAMP.size + whole.frame_bytes):
        raise ProtocolError(f"{name}: {length} bytes do not fit the header of a Clarius file")
    shown = replace(
        whole,
        columns=description.samples(lines, samples),
        sector_deg=description.sector_deg(lines),
    )
    return ImageSequence(info=shown, frames=lambda: _frames(whole, shown.columns, open_file))


def _frames(info: SequenceInfo, samples: int, open_file: Opener) -> Iterator[SequenceFrame]:
    """Frames as `info` has them, each line cut to its first `samples`."""
    with open_file("") as file:
        file.seek(RAW_HEADER.size)
        reader = PixelReader(file, compressed=False)
        for index in range(info.frames):
            try:
                (nanoseconds,) = TIMESTAMP.unpack(reader.read(TIMESTAMP.size))
                data = reader.read(info.frame_bytes)
            except ProtocolError as error:
                raise ProtocolError(f"{info.name}, frame {index}: {error}") from None
            pixels = np.frombuffer(data, dtype=info.kind).reshape(info.shape)[:, :samples]
            yield SequenceFrame(index=index, pixels=pixels, timestamp_s=nanoseconds / 1e9)
