"""NIfTI-1: one .nii.gz, columns x rows x 1 x frames.

Rules
- Spacing in mm and the mean frame time in seconds are in pixdim. NIfTI has no place for a time of
  each frame, nor for transforms: both are in a header extension of JSON (code 6, comment).
- Orientation as MetaImage's of the same picture: columns to the patient's left, rows to the back,
  by convention, for an image plane lies anywhere. In NIfTI's axes (right, front) both are negative.
- RGB is datatype 128, which viewers know.

Source: nifti.nimh.nih.gov/nifti-1, nifti1.h.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from echonode.copies.research.frame_stack import FrameStack, frame_stack
from echonode.copies.source import CopyFile, CopyOptions, CopySource
from echonode.errors import InvalidObject

_TYPES = {"u1": (2, 8), "i1": (256, 8), "u2": (512, 16), "i2": (4, 16)}
_RGB = (128, 24)
_MM, _SECONDS = 2, 8
HEADER_BYTES, _COMMENT = 348, 6
_MOST = 32767  # of an axis: dim is signed, of 16 bits
_GZIP = 31  # zlib: a gzip header around it, without a name and a time


def nifti_file(source: CopySource, options: CopyOptions) -> Iterator[CopyFile]:
    """One .nii.gz. Raises InvalidObject, also for more frames than NIfTI has room for."""
    stack = frame_stack(source, options)
    if max(stack.rows, stack.columns, len(stack.numbers)) > _MOST:
        raise InvalidObject(f"NIfTI has room for {_MOST} frames, rows and columns")
    yield CopyFile(ending=".nii.gz", chunks=compressed(_plain(stack)))


def compressed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """As .gz; the same bytes in, the same bytes out."""
    packer = zlib.compressobj(wbits=_GZIP)
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()


def _plain(stack: FrameStack) -> Iterator[bytes]:
    extension = _extension(stack)
    yield _header(stack, offset=HEADER_BYTES + 4 + len(extension))
    yield b"\x01\0\0\0"
    yield extension
    for frame in stack.frames():
        yield frame.tobytes()


def _extension(stack: FrameStack) -> bytes:
    tracking = stack.tracking
    said = {
        "frame_times_s": stack.times_s,
        "spacing_is_known": stack.spacing_mm is not None,
        "transforms": {
            name: [
                matrix if valid == 1 else None
                for matrix, valid in zip(
                    tracking.matrices[:, column].tolist(),
                    tracking.status[:, column].tolist(),
                    strict=True,
                )
            ]
            for column, name in enumerate(tracking.names)
        }
        if tracking is not None
        else {},
    }
    text = json.dumps(said).encode()
    length = 8 + len(text)
    padded = -(-length // 16) * 16
    return struct.pack("<ii", padded, _COMMENT) + text.ljust(padded - 8, b"\0")


def _header(stack: FrameStack, *, offset: int) -> bytes:
    x, y = stack.spacing_mm or (1.0, 1.0)
    header = nifti_header(
        (stack.columns, stack.rows, 1, len(stack.numbers)),
        (x, y, 1.0, stack.frame_time_s or 0.0),
        np.diag([-x, -y, 1.0, 1.0]),
        datatype=_RGB if stack.colour else _TYPES[stack.kind.str[1:]],
        offset=offset,
    )
    struct.pack_into("<h", header, 252, 1)  # qform: scanner coordinates, half a turn about z
    struct.pack_into("<3f", header, 256, 0.0, 0.0, 1.0)
    return bytes(header)


def nifti_header(
    sizes: tuple[int, int, int, int],
    zooms: tuple[float, float, float, float],
    to_ras: NDArray[np.float64],
    *,
    datatype: tuple[int, int] = (2, 8),
    offset: int,
) -> bytearray:
    """348 bytes. sizes, zooms: columns, rows, slices, frames; mm and seconds. to_ras: (4, 4), from
    voxels to mm. datatype: NIfTI's code and the bits of a value. offset: of the values.
    """
    header = bytearray(HEADER_BYTES)
    struct.pack_into("<i", header, 0, HEADER_BYTES)
    struct.pack_into("<8h", header, 40, 4 if sizes[3] > 1 else 3, *sizes, 1, 1, 1)
    struct.pack_into("<hh", header, 70, *datatype)
    struct.pack_into("<8f", header, 76, 1.0, *zooms, 1.0, 1.0, 1.0)
    struct.pack_into("<f", header, 108, float(offset))
    struct.pack_into("<ff", header, 112, 1.0, 0.0)  # slope, intercept
    header[123] = _MM | (_SECONDS if zooms[3] else 0)
    struct.pack_into("<h", header, 254, 1)  # sform: scanner coordinates
    struct.pack_into("<12f", header, 280, *to_ras[:3].ravel())
    header[344:348] = b"n+1\0"
    return header
