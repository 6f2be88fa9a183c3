"""A stored object of ours with another exam written into it; its pixels are copied as they are.

Rules
- The dataset before (7FE0,0010) is read and written again; from there on the bytes are the same.
- Only objects that this node made are given here: Explicit VR Little Endian, pixels last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from echonode.errors import Unreadable
from echonode.model.instance import StoredInstance, buffered_bytes
from echonode.model.parse_faults import PARSE_FAULTS
from echonode.store.files.disk import disk_errors

_PIECE = 1024 * 1024  # bytes copied at once


def rewritten(instance: StoredInstance, change: Callable[[Dataset], None]) -> Iterator[bytes]:
    """The dataset of an instance after `change`, piece by piece.

    Raises Unreadable, OutOfSpace where the disk fails, and what `change` raises.
    """
    with disk_errors("to read a file"), buffered_bytes(instance) as file:
        try:
            dataset = dcmread(file, stop_before_pixels=True)
        except PARSE_FAULTS as error:
            raise Unreadable(
                f"an object of ours cannot be parsed ({type(error).__name__})"
            ) from None
        change(dataset)
        head = DicomBytesIO()
        head.is_little_endian, head.is_implicit_VR = True, False
        # Of the dataset alone: the meta information is the new file's own.
        write_dataset(head, Dataset(dict(dataset.items())))
        yield head.getvalue()
        while piece := file.read(_PIECE):
            yield piece
