"""A picture on its way to viewers, and what it measures, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class PictureRegion:
    """A calibrated rectangle: pixels from 0, both corners inside; millimetres a pixel."""

    x0: int
    y0: int
    x1: int
    y1: int
    physical_delta_x_mm: float
    physical_delta_y_mm: float


@dataclass(frozen=True, kw_only=True)
class PictureGeometry:
    """What does not change from picture to picture; equal for two that may be measured alike.

    regions: none where the picture is not calibrated; no_scale says why (frames.frame.NoScale), ''
    where that is not known. depth_mm: of the deepest point; None unknown.
    orientation: MF, the transducer's marked side is at the left and its face at the top: every
    picture is turned so. gain_curve: (depth mm, dB) points; None where the gain is the probe's own.
    """

    width: int
    height: int
    regions: tuple[PictureRegion, ...] = ()
    no_scale: str = ""
    depth_mm: float | None = None
    orientation: str = "MF"
    gain_curve: tuple[tuple[float, float], ...] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class LivePicture:
    """A frame as a JPEG. number: of the frame (frames.Frame.number). captured_at: aware."""

    number: int
    captured_at: datetime
    geometry: PictureGeometry
    jpeg: bytes


@dataclass(frozen=True, kw_only=True)
class LiveState:
    """How a probe stands. frames_per_s: that come just now. exam: open at it; '' none."""

    connected: bool
    frames_per_s: float
    exam: str = ""
