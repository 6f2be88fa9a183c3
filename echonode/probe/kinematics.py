"""How a probe's transducer moves, as the rays that its scan lines are.

A ray is a straight line in the image plane. All rays of a probe are tangents of one circle about
the pivot, which for most is a point:

    rotation      every line through the pivot, at even angles                    circle: a point
    linear        a transducer on a straight rail `h0` above the pivot, moved in  circle: a point
                  even steps across, looking through the pivot
    lounger       a transducer on a rocking arm of length `arm`, mounted `offset` off the arm's
                  axis and turned by `tilt`: no two lines cross in one point      circle: a ring

Coordinates: x to the right, y into depth, both in mm; the origin is where the two borders of the
sector cross. An angle is measured from the y axis, positive to the right. `start_mm` is how far
beyond its foot (the point nearest to the pivot) a ray's first sample lies; it is negative where the
transducer sits above the pivot.

Source: echOpen android-app, scan_conversion_float.cpp (init_struct_sc_settings) and
ProbeCinematicProvider.java, for the numbers and for what they mean.

Not copied from there
- The app mirrors x when it looks a pixel's line up, but not the offset of the tangent circle: its
  lounger images are up to 1.1 mm out across the middle. Here the rays are where the transducer is;
  the synthetic target (a rectangle, x -41..-16 mm, y 96..141 mm for either lounger) is the proof.
- Its second branch of the same look-up adds what the first subtracts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class Rays:
    """Where the lines of a sweep lie; angles_deg[k] and start_mm[k] are of line k + 1.

    tangent_mm: the circle's radius, signed: above 0 where the rays pass to the right of the pivot.
    """

    angles_deg: tuple[float, ...]
    start_mm: tuple[float, ...]
    tangent_mm: float = 0.0

    def __post_init__(self) -> None:
        if len(self.angles_deg) != len(self.start_mm) or len(self.angles_deg) < 2:
            raise ValueError("a sweep has two rays or more, each with an angle and a start")
        steps = [b - a for a, b in zip(self.angles_deg, self.angles_deg[1:], strict=False)]
        if not (all(step > 0 for step in steps) or all(step < 0 for step in steps)):
            raise ValueError("rays follow each other to one side")


@dataclass(frozen=True, kw_only=True)
class Rocker:
    """The measures of a moving transducer, mm and degrees. Without an arm it moves on a rail.

    across: how far the drive moves between the first line and the last. h0: from the drive's path
    to the pivot.
    """

    h0: float
    across: float
    arm: float | None = None
    offset: float = 0.0
    tilt_deg: float = 0.0


class Kinematics(StrEnum):
    """The probes whose movement is known; AUTO is what the dialect and the probe's name say."""

    AUTO = "auto"
    ROTATION = "rotation"
    PROBE_V1_3_5MHZ = "probe_v1_3_5mhz"
    PROBE_V1_5MHZ = "probe_v1_5mhz"
    PROBE_V1_8MHZ = "probe_v1_8mhz"


# echOpen, ProbeCinematicProvider.java.
ROCKERS: dict[Kinematics, Rocker] = {
    Kinematics.PROBE_V1_3_5MHZ: Rocker(
        h0=10.0, across=16.0, arm=12.5, offset=-6.2658, tilt_deg=-10.0
    ),
    Kinematics.PROBE_V1_5MHZ: Rocker(h0=10.0, across=16.0, arm=12.5, offset=6.2658, tilt_deg=10.0),
    Kinematics.PROBE_V1_8MHZ: Rocker(h0=10.0, across=11.547),
}
BY_NAME: dict[str, Kinematics] = {
    "PROBE_V1__3_5MHZ": Kinematics.PROBE_V1_3_5MHZ,
    "PROBE_V1__5MHZ": Kinematics.PROBE_V1_5MHZ,
    "PROBE_V1__8MHZ": Kinematics.PROBE_V1_8MHZ,
}
"""As the `lounger` header and the app's settings name them."""


def rays_of(
    kinematics: Kinematics,
    *,
    lines: int,
    sector_deg: float,
    r0_mm: float,
    delay_mm: float = 0.0,
) -> Rays:
    """The rays of a sweep of `lines` lines.

    r0_mm: first range of a rotation, whose samples begin there; the other kinds begin at the
    transducer. delay_mm: depth that passes before the first sample. Raises ValueError for AUTO.
    """
    if kinematics is Kinematics.ROTATION:
        return rotation(lines=lines, sector_deg=sector_deg, r0_mm=r0_mm + delay_mm)
    if kinematics not in ROCKERS:
        raise ValueError(f"the kinematics {kinematics.value!r} are not a probe's")
    rocker = ROCKERS[kinematics]
    make = _linear if rocker.arm is None else _lounger
    return make(rocker, lines, delay_mm)


def rotation(*, lines: int, sector_deg: float, r0_mm: float) -> Rays:
    """Lines through one point at even angles, line 1 at the left."""
    step = sector_deg / (lines - 1)
    return Rays(
        angles_deg=tuple(k * step - sector_deg / 2 for k in range(lines)),
        start_mm=(r0_mm,) * lines,
    )


def _drive_angles(rocker: Rocker, lines: int) -> list[float]:
    """The angle of the drive at each line, radians: even steps across, seen from the pivot."""
    step = rocker.across / (lines - 1)
    return [math.atan((k * step - rocker.across / 2) / rocker.h0) for k in range(lines)]


def _linear(rocker: Rocker, lines: int, delay_mm: float) -> Rays:
    """On the rail at x the transducer is h0 / cos(angle) above the pivot, and looks through it.

    The drive starts at the right end, so that its first line looks to the left.
    """
    angles = _drive_angles(rocker, lines)
    return Rays(
        angles_deg=tuple(math.degrees(angle) for angle in angles),
        start_mm=tuple(delay_mm - rocker.h0 / math.cos(angle) for angle in angles),
    )


def _lounger(rocker: Rocker, lines: int, delay_mm: float) -> Rays:
    """An arm that hangs at angle t carries the transducer, which looks along t + tilt.

    Transducer: arm (sin t, -cos t) + offset (cos t, sin t). It looks along (-sin, cos)(t + tilt):
    an arm that swings to the right makes the line point to the left, so line 1 is at the right.
    Distance of that line from the pivot, and of the transducer from the line's foot, do not depend
    on t: every line is a tangent of one circle, and begins equally far from where it touches.
    """
    assert rocker.arm is not None
    tilt = math.radians(rocker.tilt_deg)
    start = -rocker.arm * math.cos(tilt) - rocker.offset * math.sin(tilt)
    return Rays(
        angles_deg=tuple(-math.degrees(t + tilt) for t in _drive_angles(rocker, lines)),
        start_mm=(start + delay_mm,) * lines,
        tangent_mm=rocker.offset * math.cos(tilt) - rocker.arm * math.sin(tilt),
    )
