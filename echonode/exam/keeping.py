"""An object that this node makes for an exam, kept like everything that was captured.

It has the same deliveries and the same proof as an image; durable on return.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import datetime

from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian

from echonode.model.exam import ExamCapture
from echonode.model.instance import Origin
from echonode.store.ingest.ingest import InstanceFiles

_SYNTAX = str(ExplicitVRLittleEndian)


def keep(
    files: InstanceFiles,
    capture: ExamCapture,
    sop_class_uid: str,
    pieces: Iterable[bytes],
    *,
    destinations: Sequence[str],
) -> None:
    """Store a dataset, given piece by piece, in its capture's place. Raises StoreError."""
    keep_object(
        files,
        (sop_class_uid, capture.sop_instance_uid),
        pieces,
        destinations=destinations,
        at=capture.captured_at,
        exam_id=capture.exam_id,
    )


def keep_object(
    files: InstanceFiles,
    instance: tuple[str, str],
    pieces: Iterable[bytes],
    *,
    destinations: Sequence[str],
    at: datetime,
    exam_id: str = "",
) -> None:
    """The same for an object of no exam. instance: its class and UID. at: when it was made.

    exam_id: of the exam whose capture it is, for its seal.
    """
    sop_class_uid, sop_instance_uid = instance
    incoming = files.open_incoming(
        sop_class_uid=sop_class_uid,
        sop_instance_uid=sop_instance_uid,
        transfer_syntax_uid=_SYNTAX,
    )
    with ExitStack() as broken_off:
        broken_off.callback(incoming.discard)
        for piece in pieces:
            incoming.write(piece)
        record = files.read_record(incoming)
        broken_off.pop_all()
    files.commit(
        incoming,
        record,
        origin=Origin.CAPTURED,
        destinations=destinations,
        acquired_at=at,
        evidence={},
        exam_id=exam_id,
    )


def encoded(dataset: Dataset) -> bytes:
    """In Explicit VR Little Endian, without meta information."""
    whole = DicomBytesIO()
    whole.is_little_endian, whole.is_implicit_VR = True, False
    write_dataset(whole, dataset)
    return whole.getvalue()
