"""Commitment requests and reports as datasets and back (PS3.4 annex J)."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.dimse.messages.datasets import (
    event_type,
    from_bytes,
    report_from_dataset,
    report_to_dataset,
    request_from_dataset,
    request_to_dataset,
    to_bytes,
)
from echonode.errors import DimseFailure
from echonode.model.commitment import CommitmentReport, CommitmentRequest, ReferencedInstance

A = ReferencedInstance(sop_class_uid="1.2.840.10008.5.1.4.1.1.6.1", sop_instance_uid="1.2.3")
B = ReferencedInstance(sop_class_uid="1.2.840.10008.5.1.4.1.1.3.1", sop_instance_uid="1.2.4")


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_request_comes_back_as_it_went(syntax: str) -> None:
    """Transaction and instances survive the wire in either syntax."""
    request = CommitmentRequest(transaction_uid="1.2.9", instances=(A, B))
    data = to_bytes(request_to_dataset(request), syntax)
    assert request_from_dataset(from_bytes(data, syntax)) == request


@pytest.mark.parametrize(
    ("committed", "failed", "kind"),
    [((A, B), {}, 1), ((A,), {B: 0x0112}, 2), ((), {A: 0x0110, B: 0x0213}, 2)],
)
def test_a_report_comes_back_as_it_went(
    committed: tuple[ReferencedInstance, ...], failed: dict[ReferencedInstance, int], kind: int
) -> None:
    """Committed and failed instances with their reasons; event type 2 as soon as one failed."""
    report = CommitmentReport(transaction_uid="1.2.9", committed=committed, failed=failed)
    data = to_bytes(report_to_dataset(report), ImplicitVRLittleEndian)
    assert report_from_dataset(from_bytes(data, ImplicitVRLittleEndian)) == report
    assert event_type(report) == kind


def test_a_failed_item_without_a_reason_is_a_processing_failure() -> None:
    """An archive that leaves the reason out has still not committed the instance."""
    dataset = report_to_dataset(
        CommitmentReport(transaction_uid="1.2.9", committed=(), failed={A: 0x0112})
    )
    del dataset.FailedSOPSequence[0].FailureReason
    assert report_from_dataset(dataset).failed == {A: 0x0110}


def broken(change: str) -> Dataset:
    """A request with one thing wrong."""
    dataset = request_to_dataset(CommitmentRequest(transaction_uid="1.2.9", instances=(A,)))
    if change == "no transaction":
        del dataset.TransactionUID
    elif change == "no instances":
        dataset.ReferencedSOPSequence = []
    elif change == "no class":
        del dataset.ReferencedSOPSequence[0].ReferencedSOPClassUID
    return dataset


@pytest.mark.parametrize("change", ["no transaction", "no instances", "no class"])
def test_a_request_that_lacks_something_is_refused(change: str) -> None:
    """What is missing is answered as "missing attribute", never guessed."""
    with pytest.raises(DimseFailure) as caught:
        request_from_dataset(broken(change))
    assert caught.value.status == 0x0120


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's opinion of the UID
def test_a_uid_that_is_none_is_refused() -> None:
    """A transaction called ../x is an invalid attribute value."""
    dataset = broken("")
    data = to_bytes(dataset, ImplicitVRLittleEndian).replace(b"1.2.9\0", b"../x.9")
    with pytest.raises(DimseFailure) as caught:
        request_from_dataset(from_bytes(data, ImplicitVRLittleEndian))
    assert caught.value.status == 0x0106


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's opinion of the bytes
@pytest.mark.parametrize(
    "data",
    [
        b"\x08",
        b"\x08\x00\x18\x00\xff\xff\xff\x7f1.2",
        b"\x08\x00\x99\x11SQ\x00\x00\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff" * 5_000,
    ],
    ids=["cut", "long", "deep"],
)
def test_hostile_bytes_are_c000_and_nothing_else(data: bytes) -> None:
    """Cut-off, overlong and bottomless datasets become a status or a dataset, never a crash."""
    status = 0xC000
    try:
        from_bytes(data, ExplicitVRLittleEndian)
    except DimseFailure as failure:
        status = failure.status
    assert status == 0xC000
