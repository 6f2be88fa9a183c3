"""Cutting a byte stream into PDUs and messages into PDUs, without a socket."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echonode.dimse.upper_layer.pdu_stream import (
    READ_AHEAD,
    PduError,
    PduReader,
    TLSInstead,
    fragment_bytes,
    message_pdus,
    pdvs,
)

RELEASE_RQ = bytes.fromhex("0500 00000004 00000000")
LIMIT = 262_144


@pytest.mark.parametrize("record", ["160301 0200 0100", "150303 0002 020a"])
def test_a_tls_record_is_known_for_one(record: str) -> None:
    """A ClientHello or an alert where a PDU should be: no riddle, but a wrong port or setting."""
    reader = PduReader(LIMIT)
    with pytest.raises(TLSInstead):
        feed(reader, bytes.fromhex(record), step=7)
    with pytest.raises(PduError, match="does not exist"):
        feed(PduReader(LIMIT), bytes.fromhex("160401 0200 0100"), step=7)


def data_pdu(content: bytes, *, context_id: int = 1, control: int = 2) -> bytes:
    """A P-DATA-TF of one PDV."""
    size = len(content)
    return struct.pack(">BxLLBB", 4, size + 6, size + 2, context_id, control) + content


def feed(reader: PduReader, data: bytes, *, step: int) -> list[bytes]:
    """The PDUs that come out when `data` arrives `step` bytes at a time."""
    found, position = [], 0
    while position < len(data):
        space = reader.space()
        assert len(space) > 0
        count = min(step, len(space), len(data) - position)
        space[:count] = data[position : position + count]
        reader.received(count)
        position += count
        while (pdu := reader.next_pdu()) is not None:
            found.append(bytes(pdu))
    return found


PDUS = [RELEASE_RQ, data_pdu(b"x" * 5), data_pdu(b"y" * 70_000), data_pdu(b""), RELEASE_RQ]


@pytest.mark.parametrize("step", [1, 7, 4_096, 10**9])
def test_pdus_come_out_whole_however_they_arrive(step: int) -> None:
    """Byte by byte, in pieces or at once: the same PDUs in the same order, nothing left over."""
    reader = PduReader(LIMIT)
    assert feed(reader, b"".join(PDUS), step=step) == PDUS
    assert not reader.mid_pdu


def test_a_tail_is_kept_for_the_next_pdu() -> None:
    """The bytes after a PDU are the beginning of the next one."""
    reader = PduReader(LIMIT)
    assert feed(reader, RELEASE_RQ + RELEASE_RQ[:3], step=10**9) == [RELEASE_RQ]
    assert reader.mid_pdu
    assert feed(reader, RELEASE_RQ[3:], step=10**9) == [RELEASE_RQ]


@pytest.mark.slow
@given(st.lists(st.integers(0, 3_000), max_size=30), st.integers(1, 5_000))
def test_any_sizes_in_any_steps(sizes: list[int], step: int) -> None:
    """Whatever the sizes of PDUs and reads, what comes out is what went in."""
    sent = [data_pdu(bytes([n % 256]) * size) for n, size in enumerate(sizes)]
    assert feed(PduReader(8_192), b"".join(sent), step=step) == sent


def test_the_longest_allowed_pdu_is_taken_and_one_more_byte_is_not() -> None:
    """The limit is the announced maximum length, exactly."""
    longest = data_pdu(b"z" * (LIMIT - 6))
    assert feed(PduReader(LIMIT), longest, step=10**9) == [longest]
    with pytest.raises(PduError, match="longer than"):
        feed(PduReader(LIMIT), data_pdu(b"z" * (LIMIT - 5)), step=10**9)


def test_a_length_of_4_gib_takes_no_memory() -> None:
    """The length is refused from the header alone, before room is made for it."""
    reader = PduReader(LIMIT)
    reader.space()[:6] = b"\x04\x00\xff\xff\xff\xff"
    reader.received(6)
    with pytest.raises(PduError):
        reader.next_pdu()
    assert len(reader.space()) <= READ_AHEAD + 6


@pytest.mark.parametrize("kind", [0x00, 0x08, 0x47, 0xFF])
def test_an_unknown_type_is_refused_from_its_first_bytes(kind: int) -> None:
    """The first header distinguishes HTTP, TLS and noise from DICOM."""
    with pytest.raises(PduError, match="does not exist"):
        feed(PduReader(LIMIT), bytes([kind, 0, 0, 0, 0, 4]), step=6)


@pytest.mark.parametrize("kind", [0x03, 0x05, 0x06, 0x07])
def test_pdus_of_fixed_length_have_it(kind: int) -> None:
    """Reject, release and abort are four bytes long; any other length is refused."""
    with pytest.raises(PduError, match="bytes long"):
        feed(PduReader(LIMIT), bytes([kind, 0, 0, 0, 0, 5]), step=6)


def test_a_pdu_may_hold_several_pdvs() -> None:
    """Each value item comes out with its context and control header."""
    two = b"\0\0\0\x03\x01\x01a" + b"\0\0\0\x04\x05\x02bc"
    pdu = struct.pack(">BxL", 4, len(two)) + two
    assert [(c, h, bytes(f)) for c, h, f in pdvs(memoryview(pdu))] == [(1, 1, b"a"), (5, 2, b"bc")]


@pytest.mark.parametrize("items", [b"\0\0\0", b"\0\0\0\x09\x01\x03", b"\0\0\0\x01\x01\x03"])
def test_pdvs_that_do_not_add_up_are_refused(items: bytes) -> None:
    """A cut-off, overlong or impossible value item is an error, not a guess."""
    pdu = struct.pack(">BxL", 4, len(items)) + items
    with pytest.raises(PduError):
        list(pdvs(memoryview(pdu)))


@pytest.mark.parametrize(
    ("announced", "fragment"), [(16_384, 16_378), (0, 262_138), (10**9, 262_138), (16_383, 16_376)]
)
def test_a_fragment_fits_the_peers_maximum_and_ours_and_is_even(
    announced: int, fragment: int
) -> None:
    """0 means no limit; then, and above it, our own limit applies."""
    assert fragment_bytes(announced, LIMIT) == fragment


@pytest.mark.slow
@given(st.binary(max_size=300), st.binary(max_size=300), st.sampled_from([2, 16, 100]))
def test_a_message_is_cut_and_put_together_again(
    command: bytes, dataset: bytes, fragment: int
) -> None:
    """The fragments, in order, are the command set and the dataset, each with one last fragment."""
    stream = message_pdus(3, command, dataset, fragment)
    got: dict[int, bytes] = {1: b"", 0: b""}
    last = []
    for pdu in feed(PduReader(LIMIT), stream, step=10**9):
        for context_id, control, content in pdvs(memoryview(pdu)):
            assert context_id == 3
            assert len(content) <= fragment
            got[control & 1] += bytes(content)
            last += [control & 1] * (control >> 1)
    assert got == {1: command, 0: dataset}
    assert last == [1] * bool(command) + [0] * bool(dataset)
