"""RF lines to envelopes: offset off, band-pass, magnitude of the analytic signal.

Rules
- The analytic signal is made in one step with the band-pass: keep the positive frequencies of the
  band, double them, transform back. Its magnitude is the envelope (the method of the kit's own
  client, probe_mode_B.c, which stops at the band's edges abruptly).
- The magnitude counts from peak to peak, twice the amplitude, as the kit's envelopes do: those in
  its film_2 are 2.04 times the analytic amplitude of the same echoes in its film of RF. So an echo
  is equally bright whichever of the two a probe sends.
- The band's edges fall off over EDGE_HZ as half a cosine; a brick wall would ring along the line.
- A line is padded with zeros to a power of two, at least PAD_SAMPLES, so that a strong deep echo
  does not come round to the near field.
- float32 throughout; the same samples give the same bits. The filter is built once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echonode.probe.messages import Samples

PEAK_TO_PEAK = 2  # of an oscillation, in amplitudes
EDGE_HZ = 0.3e6
PAD_SAMPLES = 32  # the filter's ringing has died away by then

Floats = NDArray[np.float32]


class EnvelopeDetector:
    """Envelopes of lines of `samples` samples at `sampling_rate_hz`.

    band_hz: low and high edge, at half amplitude. Where the sampling rate leaves no part of the
    band (decimation 64 of the kit), everything but the offset is let through.
    """

    def __init__(
        self, *, samples: int, sampling_rate_hz: float, band_hz: tuple[float, float]
    ) -> None:
        self._samples = samples
        self._length = 1 << (samples + PAD_SAMPLES - 1).bit_length()
        frequency = np.fft.rfftfreq(self._length, 1 / sampling_rate_hz)
        low, high = band_hz
        if low >= sampling_rate_hz / 2:
            low, high = 0.0, sampling_rate_hz
        window = _edge((frequency - low) / EDGE_HZ) * _edge((high - frequency) / EDGE_HZ)
        window[0] = 0
        self._window: Floats = (PEAK_TO_PEAK * 2 * window).astype(np.float32)

    def envelope(self, lines: Samples) -> Floats:
        """The envelope, peak to peak in the samples' counts; both are (lines, samples)."""
        rf = lines.astype(np.float32)
        rf -= rf.mean(axis=1, keepdims=True)
        positive = np.fft.rfft(rf, self._length, axis=1) * self._window
        analytic = np.zeros((len(lines), self._length), dtype=np.complex64)
        analytic[:, : positive.shape[1]] = positive
        signal = np.fft.ifft(analytic, axis=1)[:, : self._samples]
        return np.abs(signal).astype(np.float32, copy=False)


def _edge(distance: NDArray[np.floating]) -> NDArray[np.floating]:
    """0 far outside, 1/2 at the edge, 1 far inside: half a cosine, one unit long."""
    falloff: NDArray[np.floating] = (1 + np.sin(np.pi * np.clip(distance, -0.5, 0.5))) / 2
    return falloff
