"""The `epf` wire: golden commands, replies and datagrams, and what is refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from echonode.errors import ProtocolError
from echonode.probe.echopen.epf import (
    Command,
    LineDatagram,
    Reply,
    ReplyReader,
    encode_line,
    encode_reply,
    encode_request,
    parse_line,
)
from echonode.probe.messages import DeviceStatus

# size 8 | STATUS | no error | 12 us | 36.500 degrees | 87 % | scanning | no last error
STATUS = bytes.fromhex("00000008 00000002 00000000 0000000c 00008e94 00000057 00000005 00000000")
SCANNING = bytes.fromhex("00000004 00000001 00000000 00000003")
# time | calculation | sending, big-endian; 3 samples LITTLE-endian; line 200, channel 1, frame 255;
# then three big-endian samples.
LINE = bytes.fromhex("fffffffe 00000002 00000003 030000 c8 01 ff 0000 07ff fffb")


def test_the_test_pattern_command_is_the_apps() -> None:
    """Size 8, command 7, then pattern, frame interval, lines, line interval, samples, bits."""
    request = encode_request(Command.TEST_PATTERN, 1, 5_000_000, 100, 30_000, 800, 16)
    assert request == bytes.fromhex(
        "00000008 00000007 00000001 004c4b40 00000064 00007530 00000320 00000010"
    )
    assert encode_request(Command.STATUS) == bytes.fromhex("00000002 00000002")


@pytest.mark.parametrize("size", [1, 3, 4, 16, 1000])
def test_replies_are_read_however_they_are_cut(size: int) -> None:
    """Whole, byte by byte, and with a tail that is not whole yet."""
    reader, data = ReplyReader(), STATUS + SCANNING + STATUS[:17]
    replies = []
    for start in range(0, len(data), size):
        replies += reader.receive(data[start : start + size])
    assert replies == [
        Reply(command=2, error=0, duration_us=12, rest=(36_500, 87, 5, 0)),
        Reply(command=1, error=0, duration_us=3),
    ]
    assert encode_reply(replies[0]) + encode_reply(replies[1]) == STATUS + SCANNING


def test_a_status_is_put_in_words() -> None:
    """Degrees, percent, the state's name; what cannot be is not shown."""
    (reply,) = ReplyReader().receive(STATUS)
    assert reply.status == DeviceStatus(
        state="scanning", battery_percent=87, temperature_c=36.5, last_error=0
    )
    odd = Reply(command=2, error=0, duration_us=0, rest=(-5_000, 250, 99, -13))
    assert odd.status == DeviceStatus(
        state="state 99", battery_percent=None, temperature_c=-5.0, last_error=-13
    )
    assert Reply(command=2, error=-3, duration_us=0, rest=(1, 2, 3, 4)).status is None
    assert Reply(command=2, error=0, duration_us=0).status is None


@pytest.mark.parametrize("size", [3, 0, -1, 257, 2**31 - 1, -(2**31)])
def test_a_length_that_cannot_be_is_refused_at_once(size: int) -> None:
    """4 GiB are not waited for; after it the reader is spent."""
    reader = ReplyReader()
    assert len(reader.receive(SCANNING + struct.pack(">i", size))) == 1
    for _ in range(2):
        with pytest.raises(ProtocolError, match="words"):
            reader.receive(SCANNING)


def test_a_datagram_is_read_and_written() -> None:
    """Line, channel and frame are unsigned; the count alone is little-endian."""
    line = parse_line(LINE)
    assert (line.previous_us, line.number, line.channel, line.frame) == (0xFFFFFFFE, 200, 1, 255)
    assert line.samples.tolist() == [0, 2047, -5]
    assert encode_line(line, calculation_us=2, sending_us=3) == LINE


def test_a_line_of_800_samples_is_1618_bytes() -> None:
    """As it was seen on the air."""
    line = LineDatagram(
        previous_us=0, frame=0, number=1, channel=0, samples=np.zeros(800, dtype=np.int16)
    )
    assert len(encode_line(line)) == 1618


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        LINE[:17],
        LINE[:18],
        LINE[:-1],
        LINE + b"\0",
        LINE[:12] + b"\xff\xff\xff" + LINE[15:],
        LINE[:15] + b"\0" + LINE[16:],
        LINE[:12] + b"\x01\0\0" + LINE[15:20],
    ],
    ids=[
        "empty",
        "half a header",
        "no samples",
        "cut",
        "tail",
        "16M samples",
        "line 0",
        "1 sample",
    ],
)
def test_a_datagram_that_is_no_line_is_refused(datagram: bytes) -> None:
    """Every bound is checked before a sample is read."""
    with pytest.raises(ProtocolError):
        parse_line(datagram)
