"""The instance itself as a DICOM file (PS3.10): its dataset as stored, its meta made again."""

from __future__ import annotations

from collections.abc import Iterator

from echonode.copies.source import CopyFile, CopyOptions, CopySource
from echonode.copies.stored_source import kept
from echonode.errors import UsageError
from echonode.model.instance import StoredInstance, open_bytes
from echonode.store.files.file_meta import sent_meta

_PIECE = 1024 * 1024


def part_10_file(source: CopySource, options: CopyOptions) -> Iterator[CopyFile]:
    """One file. Raises UsageError for a single frame: an instance is whole or another one."""
    if options.frame is not None:
        raise UsageError("--frame does not go with --format dicom")
    yield CopyFile(ending=".dcm", chunks=_chunks(source.instance))


def _chunks(instance: StoredInstance) -> Iterator[bytes]:
    """Raises Damaged."""
    with kept(instance), open_bytes(instance) as file:
        yield sent_meta(instance)
        file.seek(instance.dataset_offset)
        while piece := file.read(_PIECE):
            yield piece
