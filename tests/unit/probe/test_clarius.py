"""Clarius research files are read with what their .yml says."""

from __future__ import annotations

import numpy as np
import pytest

from echonode.errors import ProtocolError
from echonode.probe.clarius import read_clarius
from echonode.probe.image_sequence import Content
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
  - {{rx element: 0, tx element: 0.7, angle: {0} °}}
  - {{rx element: 1, tx element: 0.7, angle: 0 °}}
  - {{rx element: 2, tx element: 0.7, angle: {1} °}}
"""
TIMES = [235855423246, 235945423246, 236035423246]


def test_lines_and_times_are_read() -> None:
    """Each frame is (lines, samples), with its nanoseconds as seconds."""
    frames = ramps()
    opener = files(main=encode_clarius(frames, TIMES), a_dot_yml=YML.format(0, 0).encode())
    sequence = read_clarius("a.raw", opener)
    got = list(sequence.frames())
    assert np.array_equal([frame.pixels for frame in got], frames)
    assert [frame.timestamp_s for frame in got] == [time / 1e9 for time in TIMES]
    info = sequence.info
    assert (info.orientation, info.content) == ("FM", Content.PICTURE)
    assert (info.sampling_rate_hz, info.frame_rate_hz, info.sector_deg) == (15e6, 11.0, 0.0)


def test_the_angles_of_a_curved_array_are_its_sector() -> None:
    """From the first line's angle to the last's."""
    yml = YML.format(-28.5, 28.5).encode()
    opener = files(main=encode_clarius(ramps(), TIMES), a_dot_yml=yml)
    assert read_clarius("a.raw", opener).info.sector_deg == 57.0


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
