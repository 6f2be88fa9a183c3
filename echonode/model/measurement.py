"""What is measured on a frame, and the geometry behind it (pure).

Rules
- Lengths, areas and angles are computed in millimetres, by the region's own X and Y deltas, which
  may differ: a circle on an image of oblong pixels is an ellipse, and an angle changes.
- An ellipse is given by the four ends of its axes, as SCOORD's ELLIPSE is (PS3.3 C.18.6.1.2): the
  axes halve each other and are at right angles in millimetres.
- A traced outline is closed from its last point to its first, and does not cross itself.
- Values are kept as computed, with units in UCUM (PS3.16): mm, mm2, deg. Rounding is for screens.
- The console computes the same by the same formulas (console/review/geometry.js); this value is the
  one that is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import combinations, pairwise

from echonode.errors import FieldRefused
from echonode.model.us_region import Point, UsRegion, region_of_all

# Of an outline: one for each 2 pixels around a large organ. Crossings are looked for in pairs.
MOST_POINTS = 500
LONGEST_LABEL = 64  # characters: LO (PS3.5 6.2), as an SR carries it
# Of an ellipse, in pixels: how far its axes may miss each other's middle, for rounded coordinates.
_AXES_WITHIN_PX = 0.5
_LEAST_MM = 1e-6  # shorter is no length: two points on each other


class MeasurementKind(StrEnum):
    """What is measured; the number of its points follows."""

    DISTANCE = "distance"
    ELLIPSE = "ellipse"
    AREA = "area"
    ANGLE = "angle"


_POINTS = {
    MeasurementKind.DISTANCE: (2, 2),
    MeasurementKind.ANGLE: (3, 3),
    MeasurementKind.ELLIPSE: (4, 4),
    MeasurementKind.AREA: (3, MOST_POINTS),
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """One value of a measurement. unit: UCUM."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One measurement on one frame, as it is kept.

    id: such as M00000012; unique on this node. exam_id: '' for an image of no exam here. frame:
    from 1 on. points: image coordinates (us_region.py). delta_x_mm, delta_y_mm: of the region that
    it was made in. by: who made it; '' where no user is known. deleted_at: None while it stands.
    """

    id: str
    exam_id: str
    sop_instance_uid: str
    frame: int
    kind: MeasurementKind
    points: tuple[Point, ...]
    label: str
    results: tuple[Result, ...]
    delta_x_mm: float
    delta_y_mm: float
    made_at: datetime
    by: str = ""
    deleted_at: datetime | None = None
    deleted_by: str = ""


def measured(
    kind: MeasurementKind, points: Sequence[Point], regions: Sequence[UsRegion]
) -> tuple[tuple[Result, ...], UsRegion]:
    """The values of a measurement, and the region that gave its scale.

    Raises FieldRefused, which says why nothing can be measured there.
    """
    least, most = _POINTS[kind]
    if not least <= len(points) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise FieldRefused("points", "are not as many as it has", f"give {wanted} points")
    region = region_of_all(regions, points)
    placed = [region.in_mm(point) for point in points]
    if kind is MeasurementKind.DISTANCE:
        return (Result(name="length", value=_length(placed[0], placed[1]), unit="mm"),), region
    if kind is MeasurementKind.ANGLE:
        return (Result(name="angle", value=_angle(placed), unit="deg"),), region
    if kind is MeasurementKind.ELLIPSE:
        return _ellipse(points, placed, region), region
    return _outline(placed), region


def _length(one: Point, other: Point) -> float:
    length = math.hypot(other[0] - one[0], other[1] - one[1])
    if length < _LEAST_MM:
        raise FieldRefused("points", "lie on each other", "set them apart")
    return length


def _angle(placed: Sequence[Point]) -> float:
    """At the second of three points, 0 to 180 degrees."""
    first, corner, last = placed
    _length(corner, first), _length(corner, last)
    ax, ay = first[0] - corner[0], first[1] - corner[1]
    bx, by = last[0] - corner[0], last[1] - corner[1]
    return math.degrees(math.atan2(abs(ax * by - ay * bx), ax * bx + ay * by))


def _ellipse(
    points: Sequence[Point], placed: Sequence[Point], region: UsRegion
) -> tuple[Result, ...]:
    one, other = _length(placed[0], placed[1]), _length(placed[2], placed[3])
    _check_axes(points, placed, region)
    half, other_half = one / 2, other / 2
    return (
        Result(name="area", value=math.pi * half * other_half, unit="mm2"),
        Result(name="circumference", value=ellipse_circumference(half, other_half), unit="mm"),
        Result(name="major_axis", value=max(one, other), unit="mm"),
        Result(name="minor_axis", value=min(one, other), unit="mm"),
    )


def _check_axes(points: Sequence[Point], placed: Sequence[Point], region: UsRegion) -> None:
    """They halve each other, at right angles; as exactly as whole pixels allow."""
    apart = [points[0][i] + points[1][i] - points[2][i] - points[3][i] for i in (0, 1)]
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = placed
    ax, ay, bx, by = x1 - x0, y1 - y0, x3 - x2, y3 - y2
    along = abs(ax * bx + ay * by) / max(math.hypot(ax, ay), math.hypot(bx, by))
    slack = 2 * _AXES_WITHIN_PX * max(region.delta_x_mm, region.delta_y_mm)
    if max(map(abs, apart)) > 2 * _AXES_WITHIN_PX or along > slack:
        raise FieldRefused(
            "points",
            "are not the axes of an ellipse",
            "give both ends of one axis, then of the other, which crosses its middle squarely",
        )


def ellipse_circumference(half: float, other_half: float) -> float:
    """Of an ellipse with these semi-axes: exact, by the arithmetic-geometric mean.

    E(k) = K(k) * (1 - sum of 2^(n-1) c_n^2), K = pi / (2 AGM) (Abramowitz and Stegun 17.6).
    """
    a, b = max(half, other_half), min(half, other_half)
    a_n, b_n, total, power = a, b, 0.5 * (a * a - b * b), 1.0
    for _ in range(40):  # the number of right digits doubles each time: 6 are enough for any shape
        c_n = (a_n - b_n) / 2
        if c_n <= 1e-16 * a:
            break
        a_n, b_n = (a_n + b_n) / 2, math.sqrt(a_n * b_n)
        total += power * c_n * c_n
        power *= 2
    return 2 * math.pi * (a * a - total) / a_n


def _outline(placed: Sequence[Point]) -> tuple[Result, ...]:
    edges = list(pairwise([*placed, placed[0]]))
    if any(_cross(one, other) for one, other in combinations(edges, 2)):
        raise FieldRefused("points", "make a line that crosses itself", "trace it once around")
    x, y = placed[0]
    # From the first point on: the products stay small, and so does what rounding takes of them.
    doubled = math.fsum((x1 - x) * (y2 - y) - (x2 - x) * (y1 - y) for (x1, y1), (x2, y2) in edges)
    if abs(doubled) < _LEAST_MM:
        raise FieldRefused("points", "enclose nothing", "trace around something")
    around = math.fsum(math.hypot(x2 - x1, y2 - y1) for (x1, y1), (x2, y2) in edges)
    return (
        Result(name="area", value=abs(doubled) / 2, unit="mm2"),
        Result(name="perimeter", value=around, unit="mm"),
    )


def _cross(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    """Whether two edges cross at a point that is an end of neither."""
    (a, b), (c, d) = one, other
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _side(a: Point, b: Point, point: Point) -> float:
    """Above 0 on one side of the line from a to b, below on the other."""
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
