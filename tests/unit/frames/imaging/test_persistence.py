"""Persistence: less noise, nothing made up, the same for the same frames."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from echonode.frames.imaging.persistence import Persistence
from echonode.frames.settings import ImageSettings, StreamSettings
from echonode.probe.echopen.kit import KitHeader, KitMode
from echonode.probe.recordings.echopen_text import KitRecording
from tests.unit.frames.pictures import pictures

WHOLE: NDArray[np.bool_] = np.ones(3, dtype=np.bool_)


def frame(value: float) -> NDArray[np.float32]:
    return np.full((3, 2), value, dtype=np.float32)


def test_a_step_is_approached() -> None:
    """From 0 to 100 with a share of a half: 50, 75, 87.5."""
    persistence = Persistence(0.5)
    assert persistence.mixed(frame(0), WHOLE).max() == 0
    shown = [float(persistence.mixed(frame(100), WHOLE)[0, 0]) for _ in range(3)]
    assert shown == [50, 75, 87.5]


def test_none_shows_each_frame_as_it_is() -> None:
    """The default: no state, no cost."""
    persistence = Persistence(0)
    persistence.mixed(frame(0), WHOLE)
    assert persistence.mixed(frame(100), WHOLE).min() == 100


def test_noise_is_halved_by_a_share_of_three_fifths() -> None:
    """The variance of independent noise falls to (1-p)/(1+p), a quarter."""
    random = np.random.default_rng(2)
    persistence = Persistence(0.6)
    present = np.ones(200, dtype=np.bool_)
    for _ in range(40):
        noise = random.normal(100, 10, (200, 50)).astype(np.float32)
        shown = persistence.mixed(noise, present)
    assert shown.std() == pytest.approx(5, rel=0.1)


def test_a_missing_line_is_black_and_not_what_it_was() -> None:
    """Nothing is made up; when the line is back it goes on from where it was."""
    persistence = Persistence(0.5)
    persistence.mixed(frame(80), WHOLE)
    gap = np.array([True, False, True])
    shown = persistence.mixed(frame(40) * gap[:, None], gap)
    assert shown[:, 0].tolist() == [60, 0, 60]
    assert persistence.mixed(frame(40), WHOLE)[:, 0].tolist() == [50, 60, 50]


def test_a_line_that_comes_for_the_first_time_is_shown_as_it_is() -> None:
    """It was missing in the first frame: it does not fade in from black."""
    persistence = Persistence(0.5)
    gap = np.array([True, False, True])
    persistence.mixed(frame(80) * gap[:, None], gap)
    assert persistence.mixed(frame(40), WHOLE)[:, 0].tolist() == [60, 40, 60]


def test_a_share_of_one_would_never_show_anything() -> None:
    """It is refused, here and in the settings."""
    for share in (1.0, -0.1):
        with pytest.raises(ValueError, match="persistence"):
            Persistence(share)
        with pytest.raises(ValueError, match="persistence"):
            ImageSettings(persistence=share)


def test_each_connection_begins_afresh_and_the_same_frames_give_the_same_pixels() -> None:
    """Two connections with the same frames: the same pictures, byte for byte."""
    header = KitHeader(
        r0_mm=10, rf_mm=20, decimation=64, lines=6, sector_deg=60, mode=KitMode.RF_INT16
    )
    random = np.random.default_rng(4)
    frames = tuple(random.integers(0, 900, (6, 26)).astype(np.int16) for _ in range(5))
    recording = KitRecording(header=header, frames=frames)
    settings = StreamSettings(
        image=ImageSettings(columns=64, rows=64, persistence=0.7, tgc=((0, 0), (10, 20)))
    )
    first, second = pictures(recording, settings), pictures(recording, settings)
    assert len(first) == 5
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.pixels, other.pixels)
    plain = pictures(recording, StreamSettings(image=ImageSettings(columns=64, rows=64)))
    assert not np.array_equal(first[-1].pixels, plain[-1].pixels)
