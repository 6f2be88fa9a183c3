"""Instances to store, and a clock that stands still until the test moves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID

from echonode.model.delivery import DeliveryEvent
from echonode.model.instance import InstanceRecord, Origin
from echonode.store.store import Incoming, Store
from echonode.store.values import CommitOutcome, DeliveryJob

US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"
US_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
# Far ahead: what the disk says of files (mtime) must always lie before, whenever the tests run.
NOON = datetime(2126, 11, 20, 12, 0, tzinfo=UTC)


class Clock:
    """Stands at noon."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time

    def pass_(self, **duration: float) -> datetime:
        self.time += timedelta(**duration)
        return self.time


def dataset(number: int = 1, /, **attributes: Any) -> Dataset:
    """An ultrasound image; `number` makes its UID, keywords replace attributes (None removes)."""
    ds = Dataset()
    values: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": US_IMAGE,
        "SOPInstanceUID": f"1.2.3.4.{number}",
        "StudyInstanceUID": "1.2.3.1",
        "SeriesInstanceUID": "1.2.3.1.1",
        "PatientID": "P1",
        "PatientName": "Doe^Jane",
        "PatientBirthDate": "19700102",
        "PatientSex": "F",
        "StudyDate": "20261120",
        "StudyTime": "115900",
        "AccessionNumber": "A1",
        "StudyID": "S1",
        "Modality": "US",
        "SeriesNumber": "1",
        "InstanceNumber": str(number),
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "Rows": 2,
        "Columns": 2,
        "BitsAllocated": 8,
        "PhotometricInterpretation": "MONOCHROME2",
        "PixelData": bytes([number % 256, 1, 2, 3]),
    } | attributes
    for keyword, value in values.items():
        if value is not None:
            setattr(ds, keyword, value)
    return ds


def encoded(ds: Dataset, transfer_syntax_uid: str = EXPLICIT_LE) -> bytes:
    """A dataset's bytes as they travel: without preamble and meta information."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    ds.file_meta.MediaStorageSOPClassUID = UID(US_IMAGE)
    ds.file_meta.MediaStorageSOPInstanceUID = UID("1.2")
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    whole = buffer.getvalue()
    return whole[144 + int.from_bytes(whole[140:144], "little") :]


def incoming(store: Store, ds: Dataset, *, source_ae_title: str = "") -> Incoming:
    """A dataset written into a temporary file."""
    file = store.files.open_incoming(
        sop_class_uid=str(ds.SOPClassUID),
        sop_instance_uid=str(ds.SOPInstanceUID),
        transfer_syntax_uid=EXPLICIT_LE,
        source_ae_title=source_ae_title,
    )
    file.write(encoded(ds))
    return file


def put(
    store: Store,
    ds: Dataset,
    *,
    destinations: Sequence[str] = (),
    acquired_at: datetime | None = None,
    source_ae_title: str = "",
    evidence: Mapping[str, int | str] | None = None,
) -> CommitOutcome:
    """Store a dataset the whole way."""
    file = incoming(store, ds, source_ae_title=source_ae_title)
    return store.files.commit(
        file,
        store.files.read_record(file),
        origin=Origin.RECEIVED if source_ae_title else Origin.CAPTURED,
        destinations=destinations,
        acquired_at=acquired_at,
        evidence=evidence,
    )


def put_many(store: Store, count: int, *destinations: str) -> list[str]:
    """Store images 1 to `count`; returns their SOP Instance UIDs."""
    for number in range(1, count + 1):
        put(store, dataset(number), destinations=destinations)
    return [f"1.2.3.4.{number}" for number in range(1, count + 1)]


def send_all(store: Store, destination: str, now: datetime) -> list[DeliveryJob]:
    """Claim everything that is due, and let the archive answer success to each."""
    jobs = store.deliveries.claim(destination, now=now, limit=1000)
    for job in jobs:
        store.deliveries.record_attempt(job.id, DeliveryEvent.STORED, now=now, status=0)
    return store.deliveries.sent(destination, limit=1000)


def record(**attributes: str) -> InstanceRecord:
    """A record of the sample dataset's UIDs, with other attributes left out."""
    return InstanceRecord(
        sop_class_uid=US_IMAGE,
        sop_instance_uid="1.2.3.4.1",
        study_instance_uid="1.2.3.1",
        series_instance_uid="1.2.3.1.1",
        transfer_syntax_uid=EXPLICIT_LE,
        frames=1,
        patient={},
        study={},
        series={},
        image=attributes,
    )
