"""The `lounger` dialect: golden bytes, every way to cut them, and headers that cannot be."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echonode.errors import ProtocolError
from echonode.probe.echopen.lounger import (
    LoungerDecoder,
    LoungerHeader,
    encode_header,
    encode_line,
    geometry_of,
    parse_header,
)
from echonode.probe.kinematics import Kinematics
from echonode.probe.messages import GeometryReceived, LineReceived, Message, SampleContent
from echonode.probe.profile import NO_PROFILE, ProbeProfile
from echonode.probe.recordings.echopen_text import LoungerRecording, read_lines, read_recording
from tests.unit.probe.kit_streams import told

# f32 10, f32 180, f32 100, i16 100, f32 57, i8 0, i32 16, name, f32 0: all big-endian.
GOLDEN = bytes.fromhex(
    "41200000"  # r0 10 mm
    "43340000"  # rf 180 mm
    "42c80000"  # decimation 100
    "0064"  # 100 lines
    "42640000"  # 57 degrees
    "00"  # mode 0
    "00000010"  # 16 bytes of name
    "50524f42455f56315f5f335f354d485a"  # PROBE_V1__3_5MHZ
    "00000000"  # no delay
)
HEADER = LoungerHeader(
    r0_mm=10, rf_mm=180, decimation=100, lines=100, sector_deg=57, name="PROBE_V1__3_5MHZ"
)
SMALL = LoungerHeader(
    r0_mm=10, rf_mm=20, decimation=50, lines=10, sector_deg=57, name="PROBE_V1__5MHZ"
)


def small_stream(sweeps: int = 3) -> bytes:
    """A connection of SMALL: int16 little-endian lines in zig-zag, made without the encoder."""
    random = np.random.default_rng(5)
    parts = [encode_header(SMALL)]
    for turn in range(sweeps):
        numbers = range(1, 11) if turn % 2 == 0 else range(10, 0, -1)
        for number in numbers:
            samples = random.integers(-2000, 2000, SMALL.samples).astype("<i2")
            parts.append(struct.pack("<h", number) + samples.tobytes())
    return b"".join(parts)


def decode(data: bytes, size: int) -> list[Message]:
    decoder = LoungerDecoder()
    messages = []
    for start in range(0, len(data), size):
        messages += decoder.receive(data[start : start + size])
    return messages + decoder.finish()


def test_the_golden_header_is_read_and_written() -> None:
    """43 bytes as a Java DataOutputStream puts them; 217 samples a line follow from them."""
    assert parse_header(GOLDEN) == (HEADER, 43)
    assert encode_header(HEADER) == GOLDEN
    assert HEADER.samples == 217


def test_the_first_message_is_the_geometry() -> None:
    """The image is placed with 80 MHz: 0.925 mm a sample at decimation 100."""
    (message,) = LoungerDecoder().receive(GOLDEN)
    assert isinstance(message, GeometryReceived)
    assert (message.content, message.bits) == (SampleContent.ENVELOPE, 16)
    geometry = message.geometry
    assert (geometry.lines, geometry.samples) == (100, 217)
    assert geometry.sample_spacing_mm == pytest.approx(0.925)
    assert geometry.rays is not None


@pytest.mark.parametrize("size", [1, 2, 7, 41, 1_000_000])
def test_it_does_not_matter_how_the_bytes_are_cut(size: int) -> None:
    """Byte by byte or at once: the same messages, every line in its place."""
    whole = decode(small_stream(), 1_000_000)
    assert told(decode(small_stream(), size)) == told(whole)
    lines = [message for message in whole if isinstance(message, LineReceived)]
    numbers = [*range(1, 11), *range(10, 0, -1), *range(1, 11)]
    assert [line.number for line in lines] == numbers


def test_a_tail_is_no_line() -> None:
    """Half a line at the end is not given out."""
    data = small_stream(1)
    assert told(decode(data + small_stream()[27:60], 64)) == told(decode(data, 64))


def test_a_line_is_written_as_it_is_read() -> None:
    """Little-endian number and samples, clipped to 16 bits."""
    samples = np.array([0, -1, 40_000], dtype=np.int32)
    assert encode_line(2, samples) == bytes.fromhex("0200 0000 ffff ff7f")


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("r0_mm", math.nan, "no number"),
        ("rf_mm", math.inf, "no number"),
        ("rf_mm", 10.0, "no depths"),
        ("r0_mm", -1.0, "no depths"),
        ("decimation", 0.0, "decimation"),
        ("decimation", 60_000.0, "decimation"),
        ("lines", 1, "line count"),
        ("lines", 30_000, "line count"),
        ("sector_deg", 0.0, "sector"),
        ("sector_deg", 200.0, "sector"),
        ("mode", 1, "mode 1"),
        ("delay_us", 1e9, "delay"),
    ],
)
def test_a_header_that_cannot_be_is_named(field: str, value: Any, named: str) -> None:
    """ProtocolError, with the field."""
    with pytest.raises(ProtocolError, match=named):
        replace(HEADER, **{field: value})


@pytest.mark.parametrize("length", [-1, 256, 2**31 - 1])
def test_a_name_of_any_length_does_not_fill_the_memory(length: int) -> None:
    """A name of 2 GiB is refused before a byte of it is waited for."""
    with pytest.raises(ProtocolError, match="name"):
        LoungerDecoder().receive(GOLDEN[:19] + struct.pack(">i", length))


def test_a_name_that_is_no_text_is_refused() -> None:
    """Names come into logs: only printable ASCII."""
    with pytest.raises(ProtocolError, match="printable"):
        LoungerDecoder().receive(GOLDEN[:23] + b"\n" + GOLDEN[24:])


def test_an_unknown_probe_is_refused_unless_the_profile_knows_it() -> None:
    """A picture drawn by the wrong movement measures wrong: say which, or see none."""
    stranger = replace(HEADER, name="PROBE_V2__7MHZ")
    with pytest.raises(ProtocolError, match=r"profile\.kinematics"):
        geometry_of(stranger, NO_PROFILE)
    told_so = ProbeProfile(kinematics=Kinematics.ROTATION)
    rays = geometry_of(stranger, told_so).rays
    assert rays is not None
    assert rays.tangent_mm == 0


def test_the_profile_stands_above_the_header() -> None:
    """A measured sampling rate and sound speed move the samples; the count stays the probe's."""
    profile = ProbeProfile(sampling_rate_hz=94.6e6, sound_speed_m_s=1540)
    geometry = geometry_of(HEADER, profile)
    assert geometry.samples == 217
    assert geometry.sample_spacing_mm == pytest.approx(1540e3 * 100 / (2 * 94.6e6))


def test_an_echo_delay_moves_every_sample_away() -> None:
    """2 us at 1480 m/s, there and back: 1.48 mm."""
    moved, plain = (
        geometry_of(replace(HEADER, delay_us=2.0), NO_PROFILE),
        geometry_of(HEADER, NO_PROFILE),
    )
    assert moved.rays is not None
    assert plain.rays is not None
    assert moved.rays.start_mm[0] - plain.rays.start_mm[0] == pytest.approx(1.48)


def test_a_spent_decoder_stays_spent() -> None:
    """After the error each further call raises it again."""
    decoder = LoungerDecoder()
    for _ in range(2):
        with pytest.raises(ProtocolError):
            decoder.receive(b"\xff" * 60)


@pytest.mark.parametrize("name", ["3_5", "5"])
def test_the_recordings_are_read_with_their_names(shared_data: Path, name: str) -> None:
    """settings.txt has eight values: what the header says, the probe's name among it."""
    folder = shared_data / "probe" / "lounger" / f"probe_v1_{name}MHz"
    recording = read_lines(folder)
    assert isinstance(recording, LoungerRecording)
    assert recording.header == replace(HEADER, name=f"PROBE_V1__{name}MHZ")
    assert recording.frames[0].shape == (100, 217)
    with pytest.raises(ProtocolError, match="lounger"):
        read_recording(folder)
