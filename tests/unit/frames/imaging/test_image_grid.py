"""What is round in the body is round in the image, whatever shows it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from echonode.frames.imaging.image_grid import LARGEST_SIDE, PIXELS, ImageGrid, image_grid
from echonode.frames.imaging.scan_conversion import ScanConverter
from echonode.probe.messages import SectorGeometry
from echonode.probe.simulation.phantom import phantom
from tests.unit.frames.pictures import pictures

USUAL: list[tuple[float, float, float]] = [
    (80, 160, 57),
    (50, 150, 66),
    (10, 180, 57),
    (50, 150, 80),
    (60, 200, 70),
    (1, 100, 120),
]
EXTREME: list[tuple[float, float, float]] = [
    (0, 10, 180),
    (490, 500, 1),
    (0, 1000, 0.1),
    (150, 160, 180),
]


def geometry(r0_mm: float, rf_mm: float, sector_deg: float) -> SectorGeometry:
    return SectorGeometry(
        lines=64,
        samples=500,
        r0_mm=r0_mm,
        rf_mm=rf_mm,
        sector_deg=sector_deg,
        sample_spacing_mm=(rf_mm - r0_mm) / 499,
        sampling_rate_hz=15e6,
        sound_speed_m_s=1480,
    )


def grid_of(shape: tuple[float, float, float], **sides: int) -> ImageGrid:
    return image_grid(geometry(*shape), **({"columns": None, "rows": None} | sides))


@pytest.mark.parametrize("shape", USUAL + EXTREME)
@pytest.mark.parametrize("sides", [{}, {"columns": 512}, {"rows": 480}, {"columns": 2048}])
def test_pixels_are_square_unless_both_sides_are_wanted(
    shape: tuple[float, float, float], sides: dict[str, int]
) -> None:
    """One spacing; a side that is given is kept, and the other is within the limits."""
    grid = grid_of(shape, **sides)
    assert grid.delta_x_mm == grid.delta_y_mm
    assert all(getattr(grid, side) == wanted for side, wanted in sides.items())
    assert max(grid.columns, grid.rows) <= LARGEST_SIDE
    known = grid.calibration()
    assert known.physical_delta_x_cm == known.physical_delta_y_cm


@pytest.mark.parametrize("shape", USUAL + EXTREME)
@pytest.mark.parametrize("sides", [{}, {"columns": 512}, {"rows": 480}])
def test_the_whole_sector_is_in_the_image(
    shape: tuple[float, float, float], sides: dict[str, int]
) -> None:
    """Its corners and its deepest point, in the middle; what is beyond it is less than two pixels.

    A sector that is too narrow for the smallest image has its margins at both sides.
    """
    grid, (_, rf, sector) = grid_of(shape, **sides), shape
    half = rf * np.sin(np.radians(sector / 2))
    left, _ = grid.pixel_of(-half, grid.top_mm)
    right, bottom = grid.pixel_of(half, rf)
    assert -1e-6 <= left == pytest.approx(grid.columns - 1 - right, abs=1e-6)
    assert bottom <= grid.rows - 1 + 1e-6
    if grid.columns > 64 and grid.rows < LARGEST_SIDE:
        assert left <= 2
        assert bottom >= grid.rows - 3


@pytest.mark.parametrize("shape", USUAL)
def test_the_usual_image_costs_the_same_in_any_shape(shape: tuple[float, float, float]) -> None:
    """A quarter of a million pixels, within a percent, in even sides."""
    grid = grid_of(shape)
    assert grid.columns * grid.rows == pytest.approx(PIXELS, rel=0.01)
    assert grid.columns % 2 == grid.rows % 2 == 0


@pytest.mark.parametrize("shape", USUAL)
@pytest.mark.parametrize("sides", [{}, {"columns": 333, "rows": 444}, {"columns": 511}])
def test_the_apex_is_where_the_calibration_puts_it(
    shape: tuple[float, float, float], sides: dict[str, int]
) -> None:
    """Reference pixel and its physical value give every pixel its place to a nanometre.

    As PS3.3 C.8.5.5 has it: position = physical value + (pixel - reference pixel) * delta.
    """
    grid = grid_of(shape, **sides)
    known = grid.calibration()
    assert known.reference_pixel is not None
    for axis, delta, at_zero in (
        (0, known.physical_delta_x_cm, grid.left_mm),
        (1, known.physical_delta_y_cm, grid.top_mm),
    ):
        first_cm = known.reference_physical_cm[axis] - known.reference_pixel[axis] * delta
        assert 10 * first_cm == pytest.approx(at_zero, abs=1e-6)
        assert abs(known.reference_physical_cm[axis]) <= delta * 0.51


@pytest.mark.slow
def test_the_round_inclusions_of_the_phantom_are_round() -> None:
    """Its largest cyst is as high as it is wide, in pixels: what a picture viewer shows."""
    (picture,) = pictures(phantom(frames=1))
    known = picture.calibration
    assert known is not None
    assert known.reference_pixel is not None
    # As probe/simulation/phantom.py places it: the share of half the sector, and of the depth.
    radius = 50 + 0.42 * 100
    angle = np.radians(-0.45 * 33)
    column, row = (
        round(pixel + (mm / 10 - at) / delta)
        for pixel, mm, at, delta in zip(
            known.reference_pixel,
            (radius * np.sin(angle), radius * np.cos(angle)),
            known.reference_physical_cm,
            (known.physical_delta_x_cm, known.physical_delta_y_cm),
            strict=True,
        )
    )
    dark = picture.pixels < 70
    across = _run(dark[row - 3 : row + 4].all(axis=0), column)
    down = _run(dark[:, column - 3 : column + 4].all(axis=1), row)
    assert across == pytest.approx(24 / (10 * known.physical_delta_x_cm), rel=0.15)
    assert down == pytest.approx(across, rel=0.12)


def _run(dark: Any, start: int) -> int:
    """How many in a row are dark about `start`."""
    assert dark[start]
    light = np.flatnonzero(~dark)
    return int(light[light > start].min() - light[light < start].max() - 1)


def test_pixels_that_are_not_square_still_lie_where_they_say() -> None:
    """With both sides wanted the sector fills the image, from border to border."""
    grid = grid_of((80, 160, 57), columns=300, rows=500)
    image = ScanConverter(grid).image(np.full((64, 500), 200, dtype=np.float32))
    assert image.shape == (500, 300)
    assert image[:, 1].any()
    assert image[:, -2].any()
    assert image[-2].any()
    assert grid.delta_x_mm == pytest.approx(2 * 160 * np.sin(np.radians(28.5)) / 299)
