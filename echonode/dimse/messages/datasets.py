"""Datasets that messages carry in memory: identifiers, commitment requests and reports.

Storage datasets are not handled here: they are written to disk as they arrive, and read from disk
as they are sent. Parsing is bounded before it begins (dataset_bounds.py). pydicom raises many
errors that are not its own on hostile bytes; each of them becomes the DimseFailure that is
answered.
"""

from __future__ import annotations

from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.dsutils import decode as decode_dataset
from pynetdicom.dsutils import encode as encode_dataset

from echonode.dimse.messages.dataset_bounds import IDENTIFIER_HEADERS, check_bounds
from echonode.errors import DimseFailure, Unreadable
from echonode.model.commitment import CommitmentReport, CommitmentRequest, ReferencedInstance
from echonode.model.identity import is_valid_uid
from echonode.model.parse_faults import PARSE_FAULTS
from echonode.model.status import (
    CANNOT_UNDERSTAND,
    INVALID_ATTRIBUTE_VALUE,
    MISSING_ATTRIBUTE,
    PROCESSING_FAILURE,
)

ALL_COMMITTED = 1  # event types of PS3.4 J.3.3.1.1
SOME_FAILED = 2


def to_bytes(dataset: Dataset, transfer_syntax_uid: str) -> bytes:
    """`dataset` encoded in `transfer_syntax_uid` (uncompressed); raises ValueError if it cannot."""
    syntax = UID(transfer_syntax_uid)
    encoded = encode_dataset(dataset, syntax.is_implicit_VR, syntax.is_little_endian)
    if encoded is None:  # pynetdicom logs the reason and returns None
        raise ValueError("the dataset cannot be encoded")
    return encoded


def from_bytes(
    data: bytes | bytearray, transfer_syntax_uid: str, *, most_headers: int = IDENTIFIER_HEADERS
) -> Dataset:
    """The dataset in `data`, parsed to its end; raises DimseFailure C000 where it cannot be."""
    syntax = UID(transfer_syntax_uid)
    try:
        check_bounds(data, syntax, most_headers)
        dataset = decode_dataset(BytesIO(data), syntax.is_implicit_VR, syntax.is_little_endian)
        # pydicom parses on first access: read every element here, where its errors are caught.
        for _ in dataset.iterall():
            pass
    except Unreadable as error:
        raise DimseFailure(CANNOT_UNDERSTAND, str(error)) from None
    except PARSE_FAULTS:
        raise DimseFailure(CANNOT_UNDERSTAND, "The data set cannot be parsed") from None
    return dataset


def request_to_dataset(request: CommitmentRequest) -> Dataset:
    """Action Information of an N-ACTION (PS3.4 table J.3-1)."""
    dataset = Dataset()
    dataset.TransactionUID = request.transaction_uid
    dataset.ReferencedSOPSequence = [_item(instance) for instance in request.instances]
    return dataset


def request_from_dataset(dataset: Dataset) -> CommitmentRequest:
    """The reverse; raises DimseFailure."""
    instances = tuple(_reference(item) for item in _items(dataset, "ReferencedSOPSequence"))
    if not instances:
        raise DimseFailure(MISSING_ATTRIBUTE, "Referenced SOP Sequence is missing or empty")
    return CommitmentRequest(transaction_uid=_transaction_uid(dataset), instances=instances)


def report_to_dataset(report: CommitmentReport) -> Dataset:
    """Event Information of an N-EVENT-REPORT (PS3.4 table J.3-2)."""
    dataset = Dataset()
    dataset.TransactionUID = report.transaction_uid
    if report.committed:
        dataset.ReferencedSOPSequence = [_item(instance) for instance in report.committed]
    if report.failed:
        failed = []
        for instance, reason in report.failed.items():
            item = _item(instance)
            item.FailureReason = reason
            failed.append(item)
        dataset.FailedSOPSequence = failed
    return dataset


def report_from_dataset(dataset: Dataset) -> CommitmentReport:
    """The reverse; raises DimseFailure. A failed item without a reason counts as 0110."""
    failed = {}
    for item in _items(dataset, "FailedSOPSequence"):
        reason = item.get("FailureReason")
        failed[_reference(item)] = reason if isinstance(reason, int) else PROCESSING_FAILURE
    return CommitmentReport(
        transaction_uid=_transaction_uid(dataset),
        committed=tuple(_reference(item) for item in _items(dataset, "ReferencedSOPSequence")),
        failed=failed,
    )


def event_type(report: CommitmentReport) -> int:
    """1 when everything was committed, else 2 (PS3.4 J.3.3.1.1)."""
    return SOME_FAILED if report.failed else ALL_COMMITTED


def failed_list(sop_instance_uids: tuple[str, ...]) -> Dataset:
    """The identifier of a C-MOVE's or C-GET's final answer (PS3.4 C.4.2.1.4.2)."""
    dataset = Dataset()
    dataset.FailedSOPInstanceUIDList = list(sop_instance_uids)
    return dataset


def _item(instance: ReferencedInstance) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = instance.sop_class_uid
    item.ReferencedSOPInstanceUID = instance.sop_instance_uid
    return item


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none when it is not there."""
    value = dataset.get(keyword)
    if not value:
        return []
    if dataset[keyword].VR != "SQ":
        raise DimseFailure(INVALID_ATTRIBUTE_VALUE, f"{keyword} is not a sequence")
    return list(value)


def _reference(item: Dataset) -> ReferencedInstance:
    return ReferencedInstance(
        sop_class_uid=_uid(item, "ReferencedSOPClassUID"),
        sop_instance_uid=_uid(item, "ReferencedSOPInstanceUID"),
    )


def _transaction_uid(dataset: Dataset) -> str:
    return _uid(dataset, "TransactionUID")


def _uid(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    if value is None or not str(value):
        raise DimseFailure(MISSING_ATTRIBUTE, f"{keyword} is missing")
    if not is_valid_uid(str(value)):
        raise DimseFailure(INVALID_ATTRIBUTE_VALUE, f"{keyword} is not a UID")
    return str(value)
