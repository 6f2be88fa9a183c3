"""An instance's dataset in another transfer syntax, for a receiver that does not take its own.

Between uncompressed syntaxes only headers and byte order change; big endian and deflated datasets,
which few archives take, are made Explicit VR Little Endian first. Otherwise frames are encoded or
decoded, one after the other, in processes of their own. What is stored stays as it is: the
re-encoded copy is there for as long as it is sent. Delivery and retrieval both take this as a
callable from node.py.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from echonode.at_rest.writing import FileWriter, Scratch
from echonode.dimse.services import Part10File
from echonode.errors import ContextNotAccepted, InvalidObject
from echonode.model.instance import StoredInstance, open_bytes
from echonode.transcoding.codecs import (
    JPEG_BASELINE,
    LOSSLESS_ENCODED,
)
from echonode.transcoding.dataset import (
    CONVERTED,
    NATIVE,
    ONLY_READ,
    Source,
    changed_attributes,
    derived_uid,
    is_derived,
    native_pixel_data_header,
    open_source,
    target_pixels,
    write_head,
)
from echonode.transcoding.file_bytes import Data, FileBytes
from echonode.transcoding.fragments import PIXEL_DATA_END, PIXEL_DATA_START, fragment
from echonode.transcoding.inflated import inflate
from echonode.transcoding.native_syntax import Write, reencode
from echonode.transcoding.process_pool import TranscodeWorkers

Reencode = Callable[[StoredInstance, str], AbstractContextManager[Part10File]]

_TARGETS = NATIVE | {*LOSSLESS_ENCODED, JPEG_BASELINE}


class Reencoder:
    """Re-encodes with temporary files in `scratch`; one serves all senders. Thread-safe."""

    def __init__(self, scratch: Scratch, workers: TranscodeWorkers | None = None) -> None:
        self._scratch = scratch
        self._workers = workers or TranscodeWorkers()

    @property
    def workers(self) -> TranscodeWorkers:
        """The processes that encode and decode single frames."""
        return self._workers

    def close(self) -> None:
        """End the worker processes."""
        self._workers.close()

    def lossless(
        self, instance: StoredInstance, transfer_syntax_uid: str
    ) -> AbstractContextManager[Part10File]:
        """The instance in another syntax, every bit of its pixels kept; its UID stays.

        Raises ContextNotAccepted where that syntax cannot be made of the stored one without loss,
        InvalidObject for a dataset that cannot be re-encoded, and OSError.
        """
        if is_derived(instance.transfer_syntax_uid, transfer_syntax_uid):
            raise ContextNotAccepted(f"{transfer_syntax_uid} would lose something")
        return self._in_other_syntax(instance, transfer_syntax_uid, quality=0)

    def can(self, stored: str, transfer_syntax_uid: str) -> bool:
        """Whether instances stored in one syntax can be given in another one without loss, as far
        as the syntaxes say.
        """
        if is_derived(stored, transfer_syntax_uid):
            return False
        return stored in CONVERTED and transfer_syntax_uid in _TARGETS

    def with_loss(self, quality: int) -> Reencode:
        """Also JPEG baseline of this quality, 1 to 100: another instance, derived from this one."""

        def reencode_for_profile(
            instance: StoredInstance, transfer_syntax_uid: str
        ) -> AbstractContextManager[Part10File]:
            return self._in_other_syntax(instance, transfer_syntax_uid, quality=quality)

        return reencode_for_profile

    @contextmanager
    def _in_other_syntax(
        self, instance: StoredInstance, transfer_syntax_uid: str, *, quality: int
    ) -> Iterator[Part10File]:
        stored = instance.transfer_syntax_uid
        if stored not in CONVERTED or transfer_syntax_uid not in _TARGETS:
            raise ContextNotAccepted(f"{stored} is not re-encoded into {transfer_syntax_uid}")
        with self._temporary() as target:
            with open_bytes(instance) as source:
                dataset = FileBytes.of(source, instance.dataset_offset)
                self._write(dataset, stored, transfer_syntax_uid, target, quality)
            target.flush()
            yield _file(instance, transfer_syntax_uid, target, quality)

    def _temporary(self) -> AbstractContextManager[FileWriter]:
        return self._scratch.file()

    def _write(
        self, dataset: Data, stored: str, syntax: str, target: FileWriter, quality: int
    ) -> None:
        if stored in ONLY_READ:
            if syntax == ExplicitVRLittleEndian:
                _write_explicit_le(dataset, stored, target.write)
                return
            with self._temporary() as explicit:
                _write_explicit_le(dataset, stored, explicit.write)
                with explicit.opened() as file:
                    whole = FileBytes.of(file)
                    self._write(whole, ExplicitVRLittleEndian, syntax, target, quality)
            return
        if stored in NATIVE and syntax in NATIVE:
            reencode(
                dataset,
                target.write,
                from_implicit=stored == ImplicitVRLittleEndian,
                to_implicit=syntax == ImplicitVRLittleEndian,
            )
            return
        source = open_source(dataset, stored)
        if syntax in NATIVE:
            self._decode(source, syntax, target)
        else:
            self._encode(source, syntax, target, quality)

    def _decode(self, source: Source, syntax: str, target: FileWriter) -> None:
        implicit = syntax == ImplicitVRLittleEndian
        pixels = target_pixels(source, syntax)
        changed = changed_attributes(source, syntax, quality=0, encoded_bytes=0)
        write_head(source, target.write, changed, to_implicit=implicit)
        target.write(native_pixel_data_header(pixels, implicit=implicit))
        for frame in self._frames(source, None, 0):
            target.write(frame)
        target.write(b"\x00" * (pixels.native_bytes % 2))

    def _encode(self, source: Source, syntax: str, target: FileWriter, quality: int) -> None:
        target_pixels(source, syntax)  # refuses before anything is encoded
        length = 0
        # The head says how much was saved, so the frames are written first, to a file of their own.
        with self._temporary() as frames:
            for frame in self._frames(source, syntax, quality):
                length += len(frame)
                frames.write(fragment(frame))
            changed = changed_attributes(source, syntax, quality=quality, encoded_bytes=length)
            write_head(source, target.write, changed, to_implicit=False)
            target.write(PIXEL_DATA_START)
            with frames.opened() as encoded:
                shutil.copyfileobj(encoded, target, 1024 * 1024)
        target.write(PIXEL_DATA_END)

    def _frames(self, source: Source, syntax: str | None, quality: int) -> Iterator[bytes]:
        yield from self._workers.recode(
            source.frames(),
            source.pixels,
            source=source.encoded_in,
            target=syntax,
            quality=quality,
        )


def _write_explicit_le(dataset: Data, stored: str, write: Write) -> None:
    """Of ONLY_READ. Raises InvalidObject."""
    written = 0

    def count(data: bytes | memoryview) -> None:
        nonlocal written
        written += len(data)
        write(data)

    if stored == DeflatedExplicitVRLittleEndian:
        inflate(dataset, count)
    else:
        reencode(dataset, count, from_implicit=False, to_implicit=False, from_big_endian=True)
    if not written:
        raise InvalidObject("the data set is empty")


def _file(instance: StoredInstance, syntax: str, target: FileWriter, quality: int) -> Part10File:
    """What is sent: the dataset alone travels, so it begins the file."""
    uid, sha256 = instance.sop_instance_uid, ""
    if is_derived(instance.transfer_syntax_uid, syntax):
        # An instance of its own, kept nowhere here: its hash is what is remembered of it.
        uid = derived_uid(uid, syntax, quality)
        with target.opened() as whole:
            sha256 = hashlib.file_digest(whole, "sha256").hexdigest()
    return Part10File(
        path=target.path,
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=uid,
        transfer_syntax_uid=syntax,
        dataset_offset=0,
        size=target.tell(),
        dataset_sha256=sha256,
        cipher=target.cipher,
    )
