"""Datasets as files, and what is read of them."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from echonode.dicomweb.description import describe, metadata_json
from echonode.model.instance import StoredInstance

ADDRESS = "http://node/bulkdata/"


def written(folder: Path, ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> StoredInstance:
    """A Part 10 file of a data set, as the store knows it."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.file_meta.MediaStorageSOPClassUID = UID("1.2")
    ds.file_meta.MediaStorageSOPInstanceUID = UID("1.3")
    buffer = BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    content = buffer.getvalue()
    return stored(folder, content, 144 + int.from_bytes(content[140:144], "little"), syntax)


def stored(folder: Path, content: bytes, offset: int, syntax: str) -> StoredInstance:
    """A file of these bytes, its data set at `offset`."""
    path = folder / "file.dcm"
    path.write_bytes(content)
    return StoredInstance(
        sop_class_uid="1.2",
        sop_instance_uid="1.3",
        study_instance_uid="1.4",
        series_instance_uid="1.5",
        transfer_syntax_uid=str(syntax),
        path=path,
        size=len(content),
        dataset_offset=offset,
        dataset_sha256="0" * 64,
    )


def metadata_of(instance: StoredInstance) -> dict[str, Any]:
    """Its metadata, parsed."""
    found: dict[str, Any] = json.loads(metadata_json(describe(instance).metadata, ADDRESS))
    return found
