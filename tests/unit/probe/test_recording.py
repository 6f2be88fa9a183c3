"""Real recordings are read as they were made; anything else is refused."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from echonode.errors import ProtocolError
from echonode.probe.echopen import KitHeader, KitMode
from echonode.probe.recording import KitRecording, read_recording

SETTINGS = b"10\n20\n64\n3\n60\n0\n"  # 26 samples a line
FRAME = b"\n".join(b" ".join(b"%d" % (k + line) for k in range(26)) for line in range(3))


@pytest.fixture(scope="module")
def film(shared_data: Path) -> KitRecording:
    return read_recording(shared_data / "probe" / "echopen_film_envelope_101frames.tar.xz")


def test_the_film_is_101_frames_of_the_kit(film: KitRecording) -> None:
    """The tarball's settings become the wire's header; envelopes up to 850 do not fit a byte."""
    assert film.header == KitHeader(
        r0_mm=80, rf_mm=160, decimation=8, lines=64, sector_deg=57, mode=KitMode.RF_INT16
    )
    assert len(film.frames) == 101
    assert min(int(frame.min()) for frame in film.frames) == 0
    assert 800 <= max(int(frame.max()) for frame in film.frames) <= 850


def test_the_film_repeats_itself_near_its_end(film: KitRecording) -> None:
    """Frames are in the order of their numbers: 92..100 are 76..84 once more."""
    for number in range(92, 101):
        assert np.array_equal(film.frames[number], film.frames[number - 16])
    assert film.frames[0].max() < 200  # noise only


@pytest.mark.parametrize("name", ["hand_hand.txt", "plate_frame.txt"])
def test_raw_rf_is_read_with_its_offset_and_its_true_sector(shared_data: Path, name: str) -> None:
    """RF about an offset of 50; the 80 degrees written beside it are the known error."""
    recording = read_recording(shared_data / "probe" / name)
    (frame,) = recording.frames
    assert frame.shape == (64, 1689)
    assert 45 < np.median(frame) < 52
    assert frame.min() < -250
    assert (recording.header.r0_mm, recording.header.sector_deg) == (80, 57)


def test_a_folder_is_read_like_a_tarball(tmp_path: Path) -> None:
    """settings.txt and frame files, in the order of their numbers, not of their names."""
    (tmp_path / "settings.txt").write_bytes(SETTINGS)
    (tmp_path / "frame10.txt").write_bytes(FRAME)
    (tmp_path / "frame9.txt").write_bytes(FRAME.replace(b"0 ", b"7 ", 1))
    (tmp_path / "notes.txt").write_bytes(b"not a frame")
    recording = read_recording(tmp_path)
    assert [int(frame[0, 0]) for frame in recording.frames] == [7, 0]


def test_a_name_in_a_tarball_leads_nowhere(tmp_path: Path) -> None:
    """Members that point outside are read by their last name, and nothing is written."""
    path = tmp_path / "recording.tar"
    with tarfile.open(path, "w") as archive:
        for name, content in (("../../settings.txt", SETTINGS), ("/etc/frame0.txt", FRAME)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    assert len(read_recording(path).frames) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"frame0.txt": FRAME}, "settings"),
        ({"settings.txt": SETTINGS}, "at least one frame"),
        ({"settings.txt": b"10\n20\n", "frame0.txt": FRAME}, "mode"),
        ({"settings.txt": b"10\n20\n64\nx\n60\n0", "frame0.txt": FRAME}, "whole numbers"),
        ({"settings.txt": b"10\n900\n64\n3\n60\n0", "frame0.txt": FRAME}, "whole numbers"),
        ({"settings.txt": SETTINGS, "frame0.txt": b"1 2 3"}, "header says"),
        ({"settings.txt": SETTINGS, "frame0.txt": b"1 2\n3"}, "table"),
        ({"settings.txt": SETTINGS, "frame0.txt": b"nan inf"}, "table"),
        ({"settings.txt": SETTINGS, "frame0.txt": b""}, "table"),
    ],
)
def test_a_folder_that_is_no_recording_says_why(
    tmp_path: Path, files: dict[str, bytes], named: str
) -> None:
    """Missing or senseless parts: ProtocolError, with what is wrong."""
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ProtocolError, match=named):
        read_recording(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"#lines:64\n1 2 3",
        b"#lines:many\n",
        b"#r0:1\n#rf:2\n#frequency:0\n#lines:2\n#angle:9\n",
    ],
)
def test_a_text_that_is_no_recording_says_so(tmp_path: Path, content: bytes) -> None:
    """ProtocolError, and no other error, for any text."""
    path = tmp_path / "frame.txt"
    path.write_bytes(content)
    with pytest.raises(ProtocolError):
        read_recording(path)


def test_a_file_that_is_nothing_is_refused(tmp_path: Path) -> None:
    """Bytes that are no archive are not a recording."""
    path = tmp_path / "film.tar.xz"
    path.write_bytes(b"\xfd7zXZ\x00 not really")
    with pytest.raises(ProtocolError):
        read_recording(path)
