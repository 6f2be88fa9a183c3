"""An anonymised copy of a stored instance, written as a file of its own (PS3.15 annex E).

Rules
- The file's preamble and File Meta Information are new (PS3.15 E.1.1, step 7).
- Areas made black: frames are decoded, cleaned and encoded again without loss, in the transfer
  syntax that they had where this node encodes it, else in one that keeps every bit. What was lost
  by an earlier compression is still said (PS3.3 C.7.6.1.1.5).
- Pixels that stay are copied, compressed frames without the texts in their headers.
- What follows the pixels (padding, signatures of the original) is not copied.
- An image that may carry text is refused until a person has looked at it; so is one whose frames
  cannot be decoded here, for it is not known what they show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from typing import Protocol

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import UID, ExplicitVRLittleEndian

from echonode import __version__
from echonode.at_rest.reading import StoredFile
from echonode.copies.deidentification.codestream_comments import without_comments
from echonode.copies.deidentification.dataset_rules import DatasetRules
from echonode.copies.deidentification.dummies import code
from echonode.copies.deidentification.pixel_areas import PixelPlan, blacked, of_pairs, plan_of
from echonode.copies.deidentification.profile import Profile
from echonode.copies.deidentification.profile_table import Option
from echonode.copies.deidentification.pseudonyms import Patient, Pseudonyms
from echonode.dimse.services import Part10File
from echonode.errors import InvalidObject, NeedsLook
from echonode.model.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from echonode.model.instance import StoredInstance, open_bytes
from echonode.model.parse_faults import fenced
from echonode.transcoding.codecs import LOSSLESS_ENCODED, encoded_photometric
from echonode.transcoding.dataset import (
    CONVERTED,
    NATIVE,
    ONLY_READ,
    Source,
    changed_attributes,
    native_pixel_data_header,
    open_source,
    target_pixels,
)
from echonode.transcoding.file_bytes import PIECE, FileBytes
from echonode.transcoding.fragments import PIXEL_DATA_END, PIXEL_DATA_START, fragment
from echonode.transcoding.process_pool import TranscodeWorkers
from echonode.transcoding.subsampled import paired_frame

Explicit = Callable[[StoredInstance, str], AbstractContextManager[Part10File]]
_EXPLICIT = str(ExplicitVRLittleEndian)
_METHODS = frozenset(str(number) for number in range(113100, 113113))


class Target(Protocol):
    """Where a copy is written."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, kw_only=True)
class AnonymisedCopy:
    """What was written. dataset_offset: where the dataset begins in the file. is_masked: whether
    areas of the pixels were made black.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    dataset_offset: int
    is_masked: bool


class Anonymiser:
    """Writes anonymised copies under one key and one profile.

    explicit: an instance as Explicit VR Little Endian (Reencoder.lossless). workers: for codecs.
    """

    def __init__(
        self,
        profile: Profile,
        pseudonyms: Pseudonyms,
        *,
        explicit: Explicit,
        workers: TranscodeWorkers,
    ) -> None:
        self._profile, self._pseudonyms = profile, pseudonyms
        self._explicit, self._workers = explicit, workers

    def write(
        self, instance: StoredInstance, target: Target, *, made_here: bool, looked_at: bool
    ) -> AnonymisedCopy:
        """Write the copy as a Part 10 file.

        made_here: whether this node built the instance. looked_at: whether a person has seen that
        no text is in the pixels that stay. Raises NeedsLook, InvalidObject and OSError.
        """
        syntax = instance.transfer_syntax_uid
        with ExitStack() as stack:
            opening: Callable[[], StoredFile] = partial(open_bytes, instance)
            offset = instance.dataset_offset
            if syntax in ONLY_READ:
                file = stack.enter_context(self._explicit(instance, _EXPLICIT))
                opening, offset, syntax = file.opened, file.dataset_offset, _EXPLICIT
            dataset = _head(opening, offset, syntax)
            if "Rows" not in dataset:
                return self._finish(dataset, None, PixelPlan(), _EXPLICIT, target)
            if syntax not in CONVERTED:
                raise InvalidObject("its frames cannot be decoded here, so they cannot be cleaned")
            plan = plan_of(dataset, made_here=made_here)
            if plan.needs_look and not looked_at:
                raise NeedsLook("it may carry text in its pixels; a person must look at it first")
            opened = opening()
            stack.callback(opened.close)
            source = open_source(FileBytes.of(opened, offset), syntax)
            _check_overlays(dataset)
            return self._finish(dataset, source, plan, _target(source, plan), target)

    def _finish(
        self,
        dataset: Dataset,
        source: Source | None,
        plan: PixelPlan,
        syntax: str,
        target: Target,
    ) -> AnonymisedCopy:
        with fenced("its attributes cannot be anonymised"):
            made = self.anonymised(dataset, masked=bool(plan.stays))
        if source is not None:
            made.BurnedInAnnotation = "NO"
            changed = changed_attributes(source, syntax, quality=0, encoded_bytes=0)
            # Else the pixels are written as they were.
            if plan.stays and not source.subsampled:
                made.update(changed)
        with fenced("its anonymised copy cannot be written"):
            meta, head = _meta_information(made, syntax), _encoded(made)
        target.write(meta)
        target.write(head)
        if source is not None:
            for piece in self._pixel_data(source, plan, syntax):
                target.write(piece)
        return AnonymisedCopy(
            sop_class_uid=str(made.SOPClassUID),
            sop_instance_uid=str(made.SOPInstanceUID),
            study_instance_uid=str(made.get("StudyInstanceUID", "")),
            series_instance_uid=str(made.get("SeriesInstanceUID", "")),
            transfer_syntax_uid=syntax,
            dataset_offset=len(meta),
            is_masked=bool(plan.stays),
        )

    def anonymised(self, dataset: Dataset, *, masked: bool) -> Dataset:
        """The attributes of a copy, with what was done to them (PS3.3 C.7.1.1, C.12.1.1.11).

        masked: whether areas of its pixels are made black. Raises what pydicom raises.
        """
        made = DatasetRules(self._profile, self._pseudonyms, patient_of(dataset)).apply(dataset)
        made.PatientIdentityRemoved = "YES"
        made.DeidentificationMethod = f"EchoNode {__version__}, profile {self._profile.name}"[:64]
        before = [
            (str(item.get("CodeValue", "")), str(item.get("CodeMeaning", "")))
            for item in dataset.get("DeidentificationMethodCodeSequence") or []
            if str(item.get("CodeValue", "")) in _METHODS
        ]
        codes = dict([*before, *self._profile.codes(pixels=masked)])
        made.DeidentificationMethodCodeSequence = [code(*both) for both in sorted(codes.items())]
        made.LongitudinalTemporalInformationModified = self._dates_word()
        return made

    def _dates_word(self) -> str:
        if Option.FULL_DATES in self._profile.options:
            return "UNMODIFIED"
        return "MODIFIED" if Option.MODIFIED_DATES in self._profile.options else "REMOVED"

    def _pixel_data(self, source: Source, plan: PixelPlan, syntax: str) -> Iterator[bytes]:
        if syntax in NATIVE:
            pixels = target_pixels(source, syntax)
            length = source.stored_bytes if source.subsampled else pixels.native_bytes
            yield native_pixel_data_header(pixels, implicit=False, length=length)
            yield from self._native(source, plan)
            yield b"\x00" * (length % 2)
            return
        yield PIXEL_DATA_START
        for frame in self._encoded(source, plan, syntax):
            yield fragment(frame)
        yield PIXEL_DATA_END

    def _native(self, source: Source, plan: PixelPlan) -> Iterator[bytes]:
        if plan.stays:
            yield from self._cleaned(source, plan)
            return
        value, length = source.pixel_data, source.stored_bytes
        for start in range(0, length, PIECE):
            yield bytes(value[start : min(start + PIECE, length)])

    def _encoded(self, source: Source, plan: PixelPlan, syntax: str) -> Iterator[bytes]:
        if not plan.stays:
            yield from map(without_comments, source.frames())
            return
        native = target_pixels(source, _EXPLICIT)
        cleaned = self._cleaned(source, plan)
        yield from self._workers.recode(cleaned, native, source=None, target=syntax)

    def _cleaned(self, source: Source, plan: PixelPlan) -> Iterator[bytes]:
        """The frames, native, black outside of what stays."""
        native = target_pixels(source, _EXPLICIT)
        frames = source.frames()
        if source.subsampled:
            yield from (
                paired_frame(blacked(each, native, of_pairs(plan.stays))) for each in frames
            )
            return
        if source.encoded_in is not None:
            frames = self._workers.recode(
                frames, source.pixels, source=source.encoded_in, target=None
            )
        for frame in frames:
            yield blacked(frame, native, plan.stays)


def patient_of(dataset: Dataset) -> Patient:
    """Whose an instance is, for its pseudonym."""
    return Patient(
        issuer=str(dataset.get("IssuerOfPatientID") or "").strip(),
        patient_id=str(dataset.get("PatientID") or "").strip(),
        name=str(dataset.get("PatientName") or "").strip(),
        birth_date=str(dataset.get("PatientBirthDate") or "").strip(),
        study_instance_uid=str(dataset.get("StudyInstanceUID") or ""),
    )


def _head(opening: Callable[[], StoredFile], offset: int, syntax: str) -> Dataset:
    """The dataset before its pixels."""
    uid = UID(syntax)
    with BufferedReader(opening()) as file, fenced("its attributes cannot be read"):
        file.seek(offset)
        return read_dataset(file, uid.is_implicit_VR, True, stop_when=_is_pixels)


def _is_pixels(tag: int, _vr: str | None, _length: int) -> bool:
    return tag >> 16 == 0x7FE0


def _target(source: Source, plan: PixelPlan) -> str:
    """The transfer syntax of the copy."""
    stored = source.transfer_syntax_uid
    if stored in NATIVE:
        return _EXPLICIT
    if not plan.stays:
        return stored
    native = target_pixels(source, _EXPLICIT)
    for syntax in (stored, *LOSSLESS_ENCODED):
        if syntax not in LOSSLESS_ENCODED:
            continue
        try:
            encoded_photometric(native, syntax)
        except InvalidObject:
            continue
        return str(syntax)
    return _EXPLICIT


def _check_overlays(dataset: Dataset) -> None:
    """Refuse overlays in unused bits of the pixels, which are retired: they would stay there."""
    for group in range(0x6000, 0x6020, 2):
        if (group, 0x0010) in dataset and (group, 0x3000) not in dataset:
            raise InvalidObject("it has an overlay within its pixels, which is not taken out here")


def _meta_information(dataset: Dataset, syntax: str) -> bytes:
    """A preamble of zeros and new File Meta Information (PS3.10 7.1)."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    written = DicomBytesIO()
    written.write(bytes(128) + b"DICM")
    write_file_meta_info(written, meta, enforce_standard=True)
    return written.getvalue()


def _encoded(dataset: Dataset) -> bytes:
    """In Explicit VR Little Endian."""
    written = DicomBytesIO()
    written.is_little_endian, written.is_implicit_VR = True, False
    write_dataset(written, dataset)
    return written.getvalue()
