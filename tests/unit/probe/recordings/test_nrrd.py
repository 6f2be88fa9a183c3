"""NRRD sequences of PLUS and 3D Slicer are read; other NRRD files are refused with the reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from echonode.errors import ProtocolError
from echonode.probe.recordings.image_sequence import ImageSequence
from echonode.probe.recordings.nrrd import read_nrrd
from tests.unit.probe.sequences import files, frame_fields, nrrd, ramps


def local(header: bytes, pixels: bytes) -> ImageSequence:
    return read_nrrd("a.nrrd", files(main=header + pixels))


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "f4"])
@pytest.mark.parametrize("components", [1, 3])
def test_pixels_are_read_as_written(kind: str, components: int, encoding: str) -> None:
    """Scalars and colour, raw and gzip."""
    frames = ramps(kind=kind, components=components)
    sequence = local(*nrrd(frames, encoding=encoding))
    assert np.array_equal([frame.pixels for frame in sequence.frames()], frames)
    assert sequence.info.spacing_mm == pytest.approx((0.2, 0.1))


def test_the_fields_of_plus_are_kept() -> None:
    """Orientation, times and transforms, as in a MetaImage."""
    fields = frame_fields(3) | {"ultrasound image orientation": "UN"}
    sequence = local(*nrrd(ramps(), fields=fields))
    assert sequence.info.orientation == "UN"
    times = [frame.timestamp_s for frame in sequence.frames()]
    assert times == [10.0, 10.1, 10.2]
    assert "ProbeToTracker" in next(sequence.frames()).transforms


def test_slicers_index_values_are_times() -> None:
    """A .seq.nrrd has the times of its frames as the index of its list axis."""
    header, pixels = nrrd(ramps(), fields={"axis 2 index values": "0.5 0.75 1.5"})
    assert [frame.timestamp_s for frame in local(header, pixels).frames()] == [0.5, 0.75, 1.5]


def test_a_slice_axis_of_one_is_no_volume() -> None:
    """PLUS writes 640 480 1 567."""
    frames = ramps()
    header, pixels = nrrd(frames, sizes="6 4 1 3", kinds="domain domain domain list")
    assert np.array_equal([f.pixels for f in local(header, pixels).frames()], frames)


def test_a_detached_header_leads_to_its_file() -> None:
    """.nhdr with its data next to it."""
    frames = ramps()
    header, pixels = nrrd(frames, data_file="a.raw.gz")
    sequence = read_nrrd("a.nhdr", files(main=header, a_dot_raw_dot_gz=pixels))
    assert np.array_equal([frame.pixels for frame in sequence.frames()], frames)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"encoding": "hex"}, "hex"),
        ({"type": "block"}, "block"),
        ({"sizes": "6 4"}, "alike"),
        ({"sizes": "a b c"}, "invalid literal"),
        ({"kinds": "list domain domain"}, "last axis"),
        ({"kinds": "domain domain domain"}, "volume"),
        ({"byte_skip": "16"}, "skips"),
        ({"data_file": "../../secret"}, "plain name"),
        ({"data_file": "LIST"}, "several files"),
        ({"space_directions": "(a,b) (1,0) none"}, "could not convert"),
    ],
)
def test_what_is_not_read_is_named(keys: dict[str, Any], words: str) -> None:
    """The error names the file and what is wrong with it."""
    data_file = keys.pop("data_file", "")
    encoding = keys.pop("encoding", "gzip")
    header, pixels = nrrd(ramps(), data_file=data_file, **keys)
    header = header.replace(b"encoding: gzip", f"encoding: {encoding}".encode())
    with pytest.raises(ProtocolError, match=words) as refused:
        local(header, pixels)
    assert "a.nrrd" in str(refused.value)


def test_a_file_of_another_kind_is_told_at_its_first_line() -> None:
    """Not every file that is called .nrrd is one."""
    with pytest.raises(ProtocolError, match=r"a\.nrrd, line 1: not an NRRD file"):
        local(b"PNG\r\n", b"")
