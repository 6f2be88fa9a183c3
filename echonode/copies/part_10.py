"""The instance itself, as the DICOM file that it is stored as (PS3.10)."""

from __future__ import annotations

from collections.abc import Iterator

from echonode.copies.source import CopyFile, CopyOptions, CopySource
from echonode.copies.stored_source import kept
from echonode.errors import UsageError
from echonode.model.instance import StoredInstance, open_bytes

_PIECE = 1024 * 1024


def part_10_file(source: CopySource, options: CopyOptions) -> Iterator[CopyFile]:
    """One file. Raises UsageError for a single frame: an instance is whole or another one."""
    if options.frame is not None:
        raise UsageError("--frame does not go with --format dicom")
    yield CopyFile(ending=".dcm", chunks=_chunks(source.instance))


def _chunks(instance: StoredInstance) -> Iterator[bytes]:
    """Raises Damaged."""
    with kept(instance), open_bytes(instance) as file:
        while piece := file.read(_PIECE):
            yield piece
