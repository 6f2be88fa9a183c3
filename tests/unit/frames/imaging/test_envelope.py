"""RF to envelope: what the echo's magnitude is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from echonode.frames.imaging.envelope import EnvelopeDetector
from echonode.probe.recordings.echopen_text import read_recording

RATE_HZ = 15.625e6
BAND_HZ = (1.5e6, 5.5e6)
TIME_S = np.arange(1689) / RATE_HZ


def detector(samples: int = 1689, rate_hz: float = RATE_HZ) -> EnvelopeDetector:
    return EnvelopeDetector(samples=samples, sampling_rate_hz=rate_hz, band_hz=BAND_HZ)


def pulse(centre: int, amplitude: float, frequency_hz: float = 3.5e6) -> np.ndarray:
    """A pulse about the converter's offset: samples of one line."""
    shift = TIME_S - TIME_S[centre]
    shape = np.exp(-((shift / 0.5e-6) ** 2) / 2)
    wave = np.cos(2 * np.pi * frequency_hz * shift + 0.4)
    rounded: np.ndarray = np.rint(49 + amplitude * shape * wave)
    return rounded


def test_an_echo_keeps_its_place_and_its_height() -> None:
    """Pulses of 300 at known samples: 600 from peak to peak, within a sample and 3 percent."""
    centres = (20, 400, 1000, 1660)
    lines = np.array([pulse(centre, 300) for centre in centres]).astype(np.int16)
    magnitude = detector().envelope(lines)
    assert magnitude.dtype == np.float32
    assert np.abs(magnitude.argmax(axis=1) - centres).max() <= 1
    assert magnitude.max(axis=1) == pytest.approx(np.full(4, 600), rel=0.03)


def test_the_offset_is_gone() -> None:
    """A line of nothing but offset is black, to its ends."""
    magnitude = detector().envelope(np.full((2, 1689), 49, dtype=np.int16))
    assert magnitude.max() < 1e-3


@pytest.mark.parametrize(("frequency_hz", "kept"), [(0.5e6, 0), (3.5e6, 1), (7e6, 0)])
def test_only_the_band_comes_through(frequency_hz: float, kept: int) -> None:
    """Drift below and hiss above the transducer's band do not reach the image."""
    line = (100 * np.sin(2 * np.pi * frequency_hz * TIME_S)).astype(np.int16)
    middle = detector().envelope(line[None, :])[0, 200:1400]
    assert middle == pytest.approx(np.full(1200, 200.0 * kept), abs=8)


def test_a_deep_echo_does_not_come_round_to_the_near_field() -> None:
    """A strong echo cut by the end of its line leaves the beginning dark (-46 dB)."""
    line = np.concatenate([np.full(359, 49), pulse(1685, 1000)])  # 2048: a power of two already
    magnitude = detector(samples=2048).envelope(line[None, :].astype(np.int16))
    assert magnitude[0, :100].max() < 10


@pytest.mark.parametrize("name", ["hand_hand.txt", "plate_frame.txt"])
def test_real_rf_agrees_with_the_kits_own_processing(shared_data: Path, name: str) -> None:
    """Against the textbook way (abrupt band, float64, no shared code): correlation above 0.99."""
    (frame,) = read_recording(shared_data / "probe" / name).frames
    lines = frame.astype(np.float64)
    lines -= lines.mean(axis=1, keepdims=True)
    spectrum = np.fft.fft(lines, 2048)
    frequency = np.fft.fftfreq(2048, 1 / RATE_HZ)
    spectrum *= 2 * ((frequency >= BAND_HZ[0]) & (frequency <= BAND_HZ[1]))
    expected = np.abs(np.fft.ifft(spectrum))[:, :1689]
    magnitude = detector().envelope(frame)
    assert np.corrcoef(magnitude.ravel(), expected.ravel())[0, 1] > 0.99
    assert np.array_equal(magnitude, detector().envelope(frame))  # to the bit


def test_a_sampling_rate_below_the_band_still_gives_an_envelope() -> None:
    """Decimation 64 leaves no part of the band: everything but the offset is let through."""
    tone = (49 + 100 * np.sin(np.arange(200) * 1.1)).astype(np.int16)
    magnitude = detector(samples=200, rate_hz=125e6 / 64).envelope(tone[None, :])
    assert magnitude[0, 40:160] == pytest.approx(np.full(120, 200.0), rel=0.1)
