"""Films last as long as what they show, as ffprobe and Pillow read them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from echonode.cli import app
from echonode.transcoding.grayscale_display import Display, srgb_table
from tests.integration.copies.stored_studies import (
    COLUMNS,
    FRAME_TIMES_MS,
    IMAGE,
    ROWS,
    config_of,
    fill,
    new_store,
)
from tests.integration.web.kept_images import picture
from tests.peers.programs import find_program
from tests.unit.store.samples import US_MULTI_FRAME, dataset, put

pytestmark = pytest.mark.slow
CINE_UID, LONG_UID, UNTIMED_UID = "1.2.3.4.4", "1.2.3.4.20", "1.2.3.4.21"
# Six seconds with a jitter, and a stop of a second in the middle; odd sides, which 4:2:0 lacks.
LONG_MS = [round(33.333 + 4 * np.sin(n), 3) for n in range(150)]
LONG_MS[75] = 1000.25


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("films")
    odd = np.zeros((len(LONG_MS), 33, 45), np.uint8)
    for number in range(len(LONG_MS)):
        odd[number, :, number % 45] = 255
    small = {
        **IMAGE,
        "SOPClassUID": US_MULTI_FRAME,
        "NumberOfFrames": len(LONG_MS),
        "Rows": 33,
        "Columns": 45,
        "PixelData": odd.tobytes() + b"\0" * (odd.size % 2),
    }
    with new_store(found) as store:
        fill(store)
        vector = ["0", *map(str, LONG_MS[:-1])]
        timed = {"FrameIncrementPointer": 0x00181065, "FrameTimeVector": vector}
        put(store, dataset(20, **small, **timed))
        put(store, dataset(21, **small))
        put(store, dataset(22, **small, **timed, PixelAspectRatio=["2", "1"]))
        put(store, dataset(23, **small, **timed, PixelAspectRatio=["1", "3"]))
    config_of(found)
    return found


def export(folder: Path, uid: str, kind: str, name: str, *words: str) -> Result:
    out = ["--instance", uid, "--format", kind, "--out", str(folder / name), *words]
    return CliRunner().invoke(app, ["export", *out, "--config", f"{folder}/echonode.yaml"])


def probed(film: Path) -> tuple[float, list[float]]:
    """The duration in seconds, and when each frame is shown, as ffprobe says."""
    words = ["-v", "error", "-show_entries", "format=duration:frame=best_effort_timestamp_time"]
    done = subprocess.run(
        [find_program("ffprobe"), *words, "-of", "json", str(film)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    found = json.loads(done.stdout)
    times = [float(frame["best_effort_timestamp_time"]) for frame in found["frames"]]
    return float(found["format"]["duration"]), times


@pytest.mark.peers
def test_an_mp4_lasts_as_long_as_its_frame_times(folder: Path) -> None:
    """Within 1 ms a second, each frame at its time, also with a frame of a second among them."""
    done = export(folder, LONG_UID, "mp4", "long.mp4")
    assert done.exit_code == 0, done.output
    duration, times = probed(folder / "long.mp4")
    mean = sum(LONG_MS[:-1]) / (len(LONG_MS) - 1)
    lasting = np.array([*LONG_MS[:-1], mean]) / 1000
    assert abs(duration - lasting.sum()) <= 0.001 * lasting.sum()
    assert len(times) == len(lasting)
    assert np.abs(np.array(times) - np.cumsum([0, *lasting[:-1]])).max() < 0.0001


@pytest.mark.peers
@pytest.mark.parametrize(("number", "size"), [(22, (46, 66)), (23, (136, 34))])
def test_pixels_that_are_not_square_are_made_square(
    folder: Path, number: int, size: tuple[int, int]
) -> None:
    """A pixel twice as high as wide, and one three times as wide as high: ffprobe sees the shape
    that the echoes have, and square samples. Sides are even, as 4:2:0 needs them.
    """
    film = folder / f"uneven{number}.mp4"
    assert export(folder, f"1.2.3.4.{number}", "mp4", film.name).exit_code == 0
    words = ("-v", "error", "-show_entries", "stream=width,height,sample_aspect_ratio")
    done = subprocess.run(
        [find_program("ffprobe"), *words, "-of", "json", str(film)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    [stream] = json.loads(done.stdout)["streams"]
    assert (stream["width"], stream["height"]) == size
    assert stream.get("sample_aspect_ratio", "1:1") in ("1:1", "N/A", "0:1")


def test_a_picture_is_made_for_a_display(folder: Path) -> None:
    """--display: each grey as an sRGB screen of that luminance needs it by PS3.14."""
    for name, words in (("p.png", ()), ("d.png", ("--display", "0.5,400"))):
        assert export(folder, "1.2.3.4.1", "png", name, *words).exit_code == 0
    with Image.open(folder / "p.png") as plain, Image.open(folder / "d.png") as made:
        table = srgb_table(Display(darkest=0.5, brightest=400.0))
        assert (np.asarray(made) == table[np.asarray(plain)]).all()
    refused = export(folder, "1.2.3.4.1", "png", "no.png", "--display", "400,1")
    assert (refused.exit_code, "darkest" in refused.output) == (2, True)


def test_an_mp4_shows_the_pictures(folder: Path, tmp_path: Path) -> None:
    """Frame by frame, nearly; and nothing of the patient is in the file."""
    assert export(folder, CINE_UID, "mp4", "cine.mp4", "--quality", "100").exit_code == 0
    film = folder / "cine.mp4"
    words = ["-loglevel", "error", "-i", str(film), "-fps_mode", "passthrough", "-f", "rawvideo"]
    subprocess.run(
        [find_program("ffmpeg"), *words, "-pix_fmt", "gray", str(tmp_path / "raw")],
        check=True,
        timeout=60,
    )
    frames = np.fromfile(tmp_path / "raw", np.uint8).reshape(-1, ROWS, COLUMNS)
    assert len(frames) == len(FRAME_TIMES_MS)
    for number, frame in enumerate(frames):
        assert np.abs(frame.astype(int) - picture(number)).mean() < 3
    assert b"Yamada" not in film.read_bytes()


@pytest.mark.parametrize("kind", ["gif", "apng", "webp"])
def test_an_animation_lasts_as_long_too(folder: Path, kind: str) -> None:
    """To a tick of its clock, whatever is rounded on the way."""
    done = export(folder, LONG_UID, kind, f"long.{kind}")
    assert done.exit_code == 0, done.output
    with Image.open(folder / f"long.{kind}") as film:
        lasting = []
        for number in range(film.n_frames):  # type: ignore[attr-defined]  # of an animation
            film.seek(number)
            film.load()
            lasting.append(film.info["duration"])
    mean = sum(LONG_MS[:-1]) / (len(LONG_MS) - 1)
    assert abs(sum(lasting) - sum(LONG_MS[:-1]) - mean) <= (10 if kind == "gif" else 1)


def test_a_cine_without_times_asks_for_them(folder: Path) -> None:
    """They are not guessed; a person may say them."""
    done = export(folder, UNTIMED_UID, "gif", "untimed.gif")
    assert done.exit_code == 1
    assert "give --frame-time MS" in done.stderr
    assert not (folder / "untimed.gif").exists()
    done = export(folder, UNTIMED_UID, "gif", "untimed.gif", "--frame-time", "50")
    assert done.exit_code == 0


def test_without_ffmpeg_the_browser_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing, how to get it, and what to do without it."""
    monkeypatch.setenv("PATH", "/nowhere")
    done = export(folder, CINE_UID, "mp4", "none.mp4")
    assert done.exit_code == 2
    assert "ffmpeg" in done.stderr
    assert "the console makes an MP4 in the browser" in done.stderr


def test_a_banner_is_burned_in_only_on_request(folder: Path) -> None:
    """A strip above the picture, which stays as it is; the name is in its own script."""
    words = ("--frame", "1")
    assert export(folder, CINE_UID, "png", "plain.png", *words).exit_code == 0
    assert export(folder, CINE_UID, "png", "named.png", *words, "--banner").exit_code == 0
    with Image.open(folder / "plain.png") as whole, Image.open(folder / "named.png") as labelled:
        plain, named = np.asarray(whole), np.asarray(labelled)
    assert (plain == picture()).all()
    strip = named.shape[0] - ROWS
    assert strip > 20
    assert (named[strip:] == plain).all()
    assert (named[:strip] > 128).sum() > 200, "letters"


def test_a_smaller_picture_keeps_its_shape(folder: Path) -> None:
    """--size is the longer side; a picture that is smaller already stays."""
    assert export(folder, "1.2.3.4.1", "jpeg", "s.jpg", "--size", "160").exit_code == 0
    with Image.open(folder / "s.jpg") as small:
        assert small.size == (160, 120)
    assert export(folder, "1.2.3.4.1", "jpeg", "l.jpg", "--size", "4000").exit_code == 0
    with Image.open(folder / "l.jpg") as large:
        assert large.size == (COLUMNS, ROWS)
