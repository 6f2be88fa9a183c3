"""Frames of a stored instance: as they lie in its file, or re-encoded without loss.

Rules
- Stored frames are read at the places that were found at intake, one after the other.
- A frame is re-encoded by the codecs of transcoding/, in processes of their own.
- A deflated or big endian instance is first made Explicit VR Little Endian in a temporary file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from pydicom.uid import ExplicitVRLittleEndian

from echonode.dicomweb.answers import Refused
from echonode.dicomweb.description import frames_of
from echonode.dicomweb.streaming import read_extents
from echonode.errors import ContextNotAccepted, InvalidObject
from echonode.model.frame_index import Extent, FrameIndex
from echonode.model.instance import StoredInstance, open_bytes
from echonode.store.index.descriptions import Described
from echonode.transcoding.codecs import DECODED, LOSSLESS_ENCODED
from echonode.transcoding.dataset import NATIVE, ONLY_READ, open_source
from echonode.transcoding.file_bytes import FileBytes
from echonode.transcoding.pixel_layout import Pixels
from echonode.transcoding.reencoder import Reencoder

MADE = frozenset(LOSSLESS_ENCODED)


@dataclass(frozen=True, kw_only=True)
class StoredFrames:
    """An instance and where its frames are."""

    instance: StoredInstance
    index: FrameIndex

    def extents(self, numbers: Sequence[int]) -> list[tuple[Extent, ...]]:
        """The places of these frames. Raises Refused 404."""
        try:
            return [self.index.extents(number) for number in numbers]
        except IndexError:
            raise Refused(404, f"it has {self.index.count} frames") from None


def stored_frames(described: Described) -> StoredFrames:
    """The frames of an instance whose syntax stores them. Raises Refused 404, StoreError."""
    kept = described.frames
    index = frames_of(described.instance) if kept is None else FrameIndex.decoded(kept)
    if index is None:
        raise Refused(404, "it has no frames, or its pixels are not what its attributes say")
    return StoredFrames(instance=described.instance, index=index)


def is_decoded(transfer_syntax_uid: str) -> bool:
    """Whether frames in that syntax can be made uncompressed."""
    return transfer_syntax_uid in DECODED or transfer_syntax_uid in ONLY_READ


class RecodedFrames:
    """Reads frames for all requests. Thread-safe."""

    def __init__(self, reencoder: Reencoder) -> None:
        self._reencoder = reencoder

    @contextmanager
    def readable(self, described: Described) -> Iterator[StoredFrames]:
        """The frames, in a file where they are in little endian and can be read."""
        instance = described.instance
        if instance.transfer_syntax_uid not in ONLY_READ:
            yield stored_frames(described)
            return
        with ExitStack() as kept:
            try:
                file = kept.enter_context(
                    self._reencoder.lossless(instance, ExplicitVRLittleEndian)
                )
            except (ContextNotAccepted, InvalidObject) as fault:
                raise Refused(406, f"its frames cannot be read: {fault}") from None
            plain = replace(
                instance,
                path=file.path,
                cipher=file.cipher,
                remote=None,
                size=file.size,
                dataset_offset=file.dataset_offset,
                transfer_syntax_uid=str(ExplicitVRLittleEndian),
            )
            yield stored_frames(Described(instance=plain))

    def uncompressed(self, described: Described) -> Iterator[bytes]:
        """All frames of a big endian or deflated instance. Raises Refused, OSError."""
        with self.readable(described) as found:
            for each in found.extents(range(1, found.index.count + 1)):
                yield read_extents(found.instance, each)

    def in_syntax(
        self, described: Described, numbers: Sequence[int], transfer_syntax_uid: str
    ) -> Iterator[bytes]:
        """Frames in that syntax, one after the other. Raises Refused, OSError."""
        with self.readable(described) as found:
            syntax = found.instance.transfer_syntax_uid
            extents = found.extents(numbers)
            frames = (read_extents(found.instance, each) for each in extents)
            target = None if transfer_syntax_uid in NATIVE else transfer_syntax_uid
            if syntax in NATIVE and target is None:
                yield from frames
                return
            try:
                yield from self._reencoder.workers.recode(
                    frames,
                    pixels_of_instance(found.instance),
                    source=None if syntax in NATIVE else syntax,
                    target=target,
                )
            except InvalidObject as fault:
                raise Refused(
                    406,
                    f"its frames cannot be given in that form: {fault}",
                    remedy="accept transfer-syntax=*",
                ) from None


def pixels_of_instance(instance: StoredInstance) -> Pixels:
    """The layout of its pixels; of one in little endian. Raises InvalidObject, OSError."""
    with open_bytes(instance) as file:
        data = FileBytes.of(file, instance.dataset_offset)
        return open_source(data, instance.transfer_syntax_uid).pixels
