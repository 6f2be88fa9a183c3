"""Reads some attributes of a stored file, for a query about what the index does not hold.

Rules
- The header is walked, not parsed (model/dataset_walk.py): other values are skipped, ones longer
  than LONGEST_READ_VALUE are not read, and the walk ends before the pixels.
- A deflated file is inflated up to MOST_INFLATED bytes.
- Any one instance answers for its series, study or patient.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Generator, Iterable

from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from echonode.model.criteria import Selection
from echonode.model.dataset_walk import DatasetWalk
from echonode.model.element_header import MemorySource, Source
from echonode.model.instance import StoredInstance, open_bytes
from echonode.store.files.dataset_sources import FileSource
from echonode.store.files.disk import disk_errors
from echonode.store.index.dataset_header import LONGEST_READ_VALUE, dataset_of

MOST_INFLATED = 4 * 1024 * 1024  # bytes; few headers have a tenth of it


class AttributeReader:
    """Reads attributes of the instances that a store holds. Thread-safe."""

    def __init__(self, select: Callable[[Selection], Iterable[StoredInstance]]) -> None:
        self._select = select

    def __call__(self, selection: Selection, tags: Collection[int]) -> Dataset | None:
        """The attributes of one instance of `selection`; None where it selects nothing.

        Raises StoreError, and Unreadable or zlib.error for a file that is not a dataset.
        """
        instances = self._select(selection)
        try:
            instance = next(iter(instances), None)
        finally:
            if isinstance(instances, Generator):
                instances.close()
        return None if instance is None else read_attributes(instance, tags)


def read_attributes(instance: StoredInstance, tags: Collection[int]) -> Dataset:
    """The elements of `tags` that a stored instance has. Raises as AttributeReader."""
    syntax = instance.transfer_syntax_uid
    big_endian = syntax == ExplicitVRBigEndian
    with disk_errors("to read a file"), open_bytes(instance) as file:
        source: Source = FileSource(file, instance.dataset_offset)
        if syntax == DeflatedExplicitVRLittleEndian:
            deflated = file.pread(MOST_INFLATED, instance.dataset_offset)
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)  # PS3.5 A.5: without a zlib header
            source = MemorySource(inflater.decompress(deflated, MOST_INFLATED))
        walk = DatasetWalk(source, implicit=syntax == ImplicitVRLittleEndian, big_endian=big_endian)
        found = walk.head(frozenset(tags), longest=LONGEST_READ_VALUE, sequences=True)
    return dataset_of(found, big_endian=big_endian)
