"""Clarius research files are read with what their .yml says."""

from __future__ import annotations

import numpy as np
import pytest

from echonode.errors import ProtocolError
from echonode.probe.recordings.clarius import read_clarius
from echonode.probe.recordings.image_sequence import Content, SequenceInfo
from tests.unit.probe.sequences import encode_clarius, files, ramps

YML = """# raw data parameters

frames: 3
frame rate: 11 Hz
imaging depth: 40 mm
tgc: {{ 0.00mm, 30.00dB }}{{ 40.00mm, 35.00dB }}
size: {{samples per line: 6, number of lines: 4, sample size: 1 bytes}}
type: B pre-scan
sampling rate: 15 MHz
delay samples: 16
lines:
{lines}
"""
PARALLEL = [(0.5 * n, 0.0) for n in range(4)]


def yml(lines: list[tuple[float, float]], *more: str) -> bytes:
    """Lines as (receiving element, degrees), and what else is said."""
    said = "\n".join(
        f"  - {{rx element: {element}, tx element: 0.7, angle: {angle} °}}"
        for element, angle in lines
    )
    return "\n".join([YML.format(lines=said), *more]).encode()


TIMES = [235855423246, 235945423246, 236035423246]


def read(description: bytes) -> SequenceInfo:
    opener = files(main=encode_clarius(ramps(), TIMES), a_dot_yml=description)
    return read_clarius("a.raw", opener).info


def test_lines_and_times_are_read() -> None:
    """Each frame is (lines, samples), with its nanoseconds as seconds."""
    frames = ramps()
    opener = files(main=encode_clarius(frames, TIMES), a_dot_yml=yml(PARALLEL))
    sequence = read_clarius("a.raw", opener)
    got = list(sequence.frames())
    assert np.array_equal([frame.pixels for frame in got], frames)
    assert [frame.timestamp_s for frame in got] == [time / 1e9 for time in TIMES]
    info = sequence.info
    assert (info.orientation, info.content) == ("FM", Content.PICTURE)
    assert (info.sampling_rate_hz, info.frame_rate_hz, info.sector_deg) == (15e6, 11.0, 0.0)


def test_the_angles_of_a_curved_array_are_its_sector() -> None:
    """From the first line's angle to the last's."""
    assert read(yml([(n, -28.5 + 19 * n) for n in range(4)])).sector_deg == 57.0


def test_a_phased_array_fans_out_from_one_element() -> None:
    """All lines are of one element, at angles that go on evenly."""
    assert read(yml([(31.5, -30 + 20 * n) for n in range(4)])).sector_deg == 60.0


@pytest.mark.parametrize(
    ("lines", "more", "words"),
    [
        ([(30, 15)] * 2 + [(31, 15)] * 2, "", "repeated at one element"),
        ([(0, 0), (1, 0), (1, 0), (2, 0)], "", "repeated at one element"),
        ([(n, 15) for n in range(4)], "", "steered by 15 degrees"),
        ([(0, 0), (1, 0), (3, 0), (4, 0)], "", "not equally far apart"),
        ([(0, 0), (2, 0), (1, 0), (3, 0)], "", "not equally far apart"),
        ([(n, angle) for n, angle in enumerate((-9, -8, 5, 9))], "", "do not go on evenly"),
        (PARALLEL[:3], "", "3 lines of 4"),
        (PARALLEL, "compression: lzo", "compressed"),
        (PARALLEL, "roi: {start line: 1, end line: 3, start sample: 0, end sample: 5}", "region"),
        (PARALLEL, "roi: {start line: 0, end line: 3, start sample: 2, end sample: 5}", "region"),
    ],
)
def test_lines_that_are_no_picture_are_refused(
    lines: list[tuple[float, float]], more: str, words: str
) -> None:
    """A Doppler acquisition side by side would be stripes; the error says what it is."""
    with pytest.raises(ProtocolError, match=words) as refused:
        read(yml(lines, more))
    assert "a.yml" in str(refused.value)


def test_a_line_ends_with_its_region_of_interest() -> None:
    """What is behind the end sample is not of the image; the frames behind it are still found."""
    frames = ramps()
    roi = "roi: {start line: 0, end line: 3, start sample: 0, end sample: 3}"
    opener = files(main=encode_clarius(frames, TIMES), a_dot_yml=yml(PARALLEL, roi))
    sequence = read_clarius("a.raw", opener)
    assert sequence.info.columns == 4
    assert np.array_equal([frame.pixels for frame in sequence.frames()], frames[:, :, :4])


def test_the_transmit_frequency_is_the_transducers() -> None:
    """In MHz, as the file has it."""
    assert read(yml(PARALLEL, "transmit frequency: 10 MHz")).device.frequency_mhz == 10.0


def test_two_bytes_a_sample_are_rf_and_no_yml_is_no_geometry() -> None:
    """The lines can be read; nothing is made up about where they lie."""
    frames = ramps(kind="i2")
    sequence = read_clarius("a.raw", files(main=encode_clarius(frames, TIMES)))
    assert sequence.info.content is Content.RF
    assert sequence.info.sampling_rate_hz is None
    assert sequence.info.sector_deg is None
    assert np.array_equal([frame.pixels for frame in sequence.frames()], frames)


@pytest.mark.parametrize("cut", [0, 10, 19, 21, 100])
def test_a_file_that_is_not_whole_is_refused(cut: int) -> None:
    """Sizes in the header and size of the file must agree, so another .raw is not mistaken."""
    whole = encode_clarius(ramps(), TIMES)
    with pytest.raises(ProtocolError, match=r"a\.raw"):
        read_clarius("a.raw", files(main=whole[:cut]))


@pytest.mark.parametrize("place", [4, 8, 12, 16])
def test_sizes_of_4_gib_are_refused_before_anything_is_allocated(place: int) -> None:
    """A header that promises more than the file has is refused by its name."""
    raw = bytearray(encode_clarius(ramps(), TIMES))
    raw[place : place + 4] = b"\xff" * 4
    with pytest.raises(ProtocolError, match=r"a\.raw"):
        read_clarius("a.raw", files(main=bytes(raw)))
