"""Acquisitions, exams and Part 10 files to test with."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from pydicom import Dataset, FileMetaDataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

from echonode.frames.frame import Acquisition, Calibration, Frame, Played, ProbeIdentity
from echonode.model.exam import ExamFacts
from echonode.model.identity import IMPLEMENTATION_CLASS_UID, derive_uid
from echonode.model.patient import Patient
from echonode.objects.equipment import NodeEquipment
from echonode.objects.ultrasound import UltrasoundObject, build, encode

CONNECTED_AT = datetime(2026, 11, 20, 8, 0, 0, 123456, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 8, 5, tzinfo=UTC)
LOCAL = ZoneInfo("Europe/Berlin")
EQUIPMENT = NodeEquipment(software_versions=("EchoNode 0.1.0",))
PROBE = ProbeIdentity(
    name="handheld",
    manufacturer="echOpen",
    model="kit",
    serial="42",
    transducer="PROBE_V1__3_5MHZ",
    transducer_type="SECTOR_MECH",
    center_frequency_khz=3500.0,
)
NAMED = Patient(id="P-77", name="Müller^Jörg=山田^太郎", birth_date="19700228", sex="M")


def sector(rows: int, columns: int) -> Calibration:
    """A calibration of the whole image, with pixels that are not square and an apex above it."""
    return Calibration(
        region=(0, 0, columns - 1, rows - 1),
        physical_delta_x_cm=0.0299,
        physical_delta_y_cm=0.0176,
        reference_pixel=(columns // 2, -10),
    )


def frames(
    times: Sequence[float],
    *,
    rows: int = 24,
    columns: int = 32,
    rgb: bool = False,
    calibration: Calibration | None = None,
    stamps: Sequence[float | None] | None = None,
    played: Played | None = None,
) -> tuple[Frame, ...]:
    """A frame of noise for each of `times`, seconds since the connection; the same every time."""
    noise = np.random.default_rng(7)
    shape = (rows, columns, 3) if rgb else (rows, columns)
    return tuple(
        Frame(
            pixels=noise.integers(0, 256, shape, dtype=np.uint8),
            calibration=calibration,
            acquired_at=CONNECTED_AT + timedelta(seconds=time),
            elapsed_s=time,
            sequence=number,
            source_timestamp_s=stamps[number] if stamps else None,
            played=played,
        )
        for number, time in enumerate(times)
    )


def acquisition(
    some: tuple[Frame, ...] | None = None,
    *,
    number: int = 1,
    connection_id: str = "connection-1",
    probe: ProbeIdentity = PROBE,
    dropped: int = 0,
    partial: int = 0,
) -> Acquisition:
    return Acquisition(
        probe=probe,
        connection_id=connection_id,
        number=number,
        frames=some or frames([1.0], calibration=sector(24, 32)),
        dropped=dropped,
        partial=partial,
    )


def exam(patient: Patient = NAMED, **more: Any) -> ExamFacts:
    facts: dict[str, Any] = {
        "study_instance_uid": derive_uid("study", "test"),
        "patient": patient,
        "started_at": CONNECTED_AT,
        "study_id": "E00000001",
    }
    return ExamFacts(**(facts | more))


def built(
    taken: Acquisition | None = None, facts: ExamFacts | None = None, *, now: datetime = NOW
) -> UltrasoundObject:
    return build(
        taken or acquisition(),
        facts or exam(),
        equipment=EQUIPMENT,
        node_id="node-1",
        now=now,
        local=LOCAL,
    )


def part10(made: UltrasoundObject) -> bytes:
    """The object as a file, as the store writes it: zero preamble, meta information, dataset."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = UID(made.sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(made.sop_instance_uid)
    meta.TransferSyntaxUID = UID(made.transfer_syntax_uid)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    file = DicomBytesIO()
    file.write(bytes(128) + b"DICM")
    write_file_meta_info(file, meta)
    for piece in encode(made):
        file.write(piece)
    return file.getvalue()


def read_back(made: UltrasoundObject) -> Dataset:
    """What pydicom reads from the encoded bytes, Pixel Data and all."""
    return dcmread(io.BytesIO(part10(made)))


def write(made: UltrasoundObject, folder: Path, name: str) -> Path:
    path = folder / f"{name}.dcm"
    path.write_bytes(part10(made))
    return path
