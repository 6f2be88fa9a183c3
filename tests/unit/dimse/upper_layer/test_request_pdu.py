"""An A-ASSOCIATE-RQ byte by byte: what of it counts, and what is left out."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echonode.dimse.upper_layer.pdu_stream import PduError
from echonode.dimse.upper_layer.request_pdu import (
    OtherContextName,
    head_of,
    printable,
    recognised_answer,
    recognised_request,
)

CONTEXT_NAME = bytes.fromhex(
    "10 00 0015"  # application context, 21 bytes
    "312e322e3834302e31303030382e332e312e312e31"  # 1.2.840.10008.3.1.1.1
)
CONTEXT = bytes.fromhex(
    "20 00 002e 01 00 00 00"  # presentation context 1
    "30 00 0011 312e322e3834302e31303030382e312e31"  # 1.2.840.10008.1.1
    "40 00 0011 312e322e3834302e31303030382e312e32"  # 1.2.840.10008.1.2
)
UNKNOWN_ITEM = bytes.fromhex("7a 00 0003 414243")
MAXIMUM_LENGTH = bytes.fromhex("51 00 0004 00004000")
VERSION_NAME = bytes.fromhex("55 00 0005 4f46464953")
UNKNOWN_SUB_ITEM = bytes.fromhex("5f 00 0005 68656c6c6f")
PASSWORD = bytes.fromhex("58 00 000a 02 00 0002 7573 0002 7077")


def pdu(kind: int, items: bytes, *, version: str = "0001", calling: bytes = b"SCU") -> bytes:
    """A PDU to ECHONODE (NULs behind it), its reserved fields full of FF."""
    body = bytes.fromhex(version) + b"\xff\xff" + b"ECHONODE".ljust(16, b"\0")
    body += calling.ljust(16, b"\0") + b"\xff" * 32 + items
    return bytes([kind, 0xFF]) + len(body).to_bytes(4, "big") + body


def recognised(came: bytes) -> bytes:
    return recognised_request(came, frozenset({"1.2.840.10008.1.2"}))


def user_information(*items: bytes) -> bytes:
    body = b"".join(items)
    return b"\x50\0" + len(body).to_bytes(2, "big") + body


def test_a_request_is_cut_down_to_what_is_negotiated() -> None:
    """Every byte of what is left: items in place, lengths right, NUL padding made spaces."""
    came = pdu(
        0x01,
        UNKNOWN_ITEM
        + CONTEXT_NAME
        + CONTEXT
        + user_information(MAXIMUM_LENGTH, UNKNOWN_SUB_ITEM, PASSWORD, VERSION_NAME)
        + UNKNOWN_ITEM,
    )
    information = user_information(MAXIMUM_LENGTH, VERSION_NAME)
    expected = bytes.fromhex("0001 ffff") + b"ECHONODE".ljust(16) + b"SCU".ljust(16)
    expected += b"\xff" * 32 + CONTEXT_NAME + CONTEXT + information
    assert recognised(came) == b"\x01\0" + len(expected).to_bytes(4, "big") + expected


def test_an_answer_is_cut_down_likewise() -> None:
    """An archive of a later edition of the standard answers with items that we do not know."""
    accepted = bytes.fromhex("21 00 0019 01 00 00 00 40 00 0011 312e322e3834302e31303030382e312e32")
    information = user_information(MAXIMUM_LENGTH, VERSION_NAME)
    came = pdu(
        0x02,
        CONTEXT_NAME
        + accepted
        + UNKNOWN_ITEM
        + user_information(MAXIMUM_LENGTH, UNKNOWN_SUB_ITEM, VERSION_NAME),
    )
    assert recognised_answer(came)[74:] == CONTEXT_NAME + accepted + information


@pytest.mark.parametrize("cut", range(len(CONTEXT_NAME + CONTEXT)))
def test_a_request_that_ends_anywhere_is_an_error(cut: int) -> None:
    """Whole items alone are read, wherever the bytes end; nothing else is raised."""
    whole = CONTEXT_NAME + CONTEXT
    with pytest.raises(PduError):
        recognised(pdu(0x01, whole[:cut]))


def test_the_name_is_dicoms_and_given_once() -> None:
    """No other application context exists (PS3.7 A.2.1)."""
    for items in (CONTEXT, CONTEXT_NAME * 2 + CONTEXT, CONTEXT_NAME[:-1] + b"2" + CONTEXT):
        with pytest.raises(OtherContextName):
            recognised(pdu(0x01, items))


@pytest.mark.parametrize(
    ("version", "speaks"), [("0001", True), ("0003", True), ("ffff", True), ("0002", False)]
)
def test_of_the_version_bit_0_alone_counts(version: str, speaks: bool) -> None:
    """A caller that speaks later versions too is spoken to in the first (PS3.8 table 9-11)."""
    assert head_of(pdu(0x01, b"", version=version)).speaks_version_1 is speaks


def test_a_title_loses_its_padding_and_nothing_else() -> None:
    """Spaces and NULs behind it; what stands within stays, so it is no configured title."""
    assert head_of(pdu(0x01, b"", calling=b" A B \0 ")).calling == "A B"
    assert head_of(pdu(0x01, b"", calling=b"A\0B")).calling == "A\0B"


def test_a_title_for_the_log_is_plain_ascii_and_short() -> None:
    """No control character, no byte above ASCII, no end of line."""
    assert printable("A\n\\é") == r"A\x0a\x5c\xe9"
    assert len(printable("\0" * 1_000)) == 64


def proposed(*syntaxes: bytes) -> bytes:
    """Presentation context 1 for verification, with these transfer syntaxes."""
    body = bytes.fromhex("01000000 30 00 0011 312e322e3834302e31303030382e312e31")
    for syntax in syntaxes:
        body += b"\x40\0" + len(syntax).to_bytes(2, "big") + syntax
    return b"\x20\0" + len(body).to_bytes(2, "big") + body


@pytest.mark.parametrize(
    ("offered", "left"),
    [
        ((b"1.9", b"1.2.840.10008.1.2", b"1.8"), (b"1.2.840.10008.1.2",)),
        ((b"1.2.840.10008.1.2\0", b"1.9"), (b"1.2.840.10008.1.2\0",)),
        ((b"1.2.840.10008.1.2",) * 9, (b"1.2.840.10008.1.2",)),
        ((b"1.9", b"1.8"), (b"1.9",)),
    ],
    ids=["unknown", "padded", "repeated", "none-known"],
)
def test_of_the_transfer_syntaxes_those_are_left_that_can_be_chosen(
    offered: tuple[bytes, ...], left: tuple[bytes, ...]
) -> None:
    """The answer is the same, and a request of thousands costs no more than one of some."""
    came = pdu(0x01, CONTEXT_NAME + proposed(*offered))
    assert recognised(came)[74 + len(CONTEXT_NAME) :] == proposed(*left)


def test_what_is_said_twice_of_the_caller_is_read_once() -> None:
    """The first counts; thousands of tiny sub-items are not decoded."""
    information = user_information(*[MAXIMUM_LENGTH, VERSION_NAME] * 1_000)
    came = pdu(0x01, CONTEXT_NAME + CONTEXT + information)
    assert recognised(came).endswith(user_information(MAXIMUM_LENGTH, VERSION_NAME))


@pytest.mark.slow
@given(st.binary(max_size=300))
def test_bytes_that_are_no_items_are_an_error_or_nothing(tail: bytes) -> None:
    """Whatever follows the head: PduError, or a request that has what it needs."""
    for read in (recognised, recognised_answer):
        with contextlib.suppress(PduError):
            read(pdu(0x01, CONTEXT_NAME + CONTEXT + tail))
