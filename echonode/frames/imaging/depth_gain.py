"""Gain over depth (time gain compensation): what lies deep is made as bright as what lies near.

The curve is a list of (depth mm, dB), straight lines between its points and level beyond its ends.
Depth counts from r0, the near border of the image. On a probe whose lines do not start equally far
from the apex, the middle of their starts is taken: they differ by less than a sample.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from echonode.probe.messages import SectorGeometry

Floats = NDArray[np.float32]


def depth_gain_db(curve: Sequence[tuple[float, float]], geometry: SectorGeometry) -> Floats | None:
    """The curve at each sample of a line, (samples,) in dB; None where there is no curve."""
    if not curve:
        return None
    begin = 0.0
    if geometry.rays is not None:
        begin = float(np.mean(geometry.rays.start_mm)) - geometry.r0_mm
    depths = begin + np.arange(geometry.samples) * geometry.sample_spacing_mm
    points, gains = zip(*curve, strict=True)
    gain: Floats = np.interp(depths, points, gains).astype(np.float32)
    return gain
