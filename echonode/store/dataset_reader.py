"""The head of a stored file: its dataset without the pixels, and nothing unbounded.

Parsing is wrapped: on bad data pydicom raises RecursionError, OSError, NotImplementedError and
many more, not only its own errors. A deflated dataset is inflated up to a limit only (408 kB were
seen to become 839 MB).
"""

from __future__ import annotations

import struct
import threading
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset, read_file_meta_info
from pydicom.tag import BaseTag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from echonode.errors import Unreadable
from echonode.store.disk import disk_errors
from echonode.store.file_meta import HEAD_LENGTH, dataset_offset

INFLATED_LIMIT = 64 * 1024 * 1024  # bytes; what stands before the pixels is never near it
# One at a time: a bomb may take that much, and bombs from many peers no more.
_inflating = threading.Lock()
LONGEST_READ_VALUE = 64 * 1024  # bytes; longer ones are skipped, the index holds no such value
_PIXEL_DATA_GROUP = 0x7FE0
_PARSE_FAULTS = (
    InvalidDicomError,
    BytesLengthException,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, kw_only=True)
class StoredHead:
    """The head of a file of ours: its dataset up to the pixels, and what its meta says."""

    ds: Dataset
    dataset_offset: int
    transfer_syntax_uid: str
    source_ae_title: str


def read_stored_head(path: Path) -> StoredHead:
    """The head of a file in the store. Raises Unreadable, OutOfSpace when the disk fails."""
    with disk_errors("to read a file"), path.open("rb") as file:
        offset = dataset_offset(file.read(HEAD_LENGTH))
        if offset is None:
            raise Unreadable("the file has no meta information as we write it")
        try:
            meta = read_file_meta_info(path)
            transfer_syntax_uid = str(meta.TransferSyntaxUID)
            source_ae_title = str(meta.get("SourceApplicationEntityTitle", ""))
        except _PARSE_FAULTS as error:
            raise Unreadable(f"the meta information cannot be parsed ({_kind(error)})") from None
    return StoredHead(
        ds=read_head(path, offset, transfer_syntax_uid),
        dataset_offset=offset,
        transfer_syntax_uid=transfer_syntax_uid,
        source_ae_title=source_ae_title,
    )


def read_head(path: Path, dataset_offset: int, transfer_syntax_uid: str) -> Dataset:
    """The dataset up to its pixels. Raises Unreadable, OutOfSpace when the disk fails."""
    with disk_errors("to read a file"), path.open("rb") as file:
        file.seek(dataset_offset)
        try:
            if transfer_syntax_uid != DeflatedExplicitVRLittleEndian:
                return _parsed(file, transfer_syntax_uid)
            # Closed here, for a fault's traceback would keep its megabytes until the next gc.
            with _inflating, _inflated(file) as inflated:
                return _parsed(inflated, transfer_syntax_uid)
        except _PARSE_FAULTS as error:
            # Its text may quote the dataset.
            raise Unreadable(f"the dataset cannot be parsed ({_kind(error)})") from None


def _parsed(source: BinaryIO, transfer_syntax_uid: str) -> Dataset:
    return read_dataset(
        source,
        is_implicit_VR=transfer_syntax_uid == ImplicitVRLittleEndian,
        is_little_endian=transfer_syntax_uid != ExplicitVRBigEndian,
        stop_when=_at_the_pixels,
        defer_size=LONGEST_READ_VALUE,
    )


def _kind(error: Exception) -> str:
    return type(error).__name__


def _at_the_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group >= _PIXEL_DATA_GROUP


def _inflated(file: BinaryIO) -> BytesIO:
    """A deflated dataset's beginning (PS3.5 A.5: raw deflate, without a zlib header)."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = BytesIO()
    while inflated.tell() < INFLATED_LIMIT and (chunk := file.read(65536)):
        inflated.write(inflater.decompress(chunk, INFLATED_LIMIT - inflated.tell()))
        if inflater.unconsumed_tail:
            break
    inflated.seek(0)
    return inflated
