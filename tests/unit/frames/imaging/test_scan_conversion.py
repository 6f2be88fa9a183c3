"""Where an echo is in the image is where it is in the body."""

from __future__ import annotations

import numpy as np
import pytest

from echonode.frames.imaging.image_grid import image_grid
from echonode.frames.imaging.scan_conversion import ScanConverter
from echonode.probe.messages import SectorGeometry

KIT = SectorGeometry(
    lines=64,
    samples=1689,
    r0_mm=80,
    rf_mm=160,
    sector_deg=57,
    sample_spacing_mm=0.04736,
    sampling_rate_hz=15.625e6,
    sound_speed_m_s=1480,
)
GRID = image_grid(KIT, columns=512, rows=512)


def target(line: int, sample: int) -> np.ndarray:
    """Grey on the probe's grid: one point, spread to its neighbours so that a pixel meets it."""
    off_line = np.arange(64)[:, None] - line
    off_sample = np.arange(1689)[None, :] - sample
    spread = np.exp(-(off_line**2) / 2 - (off_sample / 5) ** 2 / 2)
    return (255 * spread).astype(np.float32)


@pytest.mark.parametrize("line", [2, 17, 31, 50, 61])
@pytest.mark.parametrize("sample", [20, 500, 1000, 1660])
def test_a_point_lies_at_its_millimetres(line: int, sample: int) -> None:
    """Measured by reference pixel and deltas alone, as a viewer does: within 0.5 mm."""
    image = ScanConverter(GRID).image(target(line, sample)).astype(float)
    image[image < 60] = 0
    rows, columns = np.indices(image.shape)
    row, column = (float((image * k).sum() / image.sum()) for k in (rows, columns))
    calibration = GRID.calibration()
    assert calibration.reference_pixel is not None
    x = (column - calibration.reference_pixel[0]) * calibration.physical_delta_x_cm * 10
    y = (row - calibration.reference_pixel[1]) * calibration.physical_delta_y_cm * 10
    radius = 80 + sample * 0.04736
    theta = np.radians(-28.5 + 57 * line / 63)
    assert np.hypot(x, y) == pytest.approx(radius, abs=0.5)
    assert x == pytest.approx(radius * np.sin(theta), abs=0.5)
    assert y == pytest.approx(radius * np.cos(theta), abs=0.5)


def test_the_image_measures_what_the_probe_says() -> None:
    """r0, rf and the sector's width, read off the image's own borders: within 0.5 mm."""
    image = ScanConverter(GRID).image(np.full((64, 1689), 200, dtype=np.float32))
    calibration = GRID.calibration()
    assert calibration.reference_pixel is not None
    dx, dy = calibration.physical_delta_x_cm * 10, calibration.physical_delta_y_cm * 10
    lit_rows = np.flatnonzero(image[:, 256])
    apex = calibration.reference_pixel[1]
    assert (lit_rows[0] - apex) * dy == pytest.approx(80, abs=0.5)
    assert (lit_rows[-1] - apex) * dy == pytest.approx(160, abs=0.5)
    lit_columns = np.flatnonzero(image.any(axis=0))
    width = 2 * 160 * np.sin(np.radians(28.5))
    assert (lit_columns[-1] - lit_columns[0] + 1) * dx == pytest.approx(width, abs=0.5)


def test_a_size_that_is_wanted_is_kept_and_says_what_it_makes_of_pixels() -> None:
    """80/160 mm and 57 degrees on 512 x 512: 0.299 mm across, 0.176 mm down."""
    calibration = GRID.calibration(3500)
    assert calibration.region == (0, 0, 511, 511)
    assert calibration.physical_delta_x_cm == pytest.approx(0.0299, abs=5e-5)
    assert calibration.physical_delta_y_cm == pytest.approx(0.01755, abs=5e-5)
    assert calibration.reference_pixel == (256, -401)
    assert calibration.transducer_frequency_khz == 3500
    assert calibration.sound_speed_m_s == 1480


def test_the_near_field_is_up_and_line_1_is_left() -> None:
    """A bright near field lights the top; a bright first line the left."""
    near = np.zeros((64, 1689), dtype=np.float32)
    near[:, :100] = 255
    image = ScanConverter(GRID).image(near)
    assert image[:200].sum() > 100 * max(1, image[300:].sum())
    first = np.zeros((64, 1689), dtype=np.float32)
    first[:4] = 255
    image = ScanConverter(GRID).image(first)
    assert image[:, :256].any()
    assert not image[:, 256:].any()


def test_between_samples_the_image_is_straight() -> None:
    """Bilinear: grey that rises evenly across the lines and along them stays even, to rounding."""
    lines, samples = np.meshgrid(np.arange(64), np.arange(1689), indexing="ij")
    grey = (2 * lines + samples / 16).astype(np.float32)
    image = ScanConverter(GRID).image(grey)
    for x, y in ((0.0, 100.0), (-30.0, 110.0), (25.0, 130.0), (60.0, 140.0)):
        column, row = (round(value) for value in GRID.pixel_of(x, y))
        x_there = column * GRID.delta_x_mm + GRID.left_mm
        y_there = row * GRID.delta_y_mm + GRID.top_mm
        line = (np.degrees(np.arctan2(x_there, y_there)) + 28.5) / 57 * 63
        sample = (np.hypot(x_there, y_there) - 80) / 0.04736
        assert abs(float(image[row, column]) - (2 * line + sample / 16)) <= 0.51


def test_outside_the_sector_is_black() -> None:
    """Corners and the space above the near field hold nothing."""
    image = ScanConverter(GRID).image(np.full((64, 1689), 255, dtype=np.float32))
    assert image[0, 256] == image[0, 0] == image[511, 0] == image[511, 511] == 0
    assert np.unique(image).tolist() == [0, 255]


def test_the_smallest_sector_is_an_image() -> None:
    """Two lines of two samples, 180 degrees, r0 0: no fault at the corners of the tables."""
    tiny = SectorGeometry(
        lines=2,
        samples=2,
        r0_mm=0,
        rf_mm=10,
        sector_deg=180,
        sample_spacing_mm=10,
        sampling_rate_hz=1e6,
        sound_speed_m_s=1480,
    )
    grid = image_grid(tiny, columns=32, rows=16)
    image = ScanConverter(grid).image(np.full((2, 2), 100, dtype=np.float32))
    assert image.shape == (16, 32)
    assert image.max() == 100
