"""A stored instance as the formats read it: its file, opened when something is asked of it.

Rules
- The header is read without pixels; one that is too long is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

from pydicom import dcmread
from pydicom.dataset import Dataset

from echonode.errors import Damaged, InvalidObject
from echonode.model.instance import StoredInstance, buffered_bytes
from echonode.model.parse_faults import fenced
from echonode.store.files.kept_lines import OpenLines
from echonode.system_faults import said_of
from echonode.transcoding.single_frame import DecodedFrame, FrameReader

# Of the elements before the pixels. A report is the longest header that there is: some megabytes.
_LONGEST_HEADER = 256 * 1024 * 1024
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


class StoredSource:
    """See source.CopySource. reader: decodes frames."""

    def __init__(
        self, instance: StoredInstance, reader: FrameReader, lines: OpenLines | None = None
    ) -> None:
        self._instance, self._lines = instance, lines
        self._reader = reader

    @property
    def instance(self) -> StoredInstance:
        return self._instance

    @property
    def lines(self) -> OpenLines | None:
        return self._lines

    @cached_property
    def header(self) -> Dataset:
        return read_header(self._instance)

    @cached_property
    def frames(self) -> int:
        with fenced("its number of frames cannot be read"):
            if not self.header.get("Rows"):
                return 0
            return max(1, int(self.header.get("NumberOfFrames") or 1))

    def frame(self, number: int) -> DecodedFrame:
        with kept(self._instance):
            return self._reader.frame(self._instance, number)


@contextmanager
def kept(instance: StoredInstance) -> Iterator[None]:
    """Around reading its file: one that is gone, or that the disk does not give, is Damaged."""
    try:
        yield
    except OSError as error:
        raise Damaged(
            f"the stored file of {instance.sop_instance_uid} cannot be read ({said_of(error)}): "
            "nothing was copied"
        ) from error


def read_header(instance: StoredInstance, tags: Sequence[int] = ()) -> Dataset:
    """What stands before the pixels. tags: only these. Raises InvalidObject, Damaged."""
    with kept(instance), buffered_bytes(instance) as file:
        with fenced("its data set cannot be read"):
            header = dcmread(
                file, stop_before_pixels=True, force=True, specific_tags=list(tags) or None
            )
        if file.tell() > instance.dataset_offset + _LONGEST_HEADER:
            raise InvalidObject("its header is too long")
    return header
