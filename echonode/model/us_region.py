"""A calibrated region of an ultrasound image (PS3.3 C.8.5.5), and which one a point is in.

Rules
- Points are image coordinates as in SCOORD (PS3.3 C.18.6.1.1): column, then row; (0, 0) is the top
  left corner of the top left pixel, and the middle of that pixel is (0.5, 0.5).
- A region's pixels x0 to x1 are all inside (C.8.5.5.1.14): in coordinates, x0 to x1 + 1.
- Where regions lie over each other, pixels belong to the one of high priority (C.8.5.5.1.3), and
  among equals to the smaller.
- Lengths and areas are measured in two-dimensional regions in centimetres only. Others say why not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from echonode.errors import FieldRefused

Point = tuple[float, float]
MM_PER_CM = 10.0


class WhyNot(StrEnum):
    """Why nothing is measured in a region; a code, for screens have words of their own."""

    TRACE = "trace"  # M-mode: one axis is time
    SPECTRUM = "spectrum"
    WAVE_FORM = "wave_form"
    GRAPHICS = "graphics"
    UNKNOWN = "unknown"  # no spatial format that the standard knows
    UNIT = "unit"  # not centimetres
    SCALE = "scale"  # no delta


_WORDS = MappingProxyType(
    {
        WhyNot.TRACE: "lie in a trace over time",
        WhyNot.SPECTRUM: "lie in a spectrum",
        WhyNot.WAVE_FORM: "lie in a wave form",
        WhyNot.GRAPHICS: "lie in graphics",
        WhyNot.UNKNOWN: "lie in a part without a known scale",
        WhyNot.UNIT: "lie in a region whose unit is not the centimetre",
        WhyNot.SCALE: "lie in a region without a scale",
    }
)


@dataclass(frozen=True, kw_only=True)
class UsRegion:
    """One region. delta_x_mm, delta_y_mm: millimetres a pixel, 0 where it is not calibrated so.

    why_not: why nothing is measured in it; None where it is. low_priority: bit 0 of Region Flags.
    """

    x0: int
    y0: int
    x1: int
    y1: int
    delta_x_mm: float = 0.0
    delta_y_mm: float = 0.0
    why_not: WhyNot | None = None
    low_priority: bool = False

    def holds(self, point: Point) -> bool:
        """Whether a point lies in it, its edges included."""
        x, y = point
        return self.x0 <= x <= self.x1 + 1 and self.y0 <= y <= self.y1 + 1

    @property
    def pixels(self) -> int:
        """How many it has."""
        return (self.x1 - self.x0 + 1) * (self.y1 - self.y0 + 1)

    def in_mm(self, point: Point) -> Point:
        """The point in millimetres from the image's corner; distances alone have a meaning."""
        return point[0] * self.delta_x_mm, point[1] * self.delta_y_mm


def region_at(regions: Sequence[UsRegion], point: Point) -> UsRegion | None:
    """The region that a point belongs to; None outside of all."""
    found = [region for region in regions if region.holds(point)]
    return min(found, key=lambda region: (region.low_priority, region.pixels), default=None)


def region_of_all(regions: Sequence[UsRegion], points: Sequence[Point]) -> UsRegion:
    """The one calibrated region that all points lie in. Raises FieldRefused, which says why not."""
    if not regions:
        raise FieldRefused(
            "points", "lie in an image without calibration", "measure where the image has a scale"
        )
    found = [region_at(regions, point) for point in points]
    if None in found:
        raise FieldRefused(
            "points", "lie outside the calibrated region", "set every point inside the picture"
        )
    first = found[0]
    assert first is not None  # there are points, and none is outside
    for region in found:
        if region is not None and region.why_not:
            raise FieldRefused(
                "points", _WORDS[region.why_not], "measure in a two-dimensional picture"
            )
    if any(region != first for region in found):
        raise FieldRefused(
            "points", "lie in two regions", "set every point in the same part of the image"
        )
    return first
