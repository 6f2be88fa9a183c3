"""Which files another system's DICOMDIR names (PS3.10 8, PS3.3 annex F). Pure; no value is trusted.

Rules
- The records are followed as they are linked, from the first of the root on: links that go in a
  circle, lead to no record or deeper than the standard has levels make it a broken DICOMDIR.
- A File ID that could lead out of the medium is refused, with the whole medium.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)

from echonode.errors import InvalidObject
from echonode.model.dataset_walk import DatasetWalk
from echonode.model.file_meta_head import read_meta
from echonode.model.parse_faults import fenced
from echonode.transcoding.file_bytes import source_of

LARGEST = 64 * 1024 * 1024  # bytes: records of a hundred thousand objects
_DEEPEST = 16  # levels; the standard's relationships have five (PS3.3 table F.4-1)
_LONGEST_COMPONENT = 64  # characters; eight in the standard, more on discs of careless writers
_SYNTAXES = frozenset({str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)})
FileId = tuple[str, ...]


def named_files(dicomdir: bytes) -> tuple[FileId, ...]:
    """The File IDs, as components, each once, in the order of the records.

    Raises InvalidObject with what is wrong with it.
    """
    with fenced("it cannot be read"):
        meta = read_meta(dicomdir, is_whole=True)
        if meta is None or meta.transfer_syntax_uid not in _SYNTAXES:
            raise InvalidObject("it is in a transfer syntax that no DICOMDIR may have")
        if meta.sop_class_uid != MediaStorageDirectoryStorage:
            raise InvalidObject("it is another object than a media directory")
        implicit = meta.transfer_syntax_uid == ImplicitVRLittleEndian
        DatasetWalk(source_of(dicomdir[meta.length :]), implicit=implicit).rest()  # to its end
        dataset = dcmread(BytesIO(dicomdir))
        records = {int(item.seq_item_tell): item for item in dataset.DirectoryRecordSequence}
        first = int(dataset.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity)
        found = [_file_id(record) for record in _linked(records, first) if _names_a_file(record)]
    return tuple(dict.fromkeys(found))


def _linked(records: dict[int, Dataset], first: int) -> Iterator[Dataset]:
    """The records that are in use, as the links lead to them."""
    seen: set[int] = set()
    ahead = [(first, 0)]
    while ahead:
        offset, depth = ahead.pop()
        if not offset:
            continue
        if offset in seen:
            raise InvalidObject("its records are linked in a circle")
        if offset not in records or depth > _DEEPEST:
            raise InvalidObject("a link of its records leads to no record")
        seen.add(offset)
        record = records[offset]
        ahead.append((int(record.get("OffsetOfTheNextDirectoryRecord") or 0), depth))
        lower = record.get("OffsetOfReferencedLowerLevelDirectoryEntity")
        if record.get("RecordInUseFlag", 0xFFFF):
            yield record
            ahead.append((int(lower or 0), depth + 1))


def _names_a_file(record: Dataset) -> bool:
    return bool(record.get("ReferencedFileID"))


def _file_id(record: Dataset) -> FileId:
    value = record.ReferencedFileID
    components = (value,) if isinstance(value, str) else tuple(map(str, value))
    for component in components:
        if (
            component in ("", ".", "..")
            or len(component) > _LONGEST_COMPONENT
            or not component.isprintable()
            or set(component) & {"/", "\\", ":"}
        ):
            raise InvalidObject("a File ID of it leads out of the medium or is not a name")
    if len(components) > _DEEPEST:
        raise InvalidObject("a File ID of it has too many components")
    return components
