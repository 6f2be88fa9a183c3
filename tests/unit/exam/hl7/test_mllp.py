"""Messages come out of a stream as they went in, however it is cut; what is no MLLP ends it."""

from __future__ import annotations

import pytest

from echonode.errors import Hl7BlockFault
from echonode.exam.hl7.mllp import MllpReader, block
from tests.unit.exam.hl7.messages import A04_LATIN_1, ORM_O01

STREAM = block(A04_LATIN_1) + block(ORM_O01)


@pytest.mark.parametrize("size", [1, 2, 7, 64, len(STREAM)])
def test_messages_come_out_however_the_stream_is_cut(size: int) -> None:
    """Whole, byte by byte and in pieces the same two messages come out."""
    reader = MllpReader()
    found = [
        message
        for at in range(0, len(STREAM), size)
        for message in reader.receive(STREAM[at : at + size])
    ]
    assert found == [A04_LATIN_1, ORM_O01]
    assert not reader.is_within


def test_bytes_between_blocks_are_skipped() -> None:
    """Line feeds and NULs between blocks cost nothing."""
    reader = MllpReader()
    assert reader.receive(b"\r\n\0" + block(b"MSH1") + b"\n\n" + block(b"MSH2")) == [
        b"MSH1",
        b"MSH2",
    ]


def test_a_block_that_begins_again_counts_once() -> None:
    """A sender that breaks off and begins again is answered for the whole message alone."""
    reader = MllpReader()
    assert reader.receive(b"\x0bMSH|half of" + block(b"MSH|whole")) == [b"MSH|whole"]
    assert reader.broken_off == 1


def test_a_block_without_its_last_byte_is_complete() -> None:
    """FS ends a message: a sender that forgets CR is answered all the same."""
    assert MllpReader().receive(b"\x0bMSH|1\x1c\x0bMSH|2\x1c\r") == [b"MSH|1", b"MSH|2"]


def test_a_message_beyond_the_limit_ends_the_connection() -> None:
    """Memory is the limit's and not the sender's choice."""
    reader = MllpReader(message_bytes=100)
    reader.receive(b"\x0b" + b"x" * 100)
    with pytest.raises(Hl7BlockFault, match="longer than 100 bytes"):
        reader.receive(b"x")


def test_another_protocol_is_recognised() -> None:
    """A browser or a TLS sender on the plain port is not read without a limit."""
    with pytest.raises(Hl7BlockFault, match="without the beginning of a message"):
        MllpReader().receive(b"GET / HTTP/1.1\r\n" * 1_000)
