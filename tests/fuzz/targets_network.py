"""Fuzz targets of the DICOM network without a socket: PDUs, requests, messages, identifiers."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import cast

from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.association import Association

from echonode.dimse.acceptance import _decoded
from echonode.dimse.limits import Limits
from echonode.dimse.messages.command_set import CommandSet, MalformedCommand, decode, encode
from echonode.dimse.messages.datasets import (
    from_bytes,
    report_from_dataset,
    report_to_dataset,
    request_from_dataset,
    request_to_dataset,
    to_bytes,
)
from echonode.dimse.messages.provider import DimseProvider, MemorySink, ProtocolViolation
from echonode.dimse.services import FindRequest
from echonode.dimse.upper_layer.pdu_stream import HEADER_BYTES, P_DATA, PduError, PduReader, pdvs
from echonode.dimse.upper_layer.request_pdu import head_of, recognised_request
from echonode.errors import DimseFailure
from echonode.model.commitment import CommitmentReport, CommitmentRequest, ReferencedInstance
from echonode.model.criteria import Root
from echonode.model.identity import is_valid_uid
from echonode.model.parse_faults import PARSE_FAULTS
from echonode.query_retrieve.find_scp import FindSCP
from tests.faults.callers.client import RELEASE, echo_message, find_message, request, store_message
from tests.faults.callers.instances import element, small_instance
from tests.fuzz.target import Target
from tests.unit.query_retrieve.test_find_scp import IMAGE, VIEWER, identifier

LIMITS = Limits(command_bytes=500, identifier_bytes=2_000, waiting_messages=2)
PDU_LIMIT = 16_384
SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
FIND_IDENTIFIER = element(0x0008, 0x0052, b"CS", b"STUDY") + element(0x0020, 0x000D, b"UI", b"")
INSTANCE = ReferencedInstance(
    sop_class_uid="1.2.840.10008.5.1.4.1.1.6.1", sop_instance_uid="1.2.3.4"
)


def pdu_stream(data: bytes) -> None:
    """PDUs within the limit that are, one after another, the very bytes that came; or PduError."""
    reader, cut = PduReader(PDU_LIMIT, request_limit=4_096), bytearray()
    try:
        for pdu in _read(reader, data):
            assert len(pdu) <= PDU_LIMIT + HEADER_BYTES
            cut += pdu
            if pdu[0] == P_DATA:
                for _, _, fragment in pdvs(pdu):
                    assert len(fragment) < len(pdu)
    except PduError:
        pass
    assert data.startswith(bytes(cut))


def associate_request(data: bytes) -> None:
    """A request that stays as it is when cut down again; or PduError, or one of PARSE_FAULTS.

    PARSE_FAULTS are pynetdicom's, which the negotiation catches.
    """
    if len(data) < HEADER_BYTES:
        return
    try:
        head_of(data)
        known = recognised_request(data, frozenset(SYNTAXES))
    except PduError:
        return
    assert recognised_request(known, frozenset(SYNTAXES)) == known
    with suppress(*PARSE_FAULTS):
        _decoded(data)


def command(data: bytes) -> None:
    """A command set of printable text that settles once encoded; or MalformedCommand."""
    try:
        known = decode(data)
    except MalformedCommand:
        return
    for text in (known.affected_sop_class_uid, known.affected_sop_instance_uid):
        assert (text or "").isprintable()
    settled = decode(encode(known))  # what is not ASCII is replaced
    assert decode(encode(settled)) == settled


def message_assembly(data: bytes) -> None:
    """Messages of accepted contexts within the limits; or PduError, ProtocolViolation.

    The PDUs of an association after its negotiation, in any order.
    """
    dimse = DimseProvider(
        cast(Association, object()),
        limits=LIMITS,
        is_accepted=lambda context_id: context_id in (1, 3, 5),
        sink_for=_sink,
    )
    try:
        for pdu in _read(PduReader(PDU_LIMIT), data):
            if pdu[0] == P_DATA:
                dimse.take_pdata(pdu)
                while dimse.inbox:
                    message = dimse.inbox.popleft()
                    assert message.context_id in (1, 3, 5)
                    assert len(message.data()) <= LIMITS.identifier_bytes
    except (PduError, ProtocolViolation):
        pass
    finally:
        dimse.break_off()


def query(data: bytes) -> None:
    """Answers that can be read in the syntax of the request; or DimseFailure of A900 or C000.

    The first byte chooses the syntax and the root; the rest is the identifier.
    """
    chosen, rest = data[0] if data else 0, data[1:]
    syntax = SYNTAXES[chosen % len(SYNTAXES)]
    scp = FindSCP(lambda query: iter([IMAGE] * 3), ae_title="ECHONODE")
    try:
        asked = FindRequest(
            caller=VIEWER,
            root=Root.PATIENT if chosen & 0x80 else Root.STUDY,
            identifier=from_bytes(rest, syntax, most_headers=2_000),
            relational=bool(chosen & 0x40),
            cancelled=lambda: False,
            transfer_syntax_uid=syntax,
        )
        answers, status = list(scp(asked)), 0x0000
    except DimseFailure as failure:
        answers, status = [], failure.status
    assert status in (0x0000, 0xA900, 0xC000), f"{status:04X}"
    assert len(answers) <= 3
    for answer in answers:
        if isinstance(answer.identifier, bytes):
            from_bytes(answer.identifier, syntax)


def commitment_request(data: bytes) -> None:
    """Action Information of valid UIDs only; or DimseFailure."""
    chosen, rest = data[0] if data else 0, data[1:]
    try:
        asked = request_from_dataset(from_bytes(rest, SYNTAXES[chosen % len(SYNTAXES)]))
    except DimseFailure:
        return
    assert is_valid_uid(asked.transaction_uid)
    assert asked.instances
    for instance in asked.instances:
        assert is_valid_uid(instance.sop_class_uid)
        assert is_valid_uid(instance.sop_instance_uid)


def commitment_report(data: bytes) -> None:
    """Event Information of valid UIDs and whole numbers only; or DimseFailure."""
    chosen, rest = data[0] if data else 0, data[1:]
    try:
        report = report_from_dataset(from_bytes(rest, SYNTAXES[chosen % len(SYNTAXES)]))
    except DimseFailure:
        return
    assert is_valid_uid(report.transaction_uid)
    for instance in (*report.committed, *report.failed):
        assert is_valid_uid(instance.sop_class_uid)
        assert is_valid_uid(instance.sop_instance_uid)
    assert all(isinstance(reason, int) for reason in report.failed.values())


def pdus_of(data: bytes) -> Sequence[bytes]:
    """The pieces of a stream at its PDUs' borders, as far as they are right."""
    pieces, at = [], 0
    while at + HEADER_BYTES <= len(data):
        end = at + HEADER_BYTES + struct.unpack_from(">I", data, at + 2)[0]
        pieces.append(data[at:end])
        at = end
    return [*pieces, data[at:]]


def conversation() -> bytes:
    """An association as it should be, from the request to the release."""
    store = store_message(small_instance(pixels=600))
    messages = [echo_message(1), store, find_message(FIND_IDENTIFIER, message_id=2)]
    return b"".join([request("SCU"), *messages, RELEASE])


def _read(reader: PduReader, data: bytes) -> Iterator[memoryview]:
    while data:
        space = reader.space()
        piece, data = data[: len(space)], data[len(space) :]
        space[: len(piece)] = piece
        reader.received(len(piece))
        while (pdu := reader.next_pdu()) is not None:
            yield pdu


def _sink(context_id: int, command: CommandSet) -> MemorySink:
    return MemorySink(LIMITS.identifier_bytes)


def _commitments() -> tuple[bytes, bytes]:
    asked = CommitmentRequest(transaction_uid="1.2.9", instances=(INSTANCE, INSTANCE))
    told = CommitmentReport(
        transaction_uid="1.2.9",
        committed=(INSTANCE,),
        failed={ReferencedInstance(sop_class_uid="1.2.3", sop_instance_uid="1.2.5"): 0x0112},
    )
    return (
        to_bytes(request_to_dataset(asked), ImplicitVRLittleEndian),
        to_bytes(report_to_dataset(told), ImplicitVRLittleEndian),
    )


def _queries() -> Iterator[bytes]:
    keys = {
        "PatientName": "DOE^J*",
        "StudyDate": "20260101-20261231",
        "StudyTime": "1000-1100",
        "StudyInstanceUID": ["1.2.3", "1.2.4"],
        "ModalitiesInStudy": "US",
        "StudyDescription": "A?d*",
        "SpecificCharacterSet": ["", "ISO 2022 IR 87"],
    }
    for syntax in (ImplicitVRLittleEndian, ExplicitVRLittleEndian):
        asked = to_bytes(identifier("STUDY", **keys), syntax)
        yield bytes([SYNTAXES.index(syntax)]) + asked
    image = identifier("IMAGE", SOPInstanceUID="1.2.3.4.5", Rows="", InstanceNumber="1")
    yield b"\x40" + to_bytes(image, ImplicitVRLittleEndian)


def _command_sets() -> Iterator[bytes]:
    """Those of the conversation's messages."""
    for message in (echo_message(), find_message(b""), store_message(small_instance())):
        first = pdus_of(message)[0]
        yield first[12:]


_ASKED, _TOLD = _commitments()
TARGETS = (
    Target(run=pdu_stream, seeds=(conversation(),), cut=pdus_of),
    Target(run=associate_request, seeds=(request("SCU"),)),
    Target(run=command, seeds=tuple(_command_sets())),
    Target(run=message_assembly, seeds=(b"".join(pdus_of(conversation())[1:]),), cut=pdus_of),
    Target(run=query, seeds=tuple(_queries())),
    Target(run=commitment_request, seeds=(b"\0" + _ASKED,)),
    Target(run=commitment_report, seeds=(b"\0" + _TOLD,)),
)
