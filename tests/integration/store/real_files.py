"""Real files as a C-STORE carries them: their dataset's bytes, its syntax and its UIDs."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.filereader import _read_file_meta_info, read_preamble
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.commands.lying_pacs import wire
from tests.benchmarks.wire_client import WireAssociation
from tests.benchmarks.work import Address
from tests.support.data_folder import images_folder


def files_of(*folders: str) -> list[Path]:
    """Every file of these folders, by name: real ones, or what stands in for them."""
    data = images_folder()
    return [path for folder in folders for path in sorted((data / folder).glob("*.dcm"))]


@dataclass(frozen=True, kw_only=True)
class RealFile:
    """A file taken apart. dataset: what travels, byte for byte."""

    path: Path
    dataset: bytes
    dataset_offset: int
    transfer_syntax_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    patient_id: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.dataset).hexdigest()


def read_real_file(path: Path) -> RealFile:
    """Take a file apart; one without meta information is a dataset in Implicit VR (PS3.5 10.1)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what pydicom thinks of it
        ds = dcmread(path, force=True, stop_before_pixels=True)
        ds.decode()
    meta = ds.file_meta
    offset = _dataset_offset(path)
    return RealFile(
        path=path,
        dataset=path.read_bytes()[offset:],
        dataset_offset=offset,
        transfer_syntax_uid=str(meta.get("TransferSyntaxUID", ImplicitVRLittleEndian)),
        sop_class_uid=str(ds.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or ""),
        sop_instance_uid=str(
            ds.get("SOPInstanceUID") or meta.get("MediaStorageSOPInstanceUID") or ""
        ),
        study_instance_uid=str(ds.get("StudyInstanceUID", "")),
        series_instance_uid=str(ds.get("SeriesInstanceUID", "")),
        patient_id=str(ds.get("PatientID", "")),
    )


def _dataset_offset(path: Path) -> int:
    """Where the dataset begins, also behind meta information without its group length."""
    with path.open("rb") as file:
        if read_preamble(file, force=True) is None:
            return 0
        _read_file_meta_info(file)
        return file.tell()


def send(
    address: Address,
    path: Path,
    *,
    offset: int,
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str = str(ExplicitVRLittleEndian),
) -> int:
    """C-STORE the bytes of a file from `offset` on, whatever they are; the status.

    From a plain socket, for libraries encode a dataset again and refuse what they cannot read.
    """
    context = wire.Proposed(abstract_syntax=sop_class_uid, transfer_syntax=transfer_syntax_uid)
    with WireAssociation(address, context) as association:
        return association.store(
            path, offset=offset, sop_class_uid=sop_class_uid, sop_instance_uid=sop_instance_uid
        )


def send_real(address: Address, file: RealFile) -> int:
    """C-STORE a real file as it is; the status."""
    return send(
        address,
        file.path,
        offset=file.dataset_offset,
        sop_class_uid=file.sop_class_uid,
        sop_instance_uid=file.sop_instance_uid,
        transfer_syntax_uid=file.transfer_syntax_uid,
    )
