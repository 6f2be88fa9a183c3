"""The scan lines of a capture as arrays, for those who work before scan conversion.

samples           (frames, lines, samples), as they came off the wire
present           (frames, lines): what is missing is not of this frame
times_s           seconds from the first frame, as the image has them
is_rf             the echo's voltage, or its magnitude
sampling_rate_hz, sample_spacing_mm, sound_speed_m_s
angles_deg, start_mm, tangent_mm
                  of each line, as in probe/kinematics.py: about the apex, 0 is straight down
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echonode.frames.frame import Frame
from echonode.objects.cine_timing import timing_of
from echonode.probe.messages import SectorGeometry


def line_arrays(frames: Sequence[Frame]) -> Mapping[str, NDArray[Any]]:
    """Of frames that fit with each other; empty where their lines are not kept."""
    lines = [frame.lines for frame in frames if frame.lines is not None]
    if not lines or len(lines) != len(frames):
        return {}
    geometry = lines[0].geometry
    angles, starts, tangent = _rays(geometry)
    return {
        "samples": np.stack([each.samples for each in lines]),
        "present": np.stack([each.present for each in lines]),
        "times_s": _times(frames),
        "is_rf": np.array(lines[0].is_rf),
        "sampling_rate_hz": np.array(geometry.sampling_rate_hz),
        "sample_spacing_mm": np.array(geometry.sample_spacing_mm),
        "sound_speed_m_s": np.array(geometry.sound_speed_m_s),
        "angles_deg": np.array(angles),
        "start_mm": np.array(starts),
        "tangent_mm": np.array(tangent),
    }


def _times(frames: Sequence[Frame]) -> NDArray[np.float64]:
    """The same as the image's own."""
    offsets_us = timing_of(frames).offsets_us if len(frames) > 1 else (0,)
    return np.array(offsets_us, dtype=np.float64) / 1e6


def _rays(geometry: SectorGeometry) -> tuple[Sequence[float], Sequence[float], float]:
    if geometry.rays is not None:
        return geometry.rays.angles_deg, geometry.rays.start_mm, geometry.rays.tangent_mm
    half = geometry.sector_deg / 2
    angles = np.linspace(-half, half, geometry.lines).tolist()
    return angles, [geometry.r0_mm] * geometry.lines, 0.0
