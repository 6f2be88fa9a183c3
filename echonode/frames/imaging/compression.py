"""Magnitudes to grey levels, 0 to 255, still as float32: the image rounds once, at its end.

Logarithmic: grey = 255 * (1 + 20 log10(magnitude * gain / full scale) / dynamic range), so white is
full scale and black lies the dynamic range below. Linear: grey = 255 * magnitude * gain / full
scale (the echOpen app's: 0 to 1000 onto 0 to 255). Both stop at 0 and 255.

Full scale is a fixed number, not the frame's maximum: a frame's brightness must not depend on what
else is in it, nor flicker in a cine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echonode.frames.settings import CompressionLaw, ImageSettings
from echonode.probe.messages import Samples

# The echOpen app's upper bound for 16 bit samples (LinearQuantification 0..1000); all of a byte.
FULL_SCALE = {8: 255.0, 16: 1000.0}

Floats = NDArray[np.float32]


class Compression:
    """The grey curve of `settings` for samples of `bits` (8 or 16).

    depth_gain_db: (samples,) of dB added to each sample of a line (depth_gain.py).
    """

    def __init__(
        self, settings: ImageSettings, *, bits: int, depth_gain_db: Floats | None = None
    ) -> None:
        self._settings = settings
        full_scale = settings.full_scale or FULL_SCALE[bits]
        factor = np.float32(10 ** (settings.gain_db / 20) / full_scale)
        self._factor: Floats | np.float32 = factor
        codes = np.arange(1 << bits, dtype=np.float32)
        if bits == 16:
            codes[1 << 15 :] = 0  # negative counts: no magnitude
        self._code_type: type[np.uint8 | np.uint16] = np.uint8 if bits == 8 else np.uint16
        # One look-up does it all, unless the gain depends on more than the count.
        self._table = self._grey(codes * factor)
        self._magnitudes: Floats | None = None
        if depth_gain_db is not None:
            self._magnitudes = codes
            self._factor = (factor * np.power(10, depth_gain_db / 20)).astype(np.float32)

    def of_counts(self, samples: Samples) -> Floats:
        """Grey levels of envelopes as they came (uint8, or int16 whose negatives are black)."""
        codes: NDArray[np.uint8 | np.uint16] = samples.view(self._code_type)
        if self._magnitudes is None:
            return np.take(self._table, codes)
        return self.of_magnitudes(np.take(self._magnitudes, codes))

    def of_magnitudes(self, magnitudes: Floats) -> Floats:
        """Grey levels of magnitudes in counts, 0 or above; (lines, samples)."""
        return self._grey(magnitudes * self._factor)

    def _grey(self, share: Floats) -> Floats:
        """The curve itself, in place; share: of full scale."""
        if self._settings.compression is CompressionLaw.LOG:
            floor = np.float32(10 ** (-self._settings.dynamic_range_db / 20))
            np.maximum(share, floor, out=share)
            np.log10(share, out=share)
            share *= np.float32(20 / self._settings.dynamic_range_db)
            share += np.float32(1)
        share *= np.float32(255)
        return np.clip(share, 0, 255, out=share)
