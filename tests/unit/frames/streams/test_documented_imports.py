"""The scripts of docs/probes.md bring in lines of other probes, in their true shape."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from echonode.frames.frame import Picture
from echonode.frames.settings import StreamSettings
from echonode.frames.source.recordings import open_recording_reader
from echonode.frames.streams.stream import PendingFrame
from echonode.probe.profile import ProbeProfile
from tests.unit.frames.pictures import contact_sheet, write_png

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "probes.md"
SCRIPTS = {
    name: text
    for text, name in re.findall(r"```python\n(# (\w+\.py)\n.*?)```", DOCUMENT.read_text(), re.S)
}

Workshop = Callable[[str], None]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Runs a script of the page where a user would: in the folder of the data."""
    for name, text in SCRIPTS.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def run_script(name: str) -> None:
        runpy.run_path(str(tmp_path / name))
        sys.modules.pop("lines", None)

    return run_script


def pictures_of(path: Path, profile: ProbeProfile | None = None) -> list[Picture]:
    settings = StreamSettings(profile=profile or ProbeProfile())
    frames = [one for _, some in open_recording_reader(path, settings).frames() for one in some]
    return [frame.develop() for frame in frames if isinstance(frame, PendingFrame)]


def with_an_echo(lines: int, samples: int, white: int) -> NDArray[np.float64]:
    """Lines with noise, and one echo that is as deep in all of them: half way down."""
    made = np.random.default_rng(3).uniform(0, white / 10, (lines, samples))
    made[:, samples // 2 : samples // 2 + samples // 40] = white
    return made


def arc_mm(picture: Picture) -> float:
    """How far the echo lies from the apex on the axis, by the image's own calibration."""
    known = picture.calibration
    assert known is not None
    assert known.reference_pixel is not None
    assert known.physical_delta_x_cm == known.physical_delta_y_cm
    middle = picture.pixels[:, picture.pixels.shape[1] // 2].astype(int)
    row = float(np.flatnonzero(middle > 200).mean())
    cm = known.reference_physical_cm[1]
    return 10 * (cm + (row - known.reference_pixel[1]) * known.physical_delta_y_cm)


def test_every_script_of_the_page_is_tried_here() -> None:
    """A script that is added to the page gets its test."""
    assert set(SCRIPTS) == {"lines.py", "dataquarium.py", "murgen.py", "interson.py"}


@pytest.mark.slow
def test_tables_without_a_header_become_a_film(run: Workshop, tmp_path: Path) -> None:
    """128 x 2111 samples fit r0 50, rf 150 and decimation 8 exactly."""
    (tmp_path / "hand").mkdir()
    for name in ("main13.txt", "main14.txt"):
        np.savetxt(tmp_path / "hand" / name, with_an_echo(128, 2111, 900), fmt="%d")
    run("dataquarium.py")
    first, second = pictures_of(tmp_path / "dataquarium")
    assert arc_mm(first) == pytest.approx(50 + 100 * (0.5 + 1 / 80), abs=1)
    assert second.pixels.shape == first.pixels.shape


@pytest.mark.slow
def test_a_table_with_semicolons_becomes_a_sector(run: Workshop, tmp_path: Path) -> None:
    """120 x 990 samples at 5 MHz from 60 mm on: the echo lies 77 mm further."""
    made = with_an_echo(120, 990, 1000)
    np.savetxt(tmp_path / "murgen.data", made, fmt="%d", delimiter=";")
    run("murgen.py")
    profile = ProbeProfile(r0_mm=60, sector_deg=60, sampling_rate_hz=5e6)
    (picture,) = pictures_of(tmp_path / "murgen.mha", profile)
    assert arc_mm(picture) == pytest.approx(60 + 0.154 * 990 * (0.5 + 1 / 80), abs=1)
    assert picture.facts.window == (0, 1023)


@pytest.mark.parametrize("count", [None, 3])
def test_an_npz_becomes_a_sector(run: Workshop, tmp_path: Path, count: int | None) -> None:
    """One frame or several, in bytes."""
    frame = with_an_echo(127, 512, 255).astype(np.uint8)
    frames = frame if count is None else np.stack([frame] * count)
    np.savez(tmp_path / "interson.npz", frames)
    run("interson.py")
    profile = ProbeProfile(r0_mm=10, rf_mm=110, sector_deg=60)
    pictures = pictures_of(tmp_path / "interson.mha", profile)
    assert len(pictures) == (count or 1)
    assert arc_mm(pictures[0]) == pytest.approx(10 + 100 * (0.5 + 1 / 80), abs=1)
    write_png(tmp_path / "interson.png", contact_sheet([one.pixels for one in pictures], 3))
