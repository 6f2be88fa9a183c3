"""Fuzz targets of HL7: blocks, and messages with their answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from echonode.errors import Hl7BlockFault
from echonode.exam.hl7.mllp import MllpReader, block
from echonode.exam.hl7.order_sources import OrderDefaults
from echonode.exam.hl7.receiver import Receiver
from echonode.model.order_change import Change, OrderPlaced
from echonode.store.exams.order_messages import Applied, OrderMessage
from tests.fuzz.target import Target
from tests.unit.exam.hl7.messages import ALL

MESSAGE_BYTES = 10_000
NOW = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)


def hl7_blocks(data: bytes) -> None:
    """The same messages however the stream is cut, none longer than the limit; or Hl7BlockFault."""
    whole, faulted = _read(data, len(data) or 1)
    cut, cut_faulted = _read(data, 7)
    assert all(len(message) <= MESSAGE_BYTES for message in cut)
    # Of a stream that faults, what was complete before it is lost with the piece it came in.
    assert faulted == cut_faulted
    assert faulted or whole == cut


def hl7_message(data: bytes) -> None:
    """An answer AA, AE or AR that can be read, and a whole effect or none; no defect of ours."""
    kept: list[Sequence[Change]] = []

    def apply(message: OrderMessage, changes: Sequence[Change], answer: bytes) -> Applied:
        for change in changes:
            if isinstance(change, OrderPlaced):
                assert change.item.patient.id
                assert change.item.study_instance_uid
                assert change.item.step.start_date
        kept.append(changes)
        return Applied(acknowledgement=answer)

    receive = Receiver(apply, defaults=OrderDefaults(zone=UTC), now=lambda: NOW)
    with structlog.testing.capture_logs() as logged:
        answer = receive(data, "10.0.0.1")
    assert not [each for each in logged if each["event"] == "hl7_failed"], logged
    blocks = MllpReader().receive(answer)
    assert len(blocks) <= 2
    codes = [each.split(b"\r")[1].split(each[3:4])[1] for each in blocks]
    assert set(codes) <= {b"AA", b"AE", b"AR", b"CA", b"CE", b"CR"}
    if kept:
        assert set(codes) <= {b"AA", b"CA"}
    else:
        assert not {b"AA", b"CA"} & set(codes)


def _read(data: bytes, size: int) -> tuple[list[bytes], bool]:
    reader = MllpReader(message_bytes=MESSAGE_BYTES, stray_bytes=100)
    found: list[bytes] = []
    try:
        for at in range(0, len(data), size):
            found += reader.receive(data[at : at + size])
    except Hl7BlockFault:
        return found, True
    return found, False


def _segments(data: bytes) -> Sequence[bytes]:
    return data.splitlines(keepends=True)


TARGETS = (
    Target(run=hl7_blocks, seeds=(b"".join(block(each) for each in ALL),)),
    Target(run=hl7_message, seeds=ALL, cut=_segments),
)
