"""A synthetic phantom that looks like ultrasound, for demos and tests without a recording.

How it is made
- Tissue is a field of random point scatterers, several to each resolution cell; summed by the beam
  (across lines) and by the pulse (along them) it gives fully developed speckle, whose envelope is
  Rayleigh distributed.
- What is in the tissue (cysts without scatterers, a bright lesion, wires, a bone with its shadow)
  weights the field; loss along each line dims what lies deep, and brightens what lies behind a
  cyst, as in life.
- Field and contents move together, as under a hand that breathes, and one vessel pulses. The motion
  closes on itself, so that the frames can be looped.

The same seed gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echonode.probe.echopen.kit import ADC_RATE_HZ, SOUND_SPEED_M_S, KitHeader, KitMode
from echonode.probe.recordings.echopen_text import KitRecording

Floats = NDArray[np.float32]

_ACROSS = 4  # scatterers a line spacing, across
_MARGIN = 6  # line spacings beyond each border, for beam and motion
_BEAM_LINES = 0.9  # standard deviation of the beam, in line spacings
_FREQUENCY_HZ = 3.5e6
_BANDWIDTH_HZ = 0.8e6  # standard deviation of the pulse's spectrum
_LOSS_DB_PER_MM = 0.17  # there and back, what gain over depth leaves uncompensated
_TISSUE = 55.0  # amplitude of plain tissue near the probe, in counts
_NOISE = 0.8
_DC_OFFSET = 49  # of the kit's converter, as in the real recordings
_U8_STEP = 2.0  # counts of amplitude in mode 0 in one count of mode 1


@dataclass(frozen=True)
class _Disc:
    """A round inclusion: centre in mm (across, depth from the apex), radius, scatterer strength."""

    x: float
    y: float
    radius: float
    strength: float
    loss: float = 1.0
    pulse: float = 0.0  # share by which the radius swings


DEFAULT_HEADER = KitHeader(
    r0_mm=50, rf_mm=150, decimation=8, lines=96, sector_deg=66, mode=KitMode.RF_INT16
)


def phantom(
    *,
    header: KitHeader = DEFAULT_HEADER,
    frames: int = 24,
    seed: int = 20170608,
) -> KitRecording:
    """`frames` sweeps of the phantom as `header` says: RF for mode 0, envelopes for mode 1."""
    scene = _Scene(header, seed)
    mode_0 = header.mode is KitMode.RF_INT16
    finish = _as_rf if mode_0 else _as_envelope
    images = tuple(finish(scene.analytic(2 * np.pi * k / frames)) for k in range(frames))
    return KitRecording(header=header, frames=images)


def _as_rf(analytic: NDArray[np.complex64]) -> NDArray[np.int16]:
    return np.rint(analytic.real + _DC_OFFSET).astype(np.int16)


def _as_envelope(analytic: NDArray[np.complex64]) -> NDArray[np.int16]:
    return np.clip(np.rint(np.abs(analytic) / _U8_STEP), 0, 255).astype(np.int16)


def _reflected(count: int, shift: int) -> NDArray[np.intp]:
    """Indices that shift `count` items; at the ends the tissue goes on as its mirror image."""
    wanted = np.abs(np.arange(count) - shift)
    indices: NDArray[np.intp] = np.minimum(wanted, 2 * (count - 1) - wanted)
    return indices


class _Scene:
    """The phantom on the probe's own grid: rows are fine lines with a margin, columns depth."""

    def __init__(self, header: KitHeader, seed: int) -> None:
        self._header = header
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._rate_hz = ADC_RATE_HZ / header.decimation
        self._spacing_mm = SOUND_SPEED_M_S * 1e3 / (2 * self._rate_hz)
        fine_lines = (header.lines - 1 + 2 * _MARGIN) * _ACROSS + 1
        self._field: Floats = self._random.standard_normal(
            (fine_lines, header.samples), dtype=np.float32
        )
        step = header.sector_deg / (header.lines - 1) / _ACROSS
        self._degrees = (np.arange(fine_lines) - (fine_lines - 1) / 2) * step
        self._depth_mm = header.r0_mm + np.arange(header.samples) * self._spacing_mm
        theta = np.radians(self._degrees)[:, None]
        self._x: Floats = (np.sin(theta) * self._depth_mm).astype(np.float32)
        self._y: Floats = (np.cos(theta) * self._depth_mm).astype(np.float32)
        self._discs = self._contents()
        self._beam = self._beam_matrix(fine_lines)
        self._pulse, self._length = self._pulse_spectrum()
        self._scale = self._tissue_scale()

    def _contents(self) -> tuple[_Disc, ...]:
        """Inclusions, placed by share of depth and sector so that any geometry shows them."""
        depth = self._header.rf_mm - self._header.r0_mm
        half = np.radians(self._header.sector_deg / 2)

        def disc(across: float, along: float, size: float, strength: float, **more: float) -> _Disc:
            r = self._header.r0_mm + along * depth
            x, y = r * np.sin(across * half), r * np.cos(across * half)
            return _Disc(float(x), float(y), size * depth, strength, **more)

        return (
            disc(-0.45, 0.42, 0.12, 0.0, loss=0.1),  # a cyst
            disc(0.55, 0.62, 0.075, 0.0, loss=0.1),  # a smaller, deeper one
            disc(0.08, 0.24, 0.055, 0.03, loss=0.3, pulse=0.25),  # a vessel
            disc(0.42, 0.28, 0.065, 3.5),  # a bright lesion
            disc(-0.12, 0.68, 0.05, 2.6),
            disc(-0.1, 0.5, 0.007, 35.0),  # wires
            disc(0.2, 0.5, 0.007, 35.0),
            disc(-0.7, 0.75, 0.007, 35.0),
            disc(0.05, 0.87, 0.06, 12.0, loss=9.0),  # bone: bright, and dark behind it
        )

    def analytic(self, phase: float) -> NDArray[np.complex64]:
        """The analytic signal of each line at `phase` of the motion (0..2 pi), in counts."""
        strength, loss = self._weights(phase)
        seen = self._field * strength * loss
        across = round(1.6 * _ACROSS * np.sin(phase))
        along = round(1.2 / self._spacing_mm * np.sin(phase + 0.7))
        seen = np.roll(seen, across, axis=0)[:, _reflected(seen.shape[1], along)]
        signal = self._through_the_pulse(self._beam @ seen) * self._scale
        noise = self._random.standard_normal((2, *signal.shape), dtype=np.float32) * _NOISE
        result: NDArray[np.complex64] = signal + noise[0] + 1j * noise[1]
        return result

    def _weights(self, phase: float) -> tuple[Floats, Floats]:
        """Scatterer strength, and what is left of the pulse, for each point of the grid."""
        strength: Floats = np.ones_like(self._field)
        loss: Floats = np.ones_like(self._field)
        for layer, width in ((0.02, 0.010), (0.11, 0.004), (0.145, 0.003)):  # skin, fasciae
            span = self._depth_mm[-1] - self._depth_mm[0]
            wave = layer + 0.004 * np.sin(np.radians(self._degrees * 9))[:, None]
            share = (self._depth_mm[None, :] - self._depth_mm[0]) / span
            strength += 3.0 * np.exp(-(((share - wave) / width) ** 2)).astype(np.float32)
        for disc in self._discs:
            radius = disc.radius * (1 + disc.pulse * np.sin(2 * phase))
            inside = (self._x - disc.x) ** 2 + (self._y - disc.y) ** 2 < radius**2
            strength[inside] = disc.strength
            loss[inside] = disc.loss
        lost_db = np.cumsum(loss, axis=1) * np.float32(_LOSS_DB_PER_MM * self._spacing_mm)
        remaining: Floats = np.power(np.float32(10), -lost_db / np.float32(20))
        return strength, remaining

    def _beam_matrix(self, fine_lines: int) -> Floats:
        """Rows: the beam of each line over the fine lines; of unit energy."""
        centre = (_MARGIN + np.arange(self._header.lines)) * _ACROSS
        off_axis = np.arange(fine_lines)[None, :] - centre[:, None]
        beam = np.exp(-((off_axis / (_BEAM_LINES * _ACROSS)) ** 2) / 2)
        unit: Floats = (beam / np.sqrt((beam**2).sum(axis=1, keepdims=True))).astype(np.float32)
        return unit

    def _pulse_spectrum(self) -> tuple[Floats, int]:
        """The pulse over frequency, one-sided and doubled: the output is the analytic signal."""
        length = 1 << (self._header.samples - 1).bit_length()
        frequency = np.fft.fftfreq(length, 1 / self._rate_hz)
        spectrum = 2 * np.exp(-(((frequency - _FREQUENCY_HZ) / _BANDWIDTH_HZ) ** 2) / 2)
        return np.where(frequency > 0, spectrum, 0).astype(np.float32), length

    def _through_the_pulse(self, lines: Floats) -> NDArray[np.complex64]:
        spectrum = np.fft.fft(lines, self._length, axis=1) * self._pulse
        return np.fft.ifft(spectrum, axis=1)[:, : lines.shape[1]].astype(np.complex64)

    def _tissue_scale(self) -> np.float32:
        """What brings the mean amplitude of plain tissue to _TISSUE counts."""
        plain = self._through_the_pulse(self._beam @ self._field)
        return np.float32(_TISSUE / float(np.abs(plain).mean()))
