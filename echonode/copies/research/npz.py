"""NumPy: one .npz with frames, spacing, times and transforms, without a pickle.

    frames              (n, rows, columns) or (n, rows, columns, 3)
    spacing_mm          (x, y); NaN where the image does not say
    frame_times_s       n seconds from the first frame; NaN where the image does not say
    transform_names     m names, and of a tracked cine:
    transforms          (n, m, 4, 4), in mm; zeros where the status is not 1
    transform_status    (n, m): 0 none came, 1 valid, 2 invalid

Source: numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.lib.format import header_data_from_array_1_0, write_array, write_array_header_1_0
from numpy.typing import NDArray

from echonode.copies.research.frame_stack import FrameStack, frame_stack
from echonode.copies.source import CopyFile, CopyOptions, CopySource

_DAY_ONE = (1980, 1, 1, 0, 0, 0)  # of a zip: the same copy has the same bytes


def npz_file(source: CopySource, options: CopyOptions) -> Iterator[CopyFile]:
    """One .npz. Raises InvalidObject."""
    yield CopyFile(ending=".npz", chunks=_chunks(frame_stack(source, options)))


class _Pipe(io.RawIOBase):
    """What a zip writes, to be taken away piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]  # whatever buffer zipfile gives
        self._pieces.append(piece)
        return len(piece)

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _chunks(stack: FrameStack) -> Iterator[bytes]:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(_entry("frames"), "w", force_zip64=True) as entry:
            _write_header(entry, stack)
            for frame in stack.frames():
                entry.write(np.ascontiguousarray(frame).tobytes())
                yield pipe.taken()
        for name, array in _small(stack).items():
            with archive.open(_entry(name), "w", force_zip64=True) as entry:
                write_array(entry, array, allow_pickle=False)
        yield pipe.taken()
    yield pipe.taken()


def _entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(f"{name}.npy", _DAY_ONE)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _write_header(entry: IO[bytes], stack: FrameStack) -> None:
    shape = (len(stack.numbers), stack.rows, stack.columns, *((3,) if stack.colour else ()))
    like = header_data_from_array_1_0(np.empty(0, stack.kind))
    write_array_header_1_0(entry, {**like, "shape": shape})


def _small(stack: FrameStack) -> dict[str, NDArray[np.generic]]:
    frames = len(stack.numbers)
    arrays: dict[str, NDArray[np.generic]] = {
        "spacing_mm": np.array(stack.spacing_mm or (np.nan, np.nan)),
        "frame_times_s": np.array(stack.times_s or (np.nan,) * frames),
    }
    if (tracking := stack.tracking) is not None:
        arrays["transform_names"] = np.array(tracking.names)
        arrays["transforms"] = tracking.matrices.reshape(frames, -1, 4, 4)
        arrays["transform_status"] = tracking.status
    return arrays
