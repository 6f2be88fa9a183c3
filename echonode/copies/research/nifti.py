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

from echonode.copies.research.frame_stack import FrameStack, frame_stack
from echonode.copies.source import CopyFile, CopyOptions, CopySource
from echonode.errors import InvalidObject

_TYPES = {"u1": (2, 8), "i1": (256, 8), "u2": (512, 16), "i2": (4, 16)}
_RGB = (128, 24)
_MM, _SECONDS = 2, 8
_HEADER, _COMMENT = 348, 6
_MOST = 32767  # of an axis: dim is signed, of 16 bits
_GZIP = 31  # zlib: a gzip header around it, without a name and a time


def nifti_file(source: CopySource, options: CopyOptions) -> Iterator[CopyFile]:
    """One .nii.gz. Raises InvalidObject, also for more frames than NIfTI has room for."""
    stack = frame_stack(source, options)
    if max(stack.rows, stack.columns, len(stack.numbers)) > _MOST:
        raise InvalidObject(f"NIfTI has room for {_MOST} frames, rows and columns")
    yield CopyFile(ending=".nii.gz", chunks=_compressed(_plain(stack)))


def _compressed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=_GZIP)
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()


def _plain(stack: FrameStack) -> Iterator[bytes]:
    extension = _extension(stack)
    yield _header(stack, offset=_HEADER + 4 + len(extension))
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
    frames = len(stack.numbers)
    datatype, bits = _RGB if stack.colour else _TYPES[stack.kind.str[1:]]
    header = bytearray(_HEADER)
    struct.pack_into("<i", header, 0, _HEADER)
    axes = 4 if frames > 1 else 3
    struct.pack_into("<8h", header, 40, axes, stack.columns, stack.rows, 1, frames, 1, 1, 1)
    struct.pack_into("<hh", header, 70, datatype, bits)
    time_s = stack.frame_time_s or 0.0
    struct.pack_into("<8f", header, 76, 1.0, x, y, 1.0, time_s, 1.0, 1.0, 1.0)
    struct.pack_into("<f", header, 108, float(offset))
    struct.pack_into("<ff", header, 112, 1.0, 0.0)  # slope, intercept
    header[123] = _MM | (_SECONDS if time_s else 0)
    struct.pack_into("<hh", header, 252, 1, 1)  # qform, sform: scanner coordinates
    struct.pack_into("<3f", header, 256, 0.0, 0.0, 1.0)  # half a turn about z
    rows = np.diag([-x, -y, 1.0, 1.0])[:3]
    struct.pack_into("<12f", header, 280, *rows.ravel())
    header[344:348] = b"n+1\0"
    return bytes(header)
