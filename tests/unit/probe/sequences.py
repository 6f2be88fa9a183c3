"""Recordings of images as PLUS and Clarius write them, in memory."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from echonode.probe.recordings.clarius import RAW_HEADER, TIMESTAMP
from echonode.probe.recordings.metaimage import ELEMENT_TYPES
from echonode.probe.recordings.sequence_header import Opener

MATRIX = "1 0 0 10 0 1 0 20 0 0 1 30 0 0 0 1"
CODES = {code: name for name, code in ELEMENT_TYPES.items()}


def files(**contents: bytes) -> Opener:
    """An opener over `contents`; `main` is the header's own file, dots are written as `_dot_`."""
    named = {name.replace("_dot_", "."): data for name, data in contents.items()}

    def open_file(name: str) -> AbstractContextManager[BinaryIO]:
        try:
            return io.BytesIO(named[name or "main"])
        except KeyError:
            raise FileNotFoundError(name) from None

    return open_file


def ramps(
    frames: int = 3, rows: int = 4, columns: int = 6, *, kind: str = "u1", components: int = 1
) -> NDArray[np.generic]:
    """Frames that are all different, and not symmetric in any way."""
    shape = (frames, rows, columns) + ((components,) if components > 1 else ())
    return np.arange(np.prod(shape)).reshape(shape).astype(kind)


def metaimage(
    frames: NDArray[np.generic],
    *,
    data_file: str = "LOCAL",
    compressed: bool = False,
    fields: Mapping[str, str] | None = None,
    **keys: str,
) -> tuple[bytes, bytes]:
    """(header, pixels); for LOCAL write one behind the other."""
    kind = frames.dtype.newbyteorder("<").str
    pixels = frames.astype(kind).tobytes()
    pixels = zlib.compress(pixels) if compressed else pixels
    shape = frames.shape
    header = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": str(compressed),
        "DimSize": f"{shape[2]} {shape[1]} {shape[0]}",
        "Kinds": "domain domain list",
        "ElementNumberOfChannels": str(shape[3] if frames.ndim == 4 else 1),
        "ElementSpacing": "0.2 0.1 1",
        "ElementType": CODES[kind[1:]],
        "UltrasoundImageOrientation": "MF",
        "UltrasoundImageType": "BRIGHTNESS",
    }
    header |= keys | dict(fields or {}) | {"ElementDataFile": data_file}
    text = "".join(f"{key} = {value}\n" for key, value in header.items() if value)
    return text.encode(), pixels


def frame_fields(count: int, *, start: float = 10.0, step: float = 0.1) -> dict[str, str]:
    """A time and a transform for each frame."""
    found = {}
    for index in range(count):
        prefix = f"Seq_Frame{index:04d}_"
        found[f"{prefix}Timestamp"] = f"{start + index * step:.6f}"
        found[f"{prefix}ProbeToTrackerTransform"] = MATRIX
        found[f"{prefix}ProbeToTrackerTransformStatus"] = "OK"
        found[f"{prefix}ImageStatus"] = "OK"
    return found


def nrrd(
    frames: NDArray[np.generic],
    *,
    encoding: str = "gzip",
    data_file: str = "",
    fields: Mapping[str, str] | None = None,
    **keys: str,
) -> tuple[bytes, bytes]:
    """(header with its empty line, pixels)."""
    kind = frames.dtype.newbyteorder("<")
    pixels = frames.astype(kind).tobytes()
    pixels = pixels if encoding == "raw" else gzip.compress(pixels)
    names = {"u1": "uint8", "i2": "short", "f4": "float", "u2": "uint16"}
    shape, vector = frames.shape, frames.ndim == 4
    sizes = [*([shape[3]] if vector else []), shape[2], shape[1], shape[0]]
    header = {
        "type": names[kind.str[1:]],
        "dimension": str(len(sizes)),
        "sizes": " ".join(map(str, sizes)),
        "kinds": ("vector " if vector else "") + "domain domain list",
        "space directions": ("none " if vector else "") + "(0.2,0,0) (0,0.1,0) none",
        "endian": "little",
        "encoding": encoding,
        "data file": data_file,
    }
    header |= {key.replace("_", " "): value for key, value in keys.items()}
    text = "NRRD0004\n# a comment\n"
    text += "".join(f"{key}: {value}\n" for key, value in header.items() if value)
    text += "".join(f"{key}:={value}\n" for key, value in (fields or {}).items())
    return text.encode() + b"\n", pixels


def encode_clarius(frames: NDArray[np.generic], times_ns: list[int]) -> bytes:
    """A .raw file of (frames, lines, samples), uint8 or int16."""
    count, lines, samples = frames.shape
    head = RAW_HEADER.pack(2, count, lines, samples, frames.dtype.itemsize)
    return head + b"".join(
        TIMESTAMP.pack(time) + frame.astype(frame.dtype.newbyteorder("<")).tobytes()
        for time, frame in zip(times_ns, frames, strict=True)
    )
