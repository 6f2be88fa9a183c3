"""Stores with patients whose names are searched for in the raw bytes of their folders."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import Dataset

from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.file_format import MasterKey
from echonode.at_rest.writing import create_file
from echonode.audit.codes import Action, Kind
from echonode.audit.event import AuditEvent, Participant, Patient
from echonode.audit.trail.inbox import put as put_event
from echonode.audit.trail.trail import Trail, TrailLimits
from echonode.copies.deidentification.key_file import pseudonym_key
from echonode.errors import InstanceConflict
from echonode.store.files.layout import Layout
from echonode.store.ingest.ingest import check_bytes
from echonode.store.store import Store
from tests.unit.store.samples import NOON, dataset, put

FIRST, SECOND = MasterKey(b"\x11" * 32), MasterKey(b"\x22" * 32)
CIPHER = FileCipher(FIRST)
CANARY = "CANARY^ZEBRA"
CANARIES = [
    CANARY.encode(),
    CANARY.encode("utf-16-le"),
    b"CANARYPIXELS",
    b"CANARY-4711",
    b"CANARYPSEUDONYMS",
    CANARY.casefold().encode(),  # as the index folds it for searching
]
PSEUDONYMS = b"CANARYPSEUDONYMS" * 2  # the key of anonymised copies
LIMITS = TrailLimits(keep=timedelta(days=400), bytes=10_000_000)


def canary(number: int = 1) -> Dataset:
    """An image whose name, number and pixels are canaries; of several chunks."""
    found = dataset(number, PatientName=CANARY, PatientID="CANARY-4711")
    pixels = b"CANARYPIXELS" * 20_000
    found.PixelData = pixels
    return found


def event() -> AuditEvent:
    """Of the same patient."""
    return AuditEvent(
        at=NOON,
        kind=Kind.ACCESS,
        action=Action.READ,
        participants=(Participant(user="anna", requestor=True),),
        patient=Patient(id="CANARY-4711", name=CANARY),
    )


def fill(data_dir: Path, cipher: FileCipher | None, count: int = 3) -> None:
    """Images, one of them twice with other bytes (quarantine), audit events, the key of the
    pseudonyms.
    """
    with Store.open(data_dir, now=lambda: NOON, cipher=cipher) as store:
        for number in range(1, count + 1):
            put(store, canary(number), destinations=("pacs",))
        changed = canary(1)
        changed.PatientComments = "other bytes"
        with pytest.raises(InstanceConflict, match="already stored"):
            put(store, changed)
    trail = Trail.open(data_dir, now=NOON, cipher=cipher)
    trail.append([event()], LIMITS)
    trail.close()
    put_event(data_dir, event(), cipher)
    with create_file(Layout(data_dir).pseudonyms_key, cipher) as key:
        key.write(PSEUDONYMS)
        key.flush()


def found_in(folder: Path) -> list[str]:
    """The files below a folder with a canary in their raw bytes."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and any(each in path.read_bytes() for each in CANARIES)
    )


def check_all(data_dir: Path, cipher: FileCipher | None, count: int = 3) -> None:
    """Every image is there, its bytes are those that were stored, and so is the key."""
    with Store.open(data_dir, now=lambda: NOON, cipher=cipher) as store:
        for number in range(1, count + 1):
            instance = store.index.instance(f"1.2.3.4.{number}")
            assert instance is not None
            check_bytes(instance)
        assert not store.recovery.report.database_rebuilt
        assert not store.recovery.report.orphans_adopted
    assert pseudonym_key(Layout(data_dir, cipher=cipher)) == PSEUDONYMS
