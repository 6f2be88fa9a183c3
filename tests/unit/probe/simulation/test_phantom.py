"""The phantom looks like ultrasound, in numbers; the contact sheet shows it to the eye."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from echonode.frames.imaging.envelope import EnvelopeDetector
from echonode.frames.imaging.sample_content import detect_content
from echonode.probe.echopen.kit import KitMode
from echonode.probe.messages import SampleContent
from echonode.probe.recordings.echopen_text import KitRecording
from echonode.probe.simulation.phantom import DEFAULT_HEADER, phantom

AS_BYTES = replace(DEFAULT_HEADER, mode=KitMode.ENVELOPE_U8)


@pytest.fixture(scope="module")
def rf() -> KitRecording:
    return phantom(frames=4)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_phantom(rf: KitRecording) -> None:
    """Two runs send the same bytes; another seed other speckle."""
    again, other = phantom(frames=4), phantom(frames=1, seed=7)
    assert all(np.array_equal(a, b) for a, b in zip(rf.frames, again.frames, strict=True))
    assert not np.array_equal(rf.frames[0], other.frames[0])


def test_the_phantom_moves(rf: KitRecording) -> None:
    """From sweep to sweep the echoes have gone elsewhere; it is not only the noise that differs."""
    first, second = (frame.astype(float).ravel() for frame in rf.frames[:2])
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.5


def test_nothing_comes_round_from_the_other_end(rf: KitRecording) -> None:
    """The bright skin stays at the top however the tissue moves: the deepest lines are dim."""
    for frame in rf.frames:
        assert frame[:, -60:].std() < frame[:, 60:120].std() / 2


@pytest.mark.slow
def test_its_rf_and_its_envelopes_are_what_they_say(rf: KitRecording) -> None:
    """Mode 0 oscillates about the converter's offset; mode 1 fits a byte."""
    assert detect_content(rf.frames[0]) is SampleContent.RF
    assert 45 < np.median(rf.frames[0]) < 53
    (envelope,) = phantom(header=AS_BYTES, frames=1).frames
    assert detect_content(envelope) is SampleContent.ENVELOPE
    assert (envelope.min(), envelope.max()) == (0, 255)


def test_its_speckle_is_fully_developed(rf: KitRecording) -> None:
    """Plain tissue is Rayleigh distributed: mean over standard deviation 1.91."""
    header = rf.header
    detector = EnvelopeDetector(
        samples=header.samples, sampling_rate_hz=15.625e6, band_hz=(1e6, 6.5e6)
    )
    magnitude = detector.envelope(rf.frames[0])
    plain = magnitude[4:24, 500:700]
    assert plain.mean() / plain.std() == pytest.approx(1.91, abs=0.15)


def test_its_cyst_is_dark_and_its_lesion_bright(rf: KitRecording) -> None:
    """At the places the phantom puts them: 30 dB down, and 6 dB up."""
    header = rf.header
    detector = EnvelopeDetector(
        samples=header.samples, sampling_rate_hz=15.625e6, band_hz=(1.5e6, 5.5e6)
    )
    magnitude = detector.envelope(rf.frames[0])

    def around(across: float, along: float) -> float:
        line = round((across + 1) / 2 * (header.lines - 1))
        sample = round(along * header.samples)
        return float(magnitude[line - 2 : line + 3, sample - 25 : sample + 26].mean())

    tissue = around(-0.85, 0.35)
    assert around(-0.45, 0.42) < tissue / 30
    assert around(0.42, 0.28) > 2 * tissue
