"""The mode byte may lie; the samples do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from echonode.frames.imaging.sample_content import ASYMMETRY_BORDER, asymmetry, detect_content
from echonode.probe.messages import SampleContent
from echonode.probe.recordings.echopen_text import KitRecording, read_recording

RF, ENVELOPE = SampleContent.RF, SampleContent.ENVELOPE


@pytest.mark.slow
def test_each_frame_of_the_film_is_an_envelope(film: KitRecording) -> None:
    """It is sent as mode 0 (RF). Each frame, the one of noise too, is seen through, with margin."""
    measures = [asymmetry(frame) for frame in film.frames]
    assert all(detect_content(frame) is ENVELOPE for frame in film.frames)
    assert min(measure for measure in measures if measure is not None) > 3 * ASYMMETRY_BORDER


@pytest.mark.parametrize("name", ["hand_hand.txt", "plate_frame.txt"])
def test_real_rf_is_rf(shared_data: Path, name: str) -> None:
    """By its negative values, and by its symmetry alone, were it shifted above zero."""
    (frame,) = read_recording(shared_data / "probe" / name).frames
    assert detect_content(frame) is RF
    assert detect_content((frame + 1000).astype(np.int16)) is RF
    measure = asymmetry(frame)
    assert measure is not None
    assert abs(measure) < ASYMMETRY_BORDER / 3


def test_rf_noise_without_an_echo_is_rf() -> None:
    """Nothing in the water: no value is negative, but both sides of the offset are alike."""
    noise = np.random.default_rng(1).normal(49, 2, (64, 1689)).round().astype(np.int16)
    assert noise.min() > 0
    assert detect_content(noise) is RF


@pytest.mark.parametrize("level", [1.0, 1.3, 2.0, 3.0, 6.0, 30.0])
def test_noise_tells_what_it_is_at_any_level(level: float) -> None:
    """Envelope noise and RF noise of a count or two, where rounding is coarse, and of many."""
    random = np.random.default_rng(2)
    envelope = random.rayleigh(level, (64, 1689)).round().astype(np.int16)
    assert detect_content(envelope) is ENVELOPE
    for offset in (48.5, 48.7, 49.0, 49.3):
        rf = random.normal(offset, level / 2, (64, 1689)).round().astype(np.int16)
        assert detect_content(rf) is RF


def test_a_wrong_sample_here_and_there_proves_nothing() -> None:
    """A few negative values in an envelope, from a damaged line, do not make it RF."""
    envelope = np.random.default_rng(1).rayleigh(6, (64, 1689)).astype(np.int16)
    envelope[7, :50] = -999
    assert detect_content(envelope) is ENVELOPE


def test_a_flat_sweep_says_nothing() -> None:
    """A probe that sends the same value everywhere: ask the next sweep."""
    assert detect_content(np.full((64, 1689), 49, dtype=np.int16)) is None
