"""Lengths, areas and angles against exact values, with rows and columns of different size."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echonode.errors import FieldRefused
from echonode.model.measurement import (
    MOST_POINTS,
    MeasurementKind,
    ellipse_circumference,
    measured,
)
from echonode.model.us_region import Point, UsRegion
from tests.support.examples import examples

# A pixel is 0.2 mm wide and 0.5 mm high.
OBLONG = UsRegion(x0=0, y0=0, x1=999, y1=799, delta_x_mm=0.2, delta_y_mm=0.5)


def values(kind: MeasurementKind, *points: Point, region: UsRegion = OBLONG) -> dict[str, float]:
    results, used = measured(kind, points, [region])
    assert used == region
    return {result.name: result.value for result in results}


def refusal(kind: MeasurementKind, *points: Point) -> str:
    with pytest.raises(FieldRefused) as refused:
        measured(kind, points, [OBLONG])
    assert refused.value.field == "points"
    return str(refused.value)


def test_a_distance_by_both_deltas() -> None:
    """3 mm across and 4 mm down are 5 mm: 15 columns, 8 rows."""
    results, _ = measured(MeasurementKind.DISTANCE, [(10, 10), (25, 18)], [OBLONG])
    (length,) = results
    assert (length.name, length.unit) == ("length", "mm")
    assert length.value == pytest.approx(5.0, abs=1e-12)


def test_an_angle_in_millimetres_not_in_pixels() -> None:
    """A right angle; and 45 degrees, which are 21.8 in pixels."""
    square = values(MeasurementKind.ANGLE, (100, 0), (0, 0), (0, 100))
    assert square["angle"] == pytest.approx(90)
    half = values(MeasurementKind.ANGLE, (100, 0), (0, 0), (50, 20))
    assert half["angle"] == pytest.approx(45)
    straight = values(MeasurementKind.ANGLE, (0, 10), (50, 10), (100, 10))
    assert straight["angle"] == pytest.approx(180)


def test_a_circle_of_ten_millimetres() -> None:
    """In pixels its axes are 50 and 20 long: area 25 pi mm2, circumference 10 pi mm."""
    found = values(MeasurementKind.ELLIPSE, (100, 100), (150, 100), (125, 90), (125, 110))
    assert found["area"] == pytest.approx(25 * math.pi)
    assert found["circumference"] == pytest.approx(10 * math.pi)
    assert found["major_axis"] == found["minor_axis"] == pytest.approx(10)


def test_an_ellipse_that_lies_askew() -> None:
    """Axes of 10 and 6 mm, turned by 30 degrees in millimetres."""
    cos, sin = math.cos(math.pi / 6), math.sin(math.pi / 6)

    def at(x: float, y: float) -> Point:
        """Millimetres from the middle to pixels."""
        return 300 + (x * cos - y * sin) / 0.2, 300 + (x * sin + y * cos) / 0.5

    found = values(MeasurementKind.ELLIPSE, at(-3, 0), at(3, 0), at(0, -5), at(0, 5))
    assert found["area"] == pytest.approx(15 * math.pi)
    assert (found["major_axis"], found["minor_axis"]) == (pytest.approx(10), pytest.approx(6))
    assert found["circumference"] == pytest.approx(25.526998863398124)


@pytest.mark.parametrize(
    ("half", "other", "circumference"),
    [
        (1, 1, 2 * math.pi),
        (2, 1, 9.688448220547675),  # 8 E(sqrt(3)/2)
        (1, 2, 9.688448220547675),
        (1, 1e-9, 4.0),
        (50, 1, 200.1919579907154),
    ],
)
def test_the_circumference_is_exact(half: float, other: float, circumference: float) -> None:
    """Also of a very long ellipse, where the usual approximations fail."""
    assert ellipse_circumference(half, other) == pytest.approx(circumference, rel=1e-9)


def test_a_traced_outline() -> None:
    """10 mm by 5 mm, either way round, however far from the corner; and a triangle."""
    corners = [(900.0, 700.0), (950.0, 700.0), (950.0, 710.0), (900.0, 710.0)]
    for points in (corners, corners[::-1]):
        found = values(MeasurementKind.AREA, *points)
        assert found == {"area": pytest.approx(50), "perimeter": pytest.approx(30)}
    triangle = values(MeasurementKind.AREA, (0, 0), (15, 0), (0, 8))
    assert triangle == {"area": pytest.approx(6), "perimeter": pytest.approx(12)}


@pytest.mark.slow
@settings(max_examples=examples(200))
@given(
    st.integers(3, 40), st.floats(5, 60), st.floats(0.05, 2), st.floats(0.05, 2), st.floats(0, 6)
)
def test_a_regular_polygon_of_millimetres(
    corners: int, radius_mm: float, dx: float, dy: float, turn: float
) -> None:
    """Whatever the pixels' shape: area n r^2 sin(2 pi/n) / 2, perimeter 2 n r sin(pi/n)."""
    region = UsRegion(x0=0, y0=0, x1=9999, y1=9999, delta_x_mm=dx, delta_y_mm=dy)
    around = [turn + 2 * math.pi * n / corners for n in range(corners)]
    points = [
        (4000 + radius_mm * math.cos(a) / dx, 4000 + radius_mm * math.sin(a) / dy) for a in around
    ]
    found = values(MeasurementKind.AREA, *points, region=region)
    area = corners * radius_mm**2 * math.sin(2 * math.pi / corners) / 2
    assert found["area"] == pytest.approx(area, rel=1e-6)
    assert found["perimeter"] == pytest.approx(
        2 * corners * radius_mm * math.sin(math.pi / corners), rel=1e-6
    )


def test_what_measures_nothing_is_refused() -> None:
    """Points on each other, a line that crosses itself, an outline without an inside."""
    assert "lie on each other" in refusal(MeasurementKind.DISTANCE, (5, 5), (5, 5))
    assert "lie on each other" in refusal(MeasurementKind.ANGLE, (5, 5), (5, 5), (9, 9))
    bow = [(0.0, 0.0), (10.0, 10.0), (10.0, 0.0), (0.0, 10.0)]
    assert "crosses itself" in refusal(MeasurementKind.AREA, *bow)
    assert "enclose nothing" in refusal(MeasurementKind.AREA, (0, 0), (5, 0), (9, 0))
    skewed = [(100.0, 100.0), (150.0, 100.0), (125.0, 90.0), (135.0, 110.0)]
    assert "axes of an ellipse" in refusal(MeasurementKind.ELLIPSE, *skewed)
    apart = [(100.0, 100.0), (150.0, 100.0), (140.0, 90.0), (140.0, 110.0)]
    assert "axes of an ellipse" in refusal(MeasurementKind.ELLIPSE, *apart)


def test_whole_pixels_are_near_enough_for_an_ellipse() -> None:
    """A screen may round what it draws."""
    values(MeasurementKind.ELLIPSE, (100, 100), (151, 100), (125, 90), (126, 111))


def test_each_kind_has_its_number_of_points() -> None:
    """And an outline a limit: crossings are looked for in pairs."""
    assert "give 2 points" in refusal(MeasurementKind.DISTANCE, (1, 1))
    assert "give 3 points" in refusal(MeasurementKind.ANGLE, (1, 1), (2, 2))
    assert "give 4 points" in refusal(MeasurementKind.ELLIPSE, (1, 1), (2, 2), (3, 3))
    many = [(float(n), 1.0) for n in range(MOST_POINTS + 1)]
    assert "3 to 500" in refusal(MeasurementKind.AREA, *many)
