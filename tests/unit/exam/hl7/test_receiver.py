"""An acknowledgement leaves only for what is durable; everything has an answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
import structlog

from echonode.errors import ControlIdReused, OutOfSpace
from echonode.exam.hl7.order_sources import OrderDefaults
from echonode.exam.hl7.receiver import Receiver, content_hash
from echonode.model.order_change import Change
from echonode.store.exams.order_messages import Applied, OrderMessage
from tests.peers.hl7_sender import code_of
from tests.unit.exam.hl7.messages import A04_LATIN_1, ALL, ORM_O01

NOW = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)


class Kept:
    """A store that keeps what it is given, or raises."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.messages: list[OrderMessage] = []

    def __call__(
        self, message: OrderMessage, changes: Sequence[Change], acknowledgement: bytes
    ) -> Applied:
        if self.failure:
            raise self.failure
        self.messages.append(message)
        return Applied(acknowledgement=acknowledgement, placed=len(changes))


def received(data: bytes, kept: Kept) -> bytes:
    receive = Receiver(kept, defaults=OrderDefaults(zone=UTC), now=lambda: NOW)
    return receive(data, "10.0.0.1").strip(b"\x0b\x1c\r")


@pytest.mark.parametrize("data", ALL)
def test_every_golden_message_is_taken(data: bytes) -> None:
    """AA, and the store was given it under its sender and control ID."""
    kept = Kept()
    assert code_of(received(data, kept)) == "AA"
    (message,) = kept.messages
    assert (message.sending_application, message.sending_facility) == ("RIS", "CLINIC")


@pytest.mark.parametrize(
    ("failure", "code"), [(OutOfSpace("full"), b"207^"), (ControlIdReused("x"), b"205^")]
)
def test_what_is_not_durable_is_not_acknowledged(failure: Exception, code: bytes) -> None:
    """A full disk answers AE, so that the sender sends again."""
    answer = received(A04_LATIN_1, Kept(failure))
    assert code_of(answer) == "AE"
    assert code in answer


def test_a_defect_of_ours_is_answered_and_told_without_values() -> None:
    """The connection goes on, the log says where it broke."""
    with structlog.testing.capture_logs() as logged:
        answer = received(ORM_O01, Kept(RuntimeError("Miller^Joe")))
    assert code_of(answer) == "AE"
    assert [each["event"] for each in logged] == ["hl7_failed"]
    assert "Miller" not in str(logged)


def test_a_repetition_with_another_time_is_the_same_message() -> None:
    """MSH-7 is not what a message says."""
    later = ORM_O01.replace(b"20261129060000", b"20261129070000", 1)
    assert content_hash(later) == content_hash(ORM_O01)
    assert content_hash(ORM_O01.replace(b"\r", b"\r\n")) == content_hash(ORM_O01)
    assert content_hash(ORM_O01.replace(b"4711", b"4712")) != content_hash(ORM_O01)
