"""The header of a stored file: the values that the index needs of its dataset, within limits.

Rules
- The dataset is walked header by header (model/dataset_walk.py) and only the values of the index
  are read: millions of elements or items build nothing, and too many of them are refused.
- The walk goes to the dataset's end. Bytes other than NUL that follow its last element, or the end
  of a deflated stream, are refused: they are not part of the instance, and might be a program.
- A deflated dataset is inflated in pieces that are not kept: first up to the pixels, then all of
  it, up to a limit (408 kB were seen to become 839 MB).
- Bytes that are not a dataset are Unreadable. An error of our own disk or memory is OutOfSpace: it
  says nothing about the dataset.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.reading import StoredFile, open_file
from echonode.errors import Damaged, OutOfSpace, TrailingBytes, Unreadable
from echonode.model.dataset_walk import DatasetWalk
from echonode.model.element_header import Inspect, Value
from echonode.model.parse_faults import PARSE_FAULTS, is_ours
from echonode.model.programs import Program
from echonode.model.walk_limits import MOST_INFLATED
from echonode.store.files.dataset_sources import FileSource, InflatedSource
from echonode.store.files.disk import disk_errors
from echonode.store.files.file_meta import HEAD_LENGTH, PREAMBLE, dataset_offset
from echonode.store.files.seal import Seal, seal_in
from echonode.store.index.embedded_programs import ProgramSearch
from echonode.store.index.instance_record import INDEXED_TAGS

INFLATED_HEAD = 64 * 1024 * 1024  # bytes; a real header never comes near it
# One at a time: a bomb may take a processor for seconds, and bombs from many peers no more.
_inflating = threading.Lock()
LONGEST_META = 64 * 1024  # bytes, with the preamble; what we write is some 500
LONGEST_READ_VALUE = 64 * 1024  # bytes; longer ones are skipped, the index holds no such value


@dataclass(frozen=True, kw_only=True)
class StoredHead:
    """The header of a stored file: the index's values of its dataset, and its meta information.

    seal: None where it has none, or a damaged one.
    """

    ds: Dataset
    dataset_offset: int
    transfer_syntax_uid: str
    source_ae_title: str
    seal: Seal | None = None


def read_stored_head(path: Path, cipher: FileCipher | None = None) -> StoredHead:
    """The header of a file in the store. Raises Unreadable, OutOfSpace when the disk fails."""
    with disk_errors("to read a file"), open_file(path, cipher) as file:
        head = file.pread(HEAD_LENGTH, 0)
        offset = dataset_offset(head)
        if offset is None or offset > LONGEST_META:
            raise Unreadable("the file has no meta information as we write it")
        head = file.pread(offset, 0)
        try:
            # From memory: pydicom would ask a file for as many bytes as a damaged length says.
            meta = read_dataset(BytesIO(head[len(PREAMBLE) :]), False, True)
            transfer_syntax_uid = str(meta.TransferSyntaxUID)
            source_ae_title = str(meta.get("SourceApplicationEntityTitle", ""))
        except (*PARSE_FAULTS, MemoryError) as error:
            if is_ours(error):
                raise OutOfSpace(f"a file cannot be read ({type(error).__name__})") from None
            # pydicom's text may quote the file.
            reason = type(error).__name__
            raise Unreadable(f"the meta information cannot be parsed ({reason})") from None
    return StoredHead(
        ds=read_head(path, offset, transfer_syntax_uid, cipher=cipher),
        dataset_offset=offset,
        transfer_syntax_uid=transfer_syntax_uid,
        source_ae_title=source_ae_title,
        seal=_seal(head),
    )


def _seal(head: bytes) -> Seal | None:
    try:
        return seal_in(head)
    except Damaged:
        return None


def read_head(
    path: Path,
    dataset_offset: int,
    transfer_syntax_uid: str,
    *,
    cipher: FileCipher | None = None,
    programs: list[Program] | None = None,
    most_ratio: int | None = None,
) -> Dataset:
    """The same of a file by its path. cipher: opens a sealed one. Raises as `head_of`."""
    with disk_errors("to read a file"), open_file(path, cipher) as file:
        return head_of(
            file, dataset_offset, transfer_syntax_uid, programs=programs, most_ratio=most_ratio
        )


def head_of(
    file: StoredFile,
    dataset_offset: int,
    transfer_syntax_uid: str,
    *,
    programs: list[Program] | None = None,
    most_ratio: int | None = None,
) -> Dataset:
    """The values that the index holds, of everything before the pixels of a dataset.

    programs: gets what begins as a program among the private attributes. most_ratio: how many
    times its size a deflated dataset may become. Raises Unreadable; of it TrailingBytes, by the
    position in the file's dataset; OutOfSpace when the disk or memory fails.
    """
    big_endian = transfer_syntax_uid == ExplicitVRBigEndian
    implicit = transfer_syntax_uid == ImplicitVRLittleEndian
    search = ProgramSearch(implicit=implicit, big_endian=big_endian)
    inspect = search if programs is not None else None
    with disk_errors("to read a file"), _memory_errors():
        if transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
            values = _inflated_values(file, dataset_offset, inspect, most_ratio)
        else:
            source = FileSource(file, dataset_offset)
            walk = DatasetWalk(source, implicit=implicit, big_endian=big_endian, inspect=inspect)
            values = _values(walk)
            walk.rest()
    if programs is not None:
        programs += search.found
    return dataset_of(values, big_endian=big_endian)


def dataset_of(values: Mapping[int, Value], *, big_endian: bool) -> Dataset:
    """The values of a walk as a dataset; none of them is converted yet."""
    return Dataset(
        {
            tag: RawDataElement(
                tag,
                found.vr or None,
                len(found.value),
                found.value,
                found.position,
                not found.vr,
                not big_endian,
            )
            for tag, found in ((BaseTag(tag), found) for tag, found in values.items())
        }
    )


def _values(walk: DatasetWalk) -> dict[int, Value]:
    return walk.head(INDEXED_TAGS, longest=LONGEST_READ_VALUE)


def _inflated_values(
    file: StoredFile, dataset_offset: int, inspect: Inspect | None, most_ratio: int | None
) -> dict[int, Value]:
    with _inflating:
        source = InflatedSource(file, dataset_offset, most=INFLATED_HEAD, most_ratio=most_ratio)
        try:
            walk = DatasetWalk(source, implicit=False, inspect=inspect)
            values = _values(walk)
            source.most = MOST_INFLATED
            try:
                walk.rest()
            except TrailingBytes as error:  # within the stream, where nothing can be cut off
                raise Unreadable(str(error)) from None
            source.check_end()
        except zlib.error:
            raise Unreadable("the data set is not deflated as it should be") from None
    return values


@contextmanager
def _memory_errors() -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise OutOfSpace("there is no memory to read a file") from None
