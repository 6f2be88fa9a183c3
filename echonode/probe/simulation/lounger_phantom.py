"""The phantom as a `lounger` or `epf` probe would see it: along its own rays, not from one point.

The plain phantom (phantom.py) is made for a rotation; here its plane is looked up where the
lounger's samples lie, so that the picture comes out true, as of one and the same object.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echonode.probe.echopen.kit import ADC_RATE_HZ, SOUND_SPEED_M_S, KitHeader, KitMode
from echonode.probe.echopen.lounger import LoungerHeader, geometry_of
from echonode.probe.messages import SectorGeometry
from echonode.probe.profile import NO_PROFILE
from echonode.probe.recordings.echopen_text import LoungerRecording
from echonode.probe.simulation.phantom import phantom

# As the app's default device: 100 lines, and 804 samples a line.
HEADER = LoungerHeader(
    r0_mm=10, rf_mm=180, decimation=27, lines=100, sector_deg=57, name="PROBE_V1__3_5MHZ"
)
# The plane that is looked at: the same sector, seen from its apex.
_SEEN = KitHeader(
    r0_mm=10, rf_mm=180, decimation=12, lines=100, sector_deg=57, mode=KitMode.ENVELOPE_U8
)
_COUNTS_PER_BYTE = 4  # the envelope phantom's bytes in a 16 bit probe's counts

Doubles = NDArray[np.float64]


def lounger_phantom(frames: int = 12) -> LoungerRecording:
    """`frames` sweeps of the phantom's magnitudes; they can be looped."""
    x, y = sample_points(geometry_of(HEADER, NO_PROFILE))
    half = np.radians(_SEEN.sector_deg / 2)
    row = (np.arctan2(x, y) + half) / (2 * half) * (_SEEN.lines - 1)
    spacing_mm = SOUND_SPEED_M_S * 1e3 / (2 * ADC_RATE_HZ / _SEEN.decimation)
    column = (np.hypot(x, y) - _SEEN.r0_mm) / spacing_mm
    rows = np.clip(np.rint(row), 0, _SEEN.lines - 1).astype(np.intp)
    columns = np.clip(np.rint(column), 0, _SEEN.samples - 1).astype(np.intp)
    there = (column >= 0) & (y > 0)
    return LoungerRecording(
        header=HEADER,
        frames=tuple(
            np.where(there, frame[rows, columns] * _COUNTS_PER_BYTE, 0).astype(np.int16)
            for frame in phantom(header=_SEEN, frames=frames).frames
        ),
    )


def sample_points(geometry: SectorGeometry) -> tuple[Doubles, Doubles]:
    """Where each sample lies, x and y in mm from the apex; both (lines, samples)."""
    rays = geometry.rays
    assert rays is not None
    angle = np.radians(rays.angles_deg)[:, None]
    along = np.asarray(rays.start_mm)[:, None] + (
        np.arange(geometry.samples) * geometry.sample_spacing_mm
    )
    # From the pivot to the ray's foot, along the ray, and from the pivot to the apex.
    x = rays.tangent_mm * np.cos(angle) + along * np.sin(angle)
    y = -rays.tangent_mm * np.sin(angle) + along * np.cos(angle)
    return x - rays.tangent_mm / np.cos(np.radians(geometry.sector_deg / 2)), y
