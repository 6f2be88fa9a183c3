"""One frame of a stored instance, decoded, with what is needed to show it.

Rules
- Only that frame is copied from the file; a compressed one is decoded in a worker process.
- Big endian and deflated datasets, which are rare, are written as Explicit VR Little Endian for
  the time that it takes (reencoder.py).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.at_rest.reading import StoredFile
from echonode.dimse.services import Part10File
from echonode.errors import InvalidObject
from echonode.model.instance import StoredInstance, open_bytes
from echonode.transcoding.codecs import decoded_pixels
from echonode.transcoding.dataset import CONVERTED, ONLY_READ, open_source
from echonode.transcoding.file_bytes import FileBytes
from echonode.transcoding.picture import LARGEST_FRAME_BYTES, Presentation
from echonode.transcoding.pixel_layout import Pixels, check_size
from echonode.transcoding.presentation import read_presentation
from echonode.transcoding.process_pool import TranscodeWorkers


@dataclass(frozen=True, kw_only=True)
class DecodedFrame:
    """native: the frame's bytes, uncompressed. pixels: how they lie. presentation: of its image."""

    native: bytes
    pixels: Pixels
    presentation: Presentation


class FrameReader:
    """Reads frames of stored instances. Thread-safe.

    explicit: the instance as Explicit VR Little Endian (Reencoder.lossless). workers: for codecs.
    """

    def __init__(
        self,
        workers: TranscodeWorkers,
        explicit: Callable[[StoredInstance, str], AbstractContextManager[Part10File]],
    ) -> None:
        self._workers = workers
        self._explicit = explicit

    def frame(self, instance: StoredInstance, number: int) -> DecodedFrame:
        """A frame by its number, from 0 on.

        Raises InvalidObject for a frame that is not there, cannot be decoded or is too large, and
        OSError.
        """
        syntax = instance.transfer_syntax_uid
        if syntax not in CONVERTED:
            raise InvalidObject("there is no picture of its transfer syntax here")
        if syntax in ONLY_READ:
            with self._explicit(instance, str(ExplicitVRLittleEndian)) as file:
                return self._read(
                    file.opened(), file.dataset_offset, str(ExplicitVRLittleEndian), number
                )
        return self._read(open_bytes(instance), instance.dataset_offset, syntax, number)

    def count(self, instance: StoredInstance) -> int:
        """How many frames there are to show. Raises InvalidObject where there is none, OSError."""
        syntax = instance.transfer_syntax_uid
        if syntax not in CONVERTED:
            raise InvalidObject("there is no picture of its transfer syntax here")
        if syntax in ONLY_READ:
            with self._explicit(instance, str(ExplicitVRLittleEndian)) as file:
                return _count(file.opened(), file.dataset_offset, str(ExplicitVRLittleEndian))
        return _count(open_bytes(instance), instance.dataset_offset, syntax)

    def _read(self, opened: StoredFile, offset: int, syntax: str, number: int) -> DecodedFrame:
        with opened as file:
            source = open_source(FileBytes.of(file, offset), syntax)
            stored = source.pixels
            check_size(stored)
            if not 0 <= number < stored.frames:
                raise InvalidObject(f"it has {stored.frames} frames")
            if stored.frame_bytes > LARGEST_FRAME_BYTES:
                raise InvalidObject("its frames are too large to be shown here")
            presentation = read_presentation(
                source.data, implicit=syntax == ImplicitVRLittleEndian, frame=number
            )
            frame, encoded_in = source.frame(number), source.encoded_in
        if encoded_in is None:
            return DecodedFrame(native=frame, pixels=stored, presentation=presentation)
        shown = decoded_pixels(stored, encoded_in)
        (native,) = self._workers.recode(iter((frame,)), stored, source=encoded_in, target=None)
        return DecodedFrame(native=native, pixels=shown, presentation=presentation)


def _count(opened: StoredFile, offset: int, syntax: str) -> int:
    with opened as file:
        return open_source(FileBytes.of(file, offset), syntax).pixels.frames
