"""What is known of a stored instance, as values."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Protocol

from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.reading import StoredFile, buffered, open_file


class Origin(StrEnum):
    """How an instance came to us."""

    CAPTURED = "captured"  # built from the probe's frames
    RECEIVED = "received"  # by C-STORE from a peer


class ConflictKind(StrEnum):
    """Which two things, that a UID or a Patient ID should tell apart, bear the same one."""

    STUDY = "study"  # one Study Instance UID, two patients
    SERIES = "series"  # one Series Instance UID, two studies
    PATIENT = "patient"  # one Patient ID, names or birth dates that are hardly one person's


@dataclass(frozen=True, kw_only=True)
class IdentityConflict:
    """A conflict, by the UIDs of the image that came second; no patient data.

    series_instance_uid: '' but for ConflictKind.SERIES.
    """

    kind: ConflictKind
    study_instance_uid: str
    series_instance_uid: str = ""


@dataclass(frozen=True, kw_only=True)
class InstanceRecord:
    """What the index keeps of one instance.

    The attribute maps go from DICOM keyword to the value's DICOM string form (several values joined
    by a backslash, character set already decoded), as in model.attributes.
    frames: Number of Frames, 1 where absent.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    frames: int
    patient: Mapping[str, str]
    study: Mapping[str, str]
    series: Mapping[str, str]
    image: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class StoredInstance:
    """One instance in the store and where its bytes are.

    path: the Part 10 file, absolute; `open_bytes` opens it. size, dataset_offset: of its content;
    where the dataset begins, after the File Meta Information. dataset_sha256: hex, over the bytes
    from there to the end: these travel, the meta information does not. remote: where the bytes are
    when they are not on this machine's disk. cipher: opens the file where it is sealed.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    path: Path
    size: int
    dataset_offset: int
    dataset_sha256: str
    remote: RemoteBytes | None = None
    cipher: FileCipher | None = field(default=None, compare=False, repr=False)


class RemoteBytes(Protocol):
    """Where the bytes of instances are that are not on this machine's disk."""

    def fetched(self, instance: StoredInstance) -> Path:
        """Its file, here for some minutes. Raises FileNotFoundError, StoreError."""

    def check(self, instance: StoredInstance) -> None:
        """Raises Damaged where what is kept is not what was stored; StoreError."""

    def exists(self, file_id: str) -> bool:
        """Whether a file is kept there. Raises StoreError."""

    def read_range(self, instance: StoredInstance, start: int, length: int) -> bytes:
        """Part of its file. Raises FileNotFoundError, StoreError."""


def bytes_of(instance: StoredInstance) -> Path:
    """The file of an instance, as `open_bytes` opens it; fetched first where it is elsewhere.

    Open it within some minutes. Raises FileNotFoundError and StoreError where they are elsewhere.
    """
    return instance.path if instance.remote is None else instance.remote.fetched(instance)


def open_bytes(instance: StoredInstance) -> StoredFile:
    """An instance's file, opened for reading. Raises OSError, and as `bytes_of`."""
    return open_file(bytes_of(instance), instance.cipher)


def buffered_bytes(instance: StoredInstance) -> AbstractContextManager[BinaryIO]:
    """The same for what reads many small pieces, such as a parser."""
    return buffered(bytes_of(instance), instance.cipher)


@dataclass(frozen=True, kw_only=True)
class DerivedCopy:
    """What was sent in an instance's place: derived from it with loss, or anonymised.

    dataset_sha256: hex, over the dataset as it was sent. study_instance_uid, series_instance_uid:
    of an anonymised copy; '' where they are those of the instance. anonymised_by: the name of the
    profile (PS3.15 annex E); '' where it was derived with loss alone.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    dataset_sha256: str
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    anonymised_by: str = ""

    @property
    def remark(self) -> str:
        """What it is, for the operator: to follow 'sent as' or 'the archive holds'."""
        if self.anonymised_by:
            what = f"an anonymised copy (profile {self.anonymised_by})"
        else:
            what = "a lossy derived copy"
        return f"{what}, {self.sop_instance_uid}; the original is kept here"
