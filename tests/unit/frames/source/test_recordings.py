"""Each kind of recording gives its frames in order, counted, and leads to the right reader."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from echonode.errors import ProtocolError
from echonode.frames.picture_settings import Orientation, PictureSettings
from echonode.frames.settings import StreamSettings
from echonode.frames.source.recordings import open_recording_reader
from echonode.frames.streams.stream import PendingFrame
from tests.unit.frames.pictures import contact_sheet, write_png
from tests.unit.probe.sequences import frame_fields, metaimage, nrrd, ramps

SETTINGS = StreamSettings()


def frames_of(path: Path, settings: StreamSettings = SETTINGS) -> list[PendingFrame]:
    reel = open_recording_reader(path, settings)
    return [one for _, some in reel.frames() for one in some if isinstance(one, PendingFrame)]


def test_a_lost_frame_leaves_its_gap(tmp_path: Path) -> None:
    """The sequence tells that one is missing, and the counts say so."""
    fields = frame_fields(3) | {"Seq_Frame0001_ImageStatus": "INVALID"}
    path = tmp_path / "a.mha"
    path.write_bytes(b"".join(metaimage(ramps(), fields=fields)))
    reel = open_recording_reader(path, SETTINGS)
    assert [at for at, _ in reel.frames()] == [10.0, 10.2]
    assert (reel.stream.counts.frames, reel.stream.counts.incomplete) == (2, 1)
    assert [frame.sequence for frame in frames_of(path)] == [0, 2]


@pytest.mark.parametrize("orientation", ["MF", "MN", "UF", "UN"])
def test_a_files_orientation_is_believed_unless_the_operator_knows_better(
    orientation: str, tmp_path: Path
) -> None:
    """Shown in MF either way."""
    frames = ramps(1)
    flipped = frames[:, ::-1] if orientation[1] == "N" else frames
    flipped = flipped[:, :, ::-1] if orientation[0] == "U" else flipped
    believed, corrected = tmp_path / "a.mha", tmp_path / "b.nrrd"
    believed.write_bytes(b"".join(metaimage(flipped, UltrasoundImageOrientation=orientation)))
    fields = {"ultrasound image orientation": "MF"}
    corrected.write_bytes(b"".join(nrrd(flipped, fields=fields)))
    operator = PictureSettings(orientation=Orientation(orientation))
    (first,) = frames_of(believed)
    (second,) = frames_of(corrected, StreamSettings(picture=operator))
    assert np.array_equal(first.develop().pixels, frames[0])
    assert np.array_equal(second.develop().pixels, frames[0])


def test_what_no_reader_knows_is_refused_by_name(tmp_path: Path) -> None:
    """Packed Clarius files say how they are unpacked; other files that they are no recording."""
    packed, other = tmp_path / "a.raw.lzo", tmp_path / "film.mp4"
    packed.write_bytes(b"x")
    other.write_bytes(b"x")
    with pytest.raises(ProtocolError, match="lzop"):
        open_recording_reader(packed, SETTINGS)
    with pytest.raises(ProtocolError):
        open_recording_reader(other, SETTINGS)


@pytest.mark.slow
def test_the_bone_can_be_looked_at(real_data: Path, tmp_path: Path) -> None:
    """A sheet of the real PLUS recording: skin at the top, a bright bone, a shadow behind it."""
    path = real_data / "probe" / "plus" / "BoneUltrasound_L14.igs.mha"
    images = [frame.develop().pixels for frame in frames_of(path)]
    for image in images:
        assert image.shape == (616, 820)
        upper, lower = image[60:300].mean(), image[400:].mean()
        assert upper > 2 * lower  # the shadow
    sheet = tmp_path / "bone.png"
    write_png(sheet, contact_sheet([image[::2, ::2] for image in images[::4]], 3))
    assert sheet.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_dated_recording_dates_its_frames(shared_data: Path) -> None:
    """The hand was recorded in June 2017, by a transducer of 3.5 MHz."""
    (frame,) = frames_of(shared_data / "probe" / "hand_hand.txt")
    assert frame.recorded_at == datetime(2017, 6, 8, 16, 32, 47, tzinfo=UTC)
    picture = frame.develop()
    assert picture.calibration is not None
    assert picture.calibration.transducer_frequency_khz == 3500
    assert (picture.facts.burned_in, picture.facts.depth_mm) == (False, 80)
    assert (picture.facts.scanner.manufacturer, picture.facts.scanner.model) == ("echOpen", "kit")


def test_a_recording_in_16_bit_is_not_black(tmp_path: Path) -> None:
    """8 bit grey in int16 is shown as it would be in uint8, and what was chosen is said."""
    path = tmp_path / "a.mha"
    grey = ramps(2, 8, 16).astype("i2")
    path.write_bytes(b"".join(metaimage(grey)))
    pictures = [frame.develop() for frame in frames_of(path)]
    assert np.array_equal([picture.pixels for picture in pictures], grey)
    assert {picture.facts.window for picture in pictures} == {(0, 255)}
    assert {picture.facts.burned_in for picture in pictures} == {None}
