"""Rays lie where the transducer is: checked against its mechanics, not against the closed form."""

from __future__ import annotations

import math

import pytest

from echonode.probe.kinematics import ROCKERS, Kinematics, Rays, rays_of

LOUNGERS = (Kinematics.PROBE_V1_3_5MHZ, Kinematics.PROBE_V1_5MHZ)


def on_the_ray(rays: Rays, line: int, along_mm: float) -> tuple[float, float]:
    """A point of a ray, from the pivot: the foot, and so far along it."""
    angle = math.radians(rays.angles_deg[line])
    foot = (rays.tangent_mm * math.cos(angle), -rays.tangent_mm * math.sin(angle))
    return foot[0] + along_mm * math.sin(angle), foot[1] + along_mm * math.cos(angle)


@pytest.mark.parametrize("kinematics", LOUNGERS)
@pytest.mark.parametrize("line", [0, 30, 99])
def test_a_loungers_line_begins_at_its_transducer(kinematics: Kinematics, line: int) -> None:
    """Arm, offset and tilt put together by hand: the ray's start is that point."""
    rocker = ROCKERS[kinematics]
    assert rocker.arm is not None
    arm_angle = math.atan((-8 + line * 16 / 99) / 10)
    x = rocker.arm * math.sin(arm_angle) + rocker.offset * math.cos(arm_angle)
    y = -rocker.arm * math.cos(arm_angle) + rocker.offset * math.sin(arm_angle)
    rays = rays_of(kinematics, lines=100, sector_deg=57, r0_mm=10)
    assert on_the_ray(rays, line, rays.start_mm[line]) == pytest.approx((x, y))
    assert rays.angles_deg[line] == pytest.approx(-math.degrees(arm_angle) - rocker.tilt_deg)


def test_the_two_loungers_are_mirror_images() -> None:
    """3.5 MHz and 5 MHz sit on the two sides of the arm."""
    one, other = (rays_of(k, lines=100, sector_deg=57, r0_mm=10) for k in LOUNGERS)
    assert one.tangent_mm == pytest.approx(-other.tangent_mm)
    assert one.angles_deg == pytest.approx([-angle for angle in reversed(other.angles_deg)])
    assert abs(one.tangent_mm) == pytest.approx(4.0, abs=1e-4)


def test_the_rail_looks_through_the_pivot() -> None:
    """8 MHz: 10 mm above the pivot, 11.547 mm across, so 30 degrees to either side."""
    rays = rays_of(Kinematics.PROBE_V1_8MHZ, lines=101, sector_deg=57, r0_mm=10)
    assert rays.angles_deg[0] == pytest.approx(-30, abs=1e-3)
    assert rays.angles_deg[50] == pytest.approx(0, abs=1e-9)
    assert rays.start_mm[50] == pytest.approx(-10)
    assert on_the_ray(rays, 0, rays.start_mm[0]) == pytest.approx((11.547 / 2, -10), abs=1e-3)


def test_a_rotation_is_even() -> None:
    """Equal angles over the sector, every line from r0."""
    rays = rays_of(Kinematics.ROTATION, lines=3, sector_deg=60, r0_mm=80)
    assert rays == Rays(angles_deg=(-30, 0, 30), start_mm=(80, 80, 80))


def test_what_is_no_movement_is_refused() -> None:
    """AUTO is not a probe's, and rays do not turn back."""
    with pytest.raises(ValueError, match="auto"):
        rays_of(Kinematics.AUTO, lines=3, sector_deg=60, r0_mm=0)
    with pytest.raises(ValueError, match="one side"):
        Rays(angles_deg=(0, 1, 0.5), start_mm=(0, 0, 0))
    with pytest.raises(ValueError, match="two rays"):
        Rays(angles_deg=(0,), start_mm=(0,))
