"""What the `kit` dialect of echOpen promises of any bytes at all."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echonode.errors import ProtocolError
from echonode.probe.echopen.kit import KitDecoder, KitHeader, KitMode, geometry_of, parse_header
from echonode.probe.messages import GeometryReceived, Resynchronised, SampleContent
from echonode.probe.profile import NO_PROFILE, ProbeProfile
from tests.support.examples import examples
from tests.unit.probe.kit_streams import (
    HEADER,
    LINE_BYTES,
    LINES,
    SAMPLES,
    decode,
    decode_until_refused,
    line_records,
    lines_of,
    sweeps,
    told,
)

KIT = KitHeader(r0_mm=80, rf_mm=160, decimation=8, lines=64, sector_deg=57, mode=KitMode.RF_INT16)
STREAM = HEADER + b"".join(line_records(sweeps(3)))


def test_a_sweep_and_its_way_back_are_read_line_by_line() -> None:
    """Each line comes out with its number, its direction and exactly its samples."""
    frames = sweeps(3)
    lines = lines_of(decode(STREAM))
    up, down = list(range(1, LINES + 1)), list(range(LINES, 0, -1))
    assert [line.number for line in lines] == up + down + up
    assert [line.ascending for line in lines] == [True] * 10 + [False] * 10 + [True] * 10
    for index, line in enumerate(lines):
        assert np.array_equal(line.samples, frames[index // LINES][line.number - 1])


@pytest.mark.slow
def test_bytes_may_be_cut_anywhere_on_their_way() -> None:
    """Whole, byte by byte, or at 200 random places: the same messages."""
    whole = told(decode(STREAM))
    assert told(decode(*(bytes([byte]) for byte in STREAM))) == whole
    cut = random.Random(1)
    for _ in range(200):
        places = sorted(cut.sample(range(len(STREAM)), 5))
        parts = [STREAM[a:b] for a, b in zip([0, *places], [*places, len(STREAM)], strict=True)]
        assert told(decode(*parts)) == whole


@pytest.mark.slow
def test_a_stream_that_breaks_off_gives_the_whole_lines_before() -> None:
    """Cut at every byte of the header and of three sweeps: only whole lines, and no fault."""
    lines = told(lines_of(decode(STREAM)))
    for end in range(len(STREAM)):
        read = told(lines_of(decode(STREAM[:end])))
        whole = max(0, end - len(HEADER)) // LINE_BYTES
        # Fewer lines than it takes to be sure, and not two to bear each other out: none.
        assert read == lines[:whole] or whole < 2


def test_the_header_says_where_the_samples_lie() -> None:
    """r0 80, rf 160 mm, decimation 8: 1689 samples a line, 0.0474 mm apart (wire-formats page)."""
    geometry = geometry_of(KIT, NO_PROFILE)
    assert (geometry.lines, geometry.samples) == (64, 1689)
    assert (geometry.r0_mm, geometry.rf_mm, geometry.sector_deg) == (80.0, 160.0, 57.0)
    assert geometry.sampling_rate_hz == 15.625e6
    assert geometry.samples * geometry.sample_spacing_mm == pytest.approx(80.0, abs=0.05)


def test_no_line_is_longer_than_the_converters_buffer() -> None:
    """255 mm at decimation 1 would be 43,074 samples; the probe stops at 16,384."""
    header = parse_header(bytes((0, 255, 1, 64, 57, 0)))
    assert header.samples == 16384
    geometry = geometry_of(header, NO_PROFILE)
    assert geometry.rf_mm == pytest.approx(16384 * 1480 / 2 / 125e6 * 1e3)


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ((80, 80, 8, 64, 57, 0), "rf"),
        ((90, 80, 8, 64, 57, 0), "rf"),
        ((80, 160, 0, 64, 57, 0), "decimation"),
        ((80, 160, 8, 0, 57, 0), "line count"),
        ((80, 160, 8, 1, 57, 0), "line count"),
        ((80, 160, 8, 64, 0, 0), "sector"),
        ((80, 160, 8, 64, 181, 0), "sector"),
        ((80, 160, 8, 64, 57, 2), "mode"),
        ((80, 81, 255, 64, 57, 0), "decimation"),
    ],
)
def test_a_header_that_cannot_be_is_refused_by_name(header: tuple[int, ...], named: str) -> None:
    """The fault names the field, and every later byte is refused with it."""
    decoder = KitDecoder()
    with pytest.raises(ProtocolError, match=named):
        decoder.receive(bytes(header))
    with pytest.raises(ProtocolError, match=named):
        decoder.receive(b"more")


def test_a_profile_moves_the_image_but_not_the_cutting() -> None:
    """Tissue instead of water, another sector: other depths, the same lines off the wire."""
    profile = ProbeProfile(sound_speed_m_s=1540, sector_deg=45, r0_mm=12)
    geometry = geometry_of(KIT, profile)
    assert geometry.samples == 1689
    assert (geometry.r0_mm, geometry.sector_deg) == (12.0, 45.0)
    assert geometry.sample_spacing_mm == pytest.approx(1540e3 / 2 / 15.625e6)
    assert geometry.rf_mm == pytest.approx(12 + 1689 * geometry.sample_spacing_mm)
    spread = geometry_of(KIT, ProbeProfile(rf_mm=180))
    assert spread.sample_spacing_mm == pytest.approx(100 / 1689)


def test_a_profile_that_does_not_fit_the_header_is_a_protocol_error() -> None:
    """An r0 beyond the probe's last sample cannot be an image; it does not crash."""
    with pytest.raises(ProtocolError, match="profile"):
        KitDecoder(ProbeProfile(rf_mm=5)).receive(HEADER)


def test_mode_1_is_bytes() -> None:
    """In mode 1 line number and samples are a byte each, up to 255."""
    frame = np.random.default_rng(1).integers(0, 256, (LINES, SAMPLES)).astype(np.uint8)
    records = [bytes([k + 1]) + frame[k].tobytes() for k in range(LINES)]
    first, *rest = decode(bytes((10, 20, 64, LINES, 60, 1)) + b"".join(records))
    assert isinstance(first, GeometryReceived)
    assert (first.bits, first.content) == (8, SampleContent.ENVELOPE)
    assert np.array_equal([line.samples for line in lines_of(rest)], frame)


def test_joining_a_running_probe_takes_its_lines_from_the_first() -> None:
    """A client that comes in the middle of the way back knows the direction at once."""
    records = line_records(sweeps(4))[13:]
    lines = lines_of(decode(HEADER, *records))
    assert len(lines) == len(records)
    assert [(line.number, line.ascending) for line in lines[:3]] == [
        (7, False),
        (6, False),
        (5, False),
    ]


def test_lost_bytes_cost_a_line_or_two_and_are_counted() -> None:
    """Bytes missing inside a line: the stream is found again, the cut line is put in doubt."""
    records = line_records(sweeps(6))
    broken = [*records[:14], records[14][:-7], *records[15:]]
    messages = decode(HEADER + b"".join(broken))
    (event,) = [message for message in messages if isinstance(message, Resynchronised)]
    assert event == Resynchronised(
        bytes_skipped=LINE_BYTES - 7, lines_missing=1, last_line_suspect=True
    )
    numbers = [line.number for line in lines_of(messages)]
    assert len(numbers) == 59  # 14 whole, the cut one, then all but the one that was torn by it
    assert numbers[15:] == [line.number for line in lines_of(decode(HEADER, *records))][16:]


def test_garbage_between_lines_is_stepped_over() -> None:
    """1,000 foreign bytes in the middle: skipped to the byte, no line lost."""
    records = line_records(sweeps(6))
    garbage = random.Random(2).randbytes(1000)
    messages = decode(HEADER + b"".join(records[:23]) + garbage + b"".join(records[23:]))
    (event,) = [message for message in messages if isinstance(message, Resynchronised)]
    assert (event.bytes_skipped, event.lines_missing) == (1000, 0)
    assert told(lines_of(messages)) == told(lines_of(decode(HEADER, *records)))


@pytest.mark.parametrize("offset", [2, 3, 20, LINE_BYTES - 1])
@pytest.mark.parametrize("lines", [1, 2, 5])
def test_as_many_foreign_bytes_as_whole_lines_put_their_line_in_doubt(
    offset: int, lines: int
) -> None:
    """Inserted inside a line, which ends with them: trusted no more than for any other count."""
    records = line_records(sweeps(6))
    place = 14 * LINE_BYTES + offset
    stream = b"".join(records)
    messages = decode(HEADER + stream[:place] + b"\xee" * lines * LINE_BYTES + stream[place:])
    (event,) = [message for message in messages if isinstance(message, Resynchronised)]
    assert event == Resynchronised(
        bytes_skipped=lines * LINE_BYTES, lines_missing=0, last_line_suspect=True
    )


def test_a_line_before_damaged_numbers_is_not_in_doubt() -> None:
    """Three lines whose numbers are unreadable, in their place: they are missing, no other is."""
    records = line_records(sweeps(6))
    damaged = [b"\xee\xee" + record[2:] for record in records[14:17]]
    messages = decode(HEADER + b"".join([*records[:14], *damaged, *records[17:]]))
    (event,) = [message for message in messages if isinstance(message, Resynchronised)]
    assert event == Resynchronised(
        bytes_skipped=3 * LINE_BYTES, lines_missing=3, last_line_suspect=False
    )


def test_whole_lines_that_never_came_are_counted() -> None:
    """Seven lines passed over: the next ones are read from their first byte on."""
    records = line_records(sweeps(4))
    messages = decode(HEADER, *records[:12], *records[19:])
    (event,) = [message for message in messages if isinstance(message, Resynchronised)]
    assert event == Resynchronised(bytes_skipped=0, lines_missing=7, last_line_suspect=False)
    assert len(lines_of(messages)) == 33


def test_a_stream_that_is_no_probe_ends_in_an_error() -> None:
    """Without any sequence of lines in four sweeps the connection is given up, in any cutting."""
    noise = random.Random(3).randbytes(6 * LINES * LINE_BYTES)
    with pytest.raises(ProtocolError, match="no sequence"):
        decode(HEADER, noise)
    with pytest.raises(ProtocolError, match="no sequence"):
        decode(HEADER, *(noise[k : k + 100] for k in range(0, len(noise), 100)))


def test_what_was_good_is_delivered_before_the_error() -> None:
    """Lines and noise in one chunk: the lines first, the error with the next call."""
    decoder = KitDecoder()
    noise = random.Random(4).randbytes(6 * LINES * LINE_BYTES)
    assert len(lines_of(decoder.receive(STREAM + noise))) == 30
    with pytest.raises(ProtocolError):
        decoder.finish()


@settings(max_examples=examples(300))
@given(st.binary(max_size=3000), st.integers(1, 400))
def test_any_bytes_parse_or_raise_the_protocol_error(data: bytes, size: int) -> None:
    """Fuzz: whatever the bytes, messages or ProtocolError, and the cutting changes nothing."""
    chunks = [data[k : k + size] for k in range(0, len(data), size)]
    assert told(decode_until_refused([data])) == told(decode_until_refused(chunks))


@pytest.mark.slow
@settings(max_examples=examples(200))
@given(
    st.lists(
        st.tuples(st.integers(0, len(STREAM) - 1), st.integers(0, 60), st.binary(max_size=60)),
        max_size=4,
    ),
    st.integers(1, 600),
)
def test_a_damaged_stream_parses_or_raises(wounds: list[tuple[int, int, bytes]], size: int) -> None:
    """Fuzz: bytes taken out, put in and changed; every line that comes out has a legal number."""
    data = bytearray(STREAM)
    for place, removed, inserted in wounds:
        data[place : place + removed] = inserted
    chunks = [bytes(data[k : k + size]) for k in range(0, len(data), size)]
    messages = decode_until_refused(chunks)
    assert told(messages) == told(decode_until_refused([bytes(data)]))
    header = next((m for m in messages if isinstance(m, GeometryReceived)), None)
    for line in lines_of(messages):
        assert header is not None
        assert 1 <= line.number <= header.geometry.lines
        assert line.samples.shape == (header.geometry.samples,)
