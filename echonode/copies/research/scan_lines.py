"""The scan lines of an image as they are kept: before envelope, compression and scan conversion.

Rules
- The arrays are those of intake/line_arrays.py, without the UID of the image that they were kept
  with: an anonymised copy has another one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echonode.copies.source import CopyFile, CopyOptions, CopySource
from echonode.errors import InvalidObject
from echonode.model.parse_faults import fenced

_OF_THE_FILE = "sop_instance_uid"


def lines_file(source: CopySource, options: CopyOptions) -> Iterator[CopyFile]:
    """One .npz. Raises InvalidObject where no lines are kept."""
    arrays = kept_arrays(source, options)
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    yield CopyFile(ending="-lines.npz", chunks=(file.getvalue(),))


def kept_arrays(source: CopySource, options: CopyOptions) -> Mapping[str, NDArray[Any]]:
    """The arrays; of one frame alone where one is asked for. Raises InvalidObject."""
    if source.lines is None:
        raise InvalidObject("its scan lines are not kept (capture.keep_rf)")
    with (
        fenced("its scan lines cannot be read"),
        source.lines() as file,
        np.load(file, allow_pickle=False) as all_,
    ):
        arrays = {name: all_[name] for name in all_.files if name != _OF_THE_FILE}
    if options.frame is None:
        return arrays
    frames = len(arrays["samples"])
    if options.frame > frames:
        raise InvalidObject(f"it has {frames} frames")
    at = slice(options.frame - 1, options.frame)
    return {**arrays, **{name: arrays[name][at] for name in ("samples", "present", "times_s")}}
