"""Synthetic ultrasound instances in any number: speckle that does not compress, valid essentials.

One file of a kind is built with pydicom; the others are copies with the UIDs, all of one length,
overwritten in place. `renew` does the same to files that exist, so that the same bytes can be sent
again to an archive that drops what it already has, at the cost of one page a file.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

# 39 digits at most follow "2.25." (PS3.5 B.2); fixing 38 keeps every UID of one, even, length.
_UID_DIGITS = 38
UID_LENGTH = len("2.25.") + _UID_DIGITS + 1


@dataclass(frozen=True, kw_only=True)
class InstanceKind:
    """A shape of instance: samples is 1 (MONOCHROME2) or 3 (RGB), always of 8 bits."""

    name: str
    columns: int
    rows: int
    samples: int = 1
    frames: int = 1

    @property
    def pixel_bytes(self) -> int:
        return self.columns * self.rows * self.samples * self.frames

    @property
    def sop_class_uid(self) -> str:
        if self.frames == 1:
            return str(UltrasoundImageStorage)
        return str(UltrasoundMultiFrameImageStorage)


STILL = InstanceKind(name="still 640x480x1", columns=640, rows=480)
RGB = InstanceKind(name="RGB 1024x768", columns=1024, rows=768, samples=3)
CINE = InstanceKind(name="cine 640x480, 60 frames", columns=640, rows=480, frames=60)


@dataclass(frozen=True, kw_only=True)
class Instances:
    """Files of one kind and the UIDs they bear now, in the same order."""

    kind: InstanceKind
    files: tuple[Path, ...]
    sop_instance_uids: tuple[str, ...]


def make_instances(folder: Path, kind: InstanceKind, count: int) -> Instances:
    """Write `count` Part 10 files (Explicit VR Little Endian) of one study into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    template = folder / "000000.dcm"
    build_dataset(kind).save_as(template, enforce_file_format=True)
    files = [template]
    for number in range(1, count):
        files.append(folder / f"{number:06d}.dcm")
        shutil.copyfile(template, files[-1])
    return renew(Instances(kind=kind, files=tuple(files), sop_instance_uids=()))


def make_large_instance(folder: Path, kind: InstanceKind) -> Instances:
    """Write one file of any size below 4 GiB, frame by frame: never whole in memory."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "000000.dcm"
    one_frame = replace(kind, frames=1)
    dataset = build_dataset(kind, pixels=one_frame)
    frame = dataset.PixelData
    del dataset.PixelData
    dataset.save_as(file, enforce_file_format=True)
    with file.open("ab") as opened:
        # Pixel Data as an explicit VR element with a 32 bit length (PS3.5 7.1.2).
        opened.write(b"\xe0\x7f\x10\x00OB\x00\x00" + kind.pixel_bytes.to_bytes(4, "little"))
        for _ in range(kind.frames):
            opened.write(frame)
    return renew(Instances(kind=kind, files=(file,), sop_instance_uids=()))


def renew(instances: Instances) -> Instances:
    """Give every file a new SOP Instance UID, and all of them one new study and series."""
    study, series = new_uid(), new_uid()
    uids = tuple(new_uid() for _ in instances.files)
    if not instances.files:
        return instances
    offsets = _uid_offsets(instances.files[0])
    for file, uid in zip(instances.files, uids, strict=True):
        _overwrite(file, offsets, sop_instance_uid=uid, study=study, series=series)
    return Instances(kind=instances.kind, files=instances.files, sop_instance_uids=uids)


def new_uid() -> str:
    """A random UID that is always UID_LENGTH characters long."""
    digits = uuid.uuid4().int % 10**_UID_DIGITS
    return f"2.25.1{digits:0{_UID_DIGITS}d}"


def build_dataset(kind: InstanceKind, *, pixels: InstanceKind | None = None) -> Dataset:
    """A valid instance of this kind with random speckle; of fewer `pixels` where they follow."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    _describe_exam(dataset, kind)
    _describe_pixels(dataset, kind)
    speckle = np.random.default_rng(7).integers(
        0, 256, (pixels or kind).pixel_bytes, dtype=np.uint8
    )
    dataset.PixelData = speckle.tobytes()
    return dataset


def _describe_exam(dataset: Dataset, kind: InstanceKind) -> None:
    dataset.SOPClassUID = kind.sop_class_uid
    dataset.SOPInstanceUID = new_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = new_uid(), new_uid()
    dataset.PatientName, dataset.PatientID = "LOAD^TEST", "LOAD-1"
    dataset.PatientBirthDate = dataset.PatientSex = ""
    dataset.StudyDate = dataset.ContentDate = "20260101"
    dataset.StudyTime = dataset.ContentTime = "120000"
    dataset.ReferringPhysicianName = dataset.AccessionNumber = ""
    dataset.StudyID, dataset.SeriesNumber, dataset.InstanceNumber = "1", 1, 1
    dataset.Modality, dataset.Manufacturer = "US", "Synthetic"
    dataset.PatientOrientation = dataset.Laterality = ""
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"]
    dataset.LossyImageCompression = "00"
    if kind.frames > 1:
        dataset.NumberOfFrames = kind.frames
        dataset.FrameTime = "33.333"
        dataset.FrameIncrementPointer = 0x00181063  # Frame Time
        dataset.StartTrim, dataset.StopTrim = 1, kind.frames


def _describe_pixels(dataset: Dataset, kind: InstanceKind) -> None:
    dataset.Rows, dataset.Columns = kind.rows, kind.columns
    dataset.SamplesPerPixel = kind.samples
    dataset.PhotometricInterpretation = "MONOCHROME2" if kind.samples == 1 else "RGB"
    if kind.samples > 1:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0


@dataclass(frozen=True, kw_only=True)
class _UidOffsets:
    """Where each UID's bytes are in a file of ours; the header is the same in all of a kind."""

    sop_instance: tuple[int, ...]
    study: int
    series: int


def _uid_offsets(file: Path) -> _UidOffsets:
    """Find the explicit VR elements (tag, "UI", 16 bit length) near the file's beginning."""
    with file.open("rb") as opened:
        head = opened.read(8192)
    length = UID_LENGTH.to_bytes(2, "little")

    def value_of(group: int, element: int) -> int:
        tag = group.to_bytes(2, "little") + element.to_bytes(2, "little")
        return head.index(tag + b"UI" + length) + 8

    return _UidOffsets(
        sop_instance=(value_of(0x0002, 0x0003), value_of(0x0008, 0x0018)),
        study=value_of(0x0020, 0x000D),
        series=value_of(0x0020, 0x000E),
    )


def _overwrite(
    file: Path, offsets: _UidOffsets, *, sop_instance_uid: str, study: str, series: str
) -> None:
    patches: Sequence[tuple[int, str]] = [
        *((offset, sop_instance_uid) for offset in offsets.sop_instance),
        (offsets.study, study),
        (offsets.series, series),
    ]
    descriptor = os.open(file, os.O_WRONLY)
    try:
        for offset, uid in patches:
            os.pwrite(descriptor, uid.encode("ascii"), offset)
    finally:
        os.close(descriptor)
