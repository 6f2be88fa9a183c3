"""A stored instance's metadata and the places of its frames, read from its file.

Rules
- The header is read and the pixels are passed over: the cost does not grow with the pixels.
- Bulk data is addressed below ADDRESS, which an answer replaces: what is kept knows no host.
- Frames of a deflated data set have no places; they are found once it is inflated.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from echonode.at_rest.reading import StoredFile
from echonode.dicomweb.dataset_json import DatasetReader, Place
from echonode.dicomweb.frame_offsets import frame_index
from echonode.errors import Unreadable
from echonode.model.element_header import Source
from echonode.model.frame_index import FrameIndex
from echonode.model.instance import StoredInstance, open_bytes
from echonode.store.files.dataset_sources import FileSource, InflatedSource
from echonode.store.files.disk import disk_errors
from echonode.store.index.descriptions import Description

# No JSON text holds this character unescaped, so it is at no other place.
ADDRESS = "\x7fBULK\x7f"
_MOST_INFLATED = 64 * 1024 * 1024
_SMALL_PIECE = 64  # bytes; headers of fragments lie far from each other
_LEVEL = 6  # of zlib: 1 is hardly faster for some kilobytes, 9 hardly smaller


def describe(instance: StoredInstance) -> Description:
    """What DICOMweb answers of it. Raises Unreadable, OutOfSpace where the disk fails."""
    with _dataset(instance) as (source, file):
        json = _reader(instance, source).json(instance.transfer_syntax_uid)
        frames = _frames(instance, file)
    return Description(
        metadata=zlib.compress(json.encode(), _LEVEL),
        frames=frames.encoded if frames else b"",
    )


def frames_of(instance: StoredInstance) -> FrameIndex | None:
    """Where its frames lie in its file; None where it has none. Raises as `describe`."""
    with _dataset(instance) as (_, file):
        return _frames(instance, file)


def metadata_json(metadata: bytes, address: str) -> bytes:
    """The JSON that is kept, with bulk data at `address`, which ends with a slash."""
    return zlib.decompress(metadata).replace(ADDRESS.encode(), address.encode())


def bulk_value(instance: StoredInstance, place: Place) -> tuple[str, int, int] | None:
    """VR, position in the data set and length of a value; None where there is none."""
    with _dataset(instance) as (source, _):
        return _reader(instance, source, place).find()


def value_bytes(instance: StoredInstance, position: int, length: int) -> bytes:
    """Bytes of the data set, inflated where it is deflated. Raises as `describe`."""
    with _dataset(instance) as (source, _):
        found = bytes(source.window(position, length)[:length])
    if len(found) < length:
        raise Unreadable("the value is cut short")
    return found


def _reader(instance: StoredInstance, source: Source, wanted: Place | None = None) -> DatasetReader:
    return DatasetReader(
        source,
        implicit=instance.transfer_syntax_uid == ImplicitVRLittleEndian,
        big_endian=instance.transfer_syntax_uid == ExplicitVRBigEndian,
        bulk_address=lambda place: ADDRESS + place,
        wanted=wanted,
    )


def _frames(instance: StoredInstance, file: StoredFile) -> FrameIndex | None:
    syntax = instance.transfer_syntax_uid
    if syntax == DeflatedExplicitVRLittleEndian:
        return None
    try:
        return frame_index(
            FileSource(file, instance.dataset_offset),
            FileSource(file, instance.dataset_offset, piece=_SMALL_PIECE),
            offset=instance.dataset_offset,
            implicit=syntax == ImplicitVRLittleEndian,
            big_endian=syntax == ExplicitVRBigEndian,
        )
    except Unreadable:
        return None  # its metadata is answered all the same


@contextmanager
def _dataset(instance: StoredInstance) -> Iterator[tuple[Source, StoredFile]]:
    with disk_errors("to read a file"), open_bytes(instance) as file:
        source: Source = FileSource(file, instance.dataset_offset)
        if instance.transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
            source = InflatedSource(file, instance.dataset_offset, most=_MOST_INFLATED)
        try:
            yield source, file
        except zlib.error:
            raise Unreadable("the data set is not deflated as it should be") from None
