"""Real recordings are read as they were made; anything else is refused."""

from __future__ import annotations

import io
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from echonode.errors import ProtocolError
from echonode.probe.echopen.kit import KitHeader, KitMode
from echonode.probe.recordings.echopen_text import KitRecording, read_recording

SETTINGS = b"10\n20\n64\n3\n60\n0\n"  # 26 samples a line
FRAME = b"\n".join(b" ".join(b"%d" % (k + line) for k in range(26)) for line in range(3))


@pytest.mark.slow
@pytest.mark.usefixtures("real_data")
def test_the_film_is_101_frames_of_the_kit(film: KitRecording) -> None:
    """The tarball's settings become the wire's header; envelopes up to 850 do not fit a byte."""
    assert film.header == KitHeader(
        r0_mm=80, rf_mm=160, decimation=8, lines=64, sector_deg=57, mode=KitMode.RF_INT16
    )
    assert len(film.frames) == 101
    assert min(int(frame.min()) for frame in film.frames) == 0
    assert 800 <= max(int(frame.max()) for frame in film.frames) <= 850


@pytest.mark.slow
@pytest.mark.usefixtures("real_data")
def test_the_film_repeats_itself_near_its_end(film: KitRecording) -> None:
    """Frames are in the order of their numbers: 92..100 are 76..84 once more."""
    for number in range(92, 101):
        assert np.array_equal(film.frames[number], film.frames[number - 16])
    assert film.frames[0].max() < 200  # noise only


@pytest.mark.parametrize("name", ["hand_hand.txt", "plate_frame.txt"])
def test_raw_rf_is_read_with_its_offset_and_its_true_sector(shared_data: Path, name: str) -> None:
    """RF about an offset of 50; the 80 degrees written with it are the known error."""
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


ANNOTATED = b"""#timestamp:%d
#lines:3
#length:4
#frequency:1.953125
#piezofrequency:3.5
#angle:60.000000
#r0:10.000000
#rf:20.000000
"""


def as_published(count: int = 3) -> dict[str, bytes]:
    """Frames as the kit's client writes them, each with its own header lines."""
    began = 1496939567
    return {f"frame{40 + n}.txt": ANNOTATED % (began + n) + FRAME for n in range(count)}


def packed(folder: Path, files: dict[str, bytes], form: str) -> Path:
    """The files as a folder, or as a tarball of one."""
    film = folder / "film"
    film.mkdir()
    for name, content in files.items():
        (film / name).write_bytes(content)
    if form == "folder":
        return film
    path = folder / "film.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(film, "data/film")
    return path


@pytest.mark.parametrize("form", ["folder", "tarball"])
def test_the_rf_film_is_read_as_it_was_published(tmp_path: Path, form: str) -> None:
    """Frames with header lines next to settings.txt, which overrides them."""
    files = {"settings.txt": SETTINGS} | as_published()
    recording = read_recording(packed(tmp_path, files, form))
    assert len(recording.frames) == 3
    assert recording.header == read_recording(packed_plain(tmp_path)).header
    assert recording.transducer_frequency_khz == 3500
    first, *rest = recording.recorded_at
    assert first == datetime(2017, 6, 8, 16, 32, 47, tzinfo=UTC)
    assert rest == [first + timedelta(seconds=1), first + timedelta(seconds=2)]


def packed_plain(folder: Path) -> Path:
    """The same without header lines."""
    plain = folder / "plain"
    plain.mkdir()
    (plain / "settings.txt").write_bytes(SETTINGS)
    (plain / "frame0.txt").write_bytes(FRAME)
    return plain


def test_frames_that_bring_their_own_geometry_need_no_settings(tmp_path: Path) -> None:
    """As the client leaves them, int0.txt and on; frames of two geometries are no recording."""
    files = {name.replace("frame", "int"): text for name, text in as_published().items()}
    header = read_recording(packed(tmp_path, files, "folder")).header
    assert (header.r0_mm, header.rf_mm, header.decimation, header.lines) == (10, 20, 64, 3)
    (tmp_path / "film" / "int41.txt").write_bytes(
        (ANNOTATED % 0).replace(b"rf:20", b"rf:21") + FRAME
    )
    with pytest.raises(ProtocolError, match="differ in their #rf"):
        read_recording(tmp_path / "film")


@pytest.mark.parametrize("stamp", [0, 86_400, -1, 2**40])
def test_a_clock_that_was_never_set_tells_no_time(tmp_path: Path, stamp: int) -> None:
    """Unix time before the first echOpen probe, or beyond any use, is not believed."""
    files = {"settings.txt": SETTINGS, "frame0.txt": ANNOTATED % stamp + FRAME}
    assert read_recording(packed(tmp_path, files, "folder")).recorded_at == (None,)


def test_a_header_line_that_is_no_number_names_its_frame(tmp_path: Path) -> None:
    """In a folder as in a single text."""
    files = {"settings.txt": SETTINGS, "frame7.txt": b"#timestamp:yesterday\n" + FRAME}
    with pytest.raises(ProtocolError, match="frame 7: header line 'timestamp'"):
        read_recording(packed(tmp_path, files, "folder"))
