"""The body of a request: the file as it is stored, or with File Meta Information of its own."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from echonode.delivery.stow.file_body import FileBody
from echonode.dimse.services import Part10File
from echonode.errors import Damaged
from echonode.store.files.file_meta import encode

US, UID = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.3"


def file_of(folder: Path, *, with_head: bool, hashed: bytes | None = None) -> Part10File:
    dataset = Dataset()
    dataset.SOPInstanceUID = UID
    buffer = BytesIO()
    dataset.save_as(buffer, implicit_vr=False, little_endian=True)
    encoded = buffer.getvalue()
    head = b""
    if with_head:
        head = encode(
            sop_class_uid=US, sop_instance_uid=UID, transfer_syntax_uid=ExplicitVRLittleEndian
        )
    path = folder / "file"
    path.write_bytes(head + encoded)
    return Part10File(
        path=path,
        sop_class_uid=US,
        sop_instance_uid=UID,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        dataset_offset=len(head),
        size=len(head) + len(encoded),
        dataset_sha256=sha256(encoded if hashed is None else hashed).hexdigest(),
    )


@pytest.mark.parametrize("with_head", [True, False], ids=["as stored", "re-encoded"])
def test_the_part_is_a_whole_file(tmp_path: Path, *, with_head: bool) -> None:
    """Of the length that was announced; pydicom reads it."""
    file = file_of(tmp_path, with_head=with_head)
    body = FileBody(file)
    whole = b"".join(body.pieces())
    assert len(whole) == body.length
    begin = whole.index(b"\r\n\r\n") + 4
    read = dcmread(BytesIO(whole[begin : whole.rindex(b"\r\n--")]))
    assert (read.SOPInstanceUID, read.file_meta.TransferSyntaxUID) == (UID, ExplicitVRLittleEndian)
    assert file.path.read_bytes()[file.dataset_offset :] in whole


def test_other_bytes_than_were_stored_give_no_piece(tmp_path: Path) -> None:
    """So nothing of them is sent."""
    body = FileBody(file_of(tmp_path, with_head=True, hashed=b"others"))
    with pytest.raises(Damaged):
        next(iter(body.pieces()))
