"""The `sweeping` dialect: 1025 bytes a line, no header, and an order of lines of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from echonode.errors import ProtocolError
from echonode.probe.echopen.sweeping import SweepingDecoder, encode_line, geometry_of
from echonode.probe.kinematics import Kinematics
from echonode.probe.messages import GeometryReceived, LineReceived, Message, SampleContent
from echonode.probe.profile import NO_PROFILE, ProbeProfile
from tests.unit.probe.kit_streams import told

PROFILE = ProbeProfile(r0_mm=80, rf_mm=160, sector_deg=57)
FROM_THE_MIDDLE = [*range(33, 65), *range(32, 0, -1)]


def record(number: int) -> bytes:
    """A line whose samples tell which it is."""
    return bytes((number,)) + bytes((3 * number % 256,)) * 1024


def stream(numbers: list[int]) -> bytes:
    return b"".join(record(number) for number in numbers)


def decode(data: bytes, size: int = 1 << 20) -> list[Message]:
    decoder = SweepingDecoder(PROFILE)
    messages = []
    for start in range(0, len(data), size):
        messages += decoder.receive(data[start : start + size])
    return messages + decoder.finish()


def numbers_of(messages: list[Message]) -> list[int]:
    return [message.number for message in messages if isinstance(message, LineReceived)]


@pytest.mark.parametrize("size", [1, 3, 1024, 1025, 1026, 1 << 20])
def test_it_does_not_matter_how_the_bytes_are_cut(size: int) -> None:
    """Byte by byte or at once: geometry first, then every line with its own samples."""
    data = stream(FROM_THE_MIDDLE)
    messages = decode(data, size)
    assert told(messages) == told(decode(data))
    assert isinstance(messages[0], GeometryReceived)
    assert (messages[0].content, messages[0].bits) == (SampleContent.ENVELOPE, 8)
    assert numbers_of(messages) == FROM_THE_MIDDLE
    for line in messages[1:]:
        assert isinstance(line, LineReceived)
        assert line.samples.tolist() == [3 * line.number % 256] * 1024


@pytest.mark.parametrize(
    "numbers",
    [
        FROM_THE_MIDDLE * 2,
        [*range(1, 65), *range(64, 0, -1), *range(1, 65)],
        [*range(1, 65)] * 2,
        [*range(50, 65), *range(32, 0, -1), *range(33, 65)],
        [33, 34, 37, 38, 45, 46],
    ],
    ids=["from the middle", "to and fro", "always up", "joined", "lines lost"],
)
def test_no_order_is_taken_for_granted(numbers: list[int]) -> None:
    """Whichever way the probe goes, and where a slow client missed some: each line is given out."""
    assert numbers_of(decode(stream(numbers))) == numbers


def test_a_tail_is_no_line() -> None:
    """Half a line at the end, and a line that nothing bears out, are not given out."""
    data = stream([1, 2, 3])
    assert numbers_of(decode(data + record(4)[:500])) == [1, 2, 3]
    assert numbers_of(decode(data + record(60))) == [1, 2, 3]


@pytest.mark.parametrize("number", [0, 65, 255])
def test_a_number_that_is_none_ends_it(number: int) -> None:
    """What was good before is given out first; then the error, and again."""
    decoder = SweepingDecoder(PROFILE)
    assert numbers_of(decoder.receive(stream([1, 2]) + record(number))) == [1, 2]
    for _ in range(2):
        with pytest.raises(ProtocolError, match=r"1\.\.64"):
            decoder.receive(b"")


def test_a_stream_out_of_place_is_noticed() -> None:
    """Two lines in a row that no neighbour bears out: samples are being read as line numbers."""
    decoder = SweepingDecoder(PROFILE)
    assert numbers_of(decoder.receive(stream([1, 2, 3, 40]))) == [1, 2, 3]
    with pytest.raises(ProtocolError, match="line 40"):
        decoder.receive(stream([20]))


@pytest.mark.parametrize("missing", ["r0_mm", "rf_mm", "sector_deg"])
def test_what_only_the_profile_knows_is_asked_for(missing: str) -> None:
    """Each value that is missing is named."""
    lacking: dict[str, Any] = {missing: None}
    with pytest.raises(ValueError, match=missing):
        SweepingDecoder(replace(PROFILE, **lacking))
    with pytest.raises(ValueError, match="r0_mm, rf_mm, sector_deg"):
        geometry_of(NO_PROFILE)


def test_the_geometry_is_the_profiles() -> None:
    """1024 samples from r0 to rf; a sampling rate that is given overrides that."""
    geometry = geometry_of(PROFILE)
    assert (geometry.lines, geometry.samples) == (64, 1024)
    assert geometry.sample_spacing_mm == pytest.approx(80 / 1024)
    rated = ProbeProfile(r0_mm=80, rf_mm=160, sector_deg=57, sampling_rate_hz=125e6, decimation=8)
    assert geometry_of(rated).sample_spacing_mm == pytest.approx(1480e3 * 8 / 250e6)
    moved = ProbeProfile(r0_mm=10, rf_mm=90, sector_deg=57, kinematics=Kinematics.PROBE_V1_8MHZ)
    assert geometry_of(moved).rays is not None


def test_a_line_is_written_as_it_is_read() -> None:
    """A byte of number, then bytes; what does not fit stops at 255, as in the probe."""
    samples = np.full(1024, 300, dtype=np.int16)
    samples[0] = -4
    assert encode_line(7, samples) == b"\x07\x00" + b"\xff" * 1023
