"""MetaImage sequences are read as they were written; others are refused by name and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echonode.errors import ProtocolError
from echonode.probe.recordings.image_file import open_image_sequence
from echonode.probe.recordings.image_sequence import Content, ImageSequence
from echonode.probe.recordings.metaimage import read_metaimage
from echonode.probe.recordings.nrrd import read_nrrd
from tests.unit.probe.sequences import files, frame_fields, metaimage, nrrd, ramps


def local(header: bytes, pixels: bytes) -> ImageSequence:
    return read_metaimage("a.mha", files(main=header + pixels))


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8"])
@pytest.mark.parametrize("components", [1, 3])
def test_every_element_type_is_read_pixel_for_pixel(
    kind: str, components: int, compressed: bool
) -> None:
    """What was recorded is what comes out, compressed or not."""
    frames = ramps(kind=kind, components=components)
    sequence = local(*metaimage(frames, compressed=compressed))
    assert np.array_equal([frame.pixels for frame in sequence.frames()], frames)


def test_big_endian_pixels_are_read() -> None:
    """The header's byte order counts."""
    frames = ramps(kind=">u2")
    header, _ = metaimage(frames, BinaryDataByteOrderMSB="True")
    sequence = local(header, frames.tobytes())
    assert np.array_equal([frame.pixels for frame in sequence.frames()], frames)


def test_times_and_transforms_belong_to_their_frames() -> None:
    """Seq_Frame fields: seconds and 4 x 4 matrices, of good status only."""
    fields = frame_fields(3) | {"Seq_Frame0001_ProbeToTrackerTransformStatus": "INVALID"}
    first, second, third = local(*metaimage(ramps(), fields=fields)).frames()
    assert [f.timestamp_s for f in (first, second, third)] == [10.0, 10.1, 10.2]
    assert (first.transforms["ProbeToTracker"] or ())[3::4] == (10.0, 20.0, 30.0, 1.0)
    assert second.transforms == {"ProbeToTracker": None}


def test_a_frame_that_plus_lost_is_left_out_in_its_place() -> None:
    """A blank that stands for a lost frame is no frame; the next ones keep their index."""
    fields = frame_fields(3) | {"Seq_Frame0001_ImageStatus": "INVALID"}
    sequence = local(*metaimage(ramps(), fields=fields))
    assert [frame.index for frame in sequence.frames()] == [0, 2]


def test_frames_may_be_read_more_than_once() -> None:
    """A recording that loops begins at its beginning."""
    sequence = local(*metaimage(ramps(), compressed=True))
    first, second = ([f.pixels for f in sequence.frames()] for _ in range(2))
    assert np.array_equal(first, second)


def test_pixels_may_be_in_a_file_beside_the_header() -> None:
    """.mhd with .raw or .zraw."""
    frames = ramps()
    header, pixels = metaimage(frames, data_file="a.zraw", compressed=True)
    sequence = read_metaimage("a.mhd", files(main=header, a_dot_zraw=pixels))
    assert np.array_equal([frame.pixels for frame in sequence.frames()], frames)


@pytest.mark.parametrize(
    "name", ["../a.raw", "/etc/passwd", "a/b.raw", "..", "c:\\a.raw", ".hidden", "LIST", "f%d.raw"]
)
def test_a_header_never_leads_to_another_folder(name: str) -> None:
    """The data file is a plain name next to the header, or nothing is opened."""
    header, _ = metaimage(ramps(), data_file=name)
    with pytest.raises(ProtocolError, match=r"a\.mhd"):
        read_metaimage("a.mhd", files(main=header))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"DimSize": "6 4"}, "NDims"),
        ({"DimSize": "0 4 3"}, "no image"),
        ({"DimSize": "six 4 3"}, "invalid literal"),
        ({"DimSize": "65535 65535 2"}, "too large"),
        ({"DimSize": "6 4 99999999"}, "frames"),
        ({"ElementType": "MET_LONG_LONG"}, "MET_LONG_LONG"),
        ({"UltrasoundImageType": "RF_LINES"}, "RF_LINES"),
        ({"UltrasoundImageType": "RF_IQ_LINE", "DimSize": "5 4 3"}, "RF_IQ_LINE in a frame of 5"),
        ({"UltrasoundImageType": "RF_I_LINE_Q_LINE", "DimSize": "6 3 3"}, "RF_I_LINE_Q_LINE"),
        ({"BinaryData": "False"}, "text"),
        ({"HeaderSize": "-1"}, "HeaderSize"),
        ({"ElementSpacing": "nan 1"}, "ElementSpacing"),
        ({"Kinds": "domain domain domain"}, "volume"),
        ({"NDims": "4", "DimSize": "6 4 5 3"}, "volume"),
        ({"ElementNumberOfChannels": "9999999999"}, "too large"),
    ],
)
def test_a_header_that_cannot_be_read_says_why(keys: dict[str, Any], words: str) -> None:
    """The error names the file and what is wrong with it; nothing was allocated."""
    header, pixels = metaimage(ramps(), **keys)
    with pytest.raises(ProtocolError, match=words) as refused:
        local(header, pixels)
    assert "a.mha" in str(refused.value)


def test_the_line_that_is_wrong_is_named() -> None:
    """File and line, counted from 1."""
    with pytest.raises(ProtocolError, match=r"^a\.mha, line 2: "):
        local(b"ObjectType = Image\nnot a key\n", b"")


def test_a_recording_that_was_cut_off_gives_what_is_whole() -> None:
    """Whole frames come; then the error names the frame that is not."""
    header, pixels = metaimage(ramps())
    frames = local(header, pixels[:-1]).frames()
    assert [next(frames).index, next(frames).index] == [0, 1]
    with pytest.raises(ProtocolError, match=r"a\.mha, frame 2: it ends after 23 of 24 bytes"):
        next(frames)


def test_damaged_compression_is_told() -> None:
    """Bytes that do not inflate raise the protocol error."""
    header, pixels = metaimage(ramps(), compressed=True)
    with pytest.raises(ProtocolError, match="frame 0"):
        next(local(header, b"\0" + pixels).frames())


def test_a_real_plus_recording_is_read(real_data: Path) -> None:
    """BoneUltrasound_L14: 21 frames of 820 x 616, times 86 ms apart, three tracked devices."""
    path = real_data / "probe" / "plus" / "BoneUltrasound_L14.igs.mha"
    sequence = open_image_sequence(path)
    info = sequence.info
    assert (info.frames, info.columns, info.rows, info.orientation) == (21, 820, 616, "MF")
    assert info.content is Content.PICTURE
    frames = list(sequence.frames())
    steps = np.diff([frame.timestamp_s or 0 for frame in frames])
    assert len(frames) == 21
    assert np.allclose(steps, 0.086, atol=0.001)
    assert set(frames[0].transforms) == {"ProbeToTracker", "ReferenceToTracker", "StylusToTracker"}
    assert (frames[0].transforms["ProbeToTracker"] or ())[3] == 257.956
    assert all(10 < frame.pixels.astype(float).mean() < 40 for frame in frames)


@pytest.mark.parametrize("image_type", ["RF_IQ_LINE", "RF_I_LINE_Q_LINE"])
@pytest.mark.parametrize("form", [metaimage, nrrd])
def test_both_forms_of_iq_are_lines_of_i_and_q(
    image_type: str, form: Callable[..., tuple[bytes, bytes]]
) -> None:
    """I and Q in turn, or a row of I and then a row of Q: (lines, samples, 2) either way."""
    iq = ramps(3, 2, 5, kind="i2", components=2)
    in_turn = image_type == "RF_IQ_LINE"
    written = iq.reshape(3, 2, 10) if in_turn else iq.swapaxes(2, 3).reshape(3, 4, 5)
    keys = {"UltrasoundImageType": image_type, "UltrasoundImageOrientation": "FM"}
    if form is nrrd:
        keys = {"ultrasound_image_type": image_type}
    content = b"".join(form(written, **keys))
    reader = read_metaimage if form is metaimage else read_nrrd
    sequence = reader("a", files(main=content))
    info = sequence.info
    assert (info.rows, info.columns, info.components, info.content) == (2, 5, 2, Content.IQ)
    assert np.array_equal([frame.pixels for frame in sequence.frames()], iq)


def test_what_the_scanner_said_of_itself_is_kept_where_it_holds_for_every_frame() -> None:
    """Fields of frames, as PLUS records them; one that changes says nothing of the recording."""
    fields = {
        f"Seq_Frame000{n}_{key}": value
        for n in range(3)
        for key, value in {"DepthMm": "60", "FrequencyMhz": str(5 + n // 2)}.items()
    }
    device = local(*metaimage(ramps(), fields=fields)).info.device
    assert (device.depth_mm, device.frequency_mhz) == (60.0, None)
