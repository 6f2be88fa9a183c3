"""Which region a point belongs to, and why nothing is measured elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from echonode.errors import FieldRefused
from echonode.model.us_region import Point, UsRegion, WhyNot, region_at, region_of_all

PICTURE = UsRegion(x0=10, y0=20, x1=109, y1=119, delta_x_mm=0.3, delta_y_mm=0.3)
BESIDE = replace(PICTURE, x0=200, x1=299)
TRACE = UsRegion(x0=10, y0=200, x1=109, y1=299, why_not=WhyNot.TRACE)


def refusal(regions: list[UsRegion], *points: Point) -> str:
    with pytest.raises(FieldRefused) as refused:
        region_of_all(regions, points)
    return str(refused.value)


def test_all_its_pixels_are_inside() -> None:
    """x0 to x1 + 1: the far edge of the last pixel (PS3.3 C.8.5.5.1.14)."""
    for inside in ((10, 20), (110, 120), (59.5, 70.25)):
        assert region_at([PICTURE], inside) is PICTURE
    for outside in ((9.99, 20), (110.01, 120), (10, 19.9), (10, 120.1)):
        assert region_at([PICTURE], outside) is None


def test_of_regions_over_each_other_the_important_then_the_smaller() -> None:
    """A colour box lies in its picture; a region of low priority gives way."""
    box = replace(PICTURE, x0=50, x1=60, y0=50, y1=60)
    assert region_at([PICTURE, box], (55, 55)) is box
    assert region_at([PICTURE, box], (20, 30)) is PICTURE
    low = replace(box, low_priority=True)
    assert region_at([PICTURE, low], (55, 55)) is PICTURE


def test_points_in_one_region_have_its_scale() -> None:
    """Two descriptions of the same region are one."""
    assert region_of_all([PICTURE, BESIDE, TRACE], [(20, 30), (100, 100)]) is PICTURE
    assert region_of_all([PICTURE, replace(PICTURE)], [(20, 30), (100, 100)]) == PICTURE


def test_elsewhere_it_says_why_not() -> None:
    """No region, outside, a trace, two regions."""
    assert "without calibration" in refusal([], (20, 30))
    assert "outside the calibrated region" in refusal([PICTURE], (20, 30), (150, 30))
    assert "a trace over time" in refusal([PICTURE, TRACE], (20, 30), (20, 250))
    assert "two regions" in refusal([PICTURE, BESIDE], (20, 30), (250, 30))
