"""How many rows and columns the image of a sector has, and where its pixels lie.

Rules
- The apex is the origin, x across, y into depth, both in mm. The sector spans
  x = -rf sin(s/2) .. rf sin(s/2) and y = r0 cos(s/2) .. rf (echOpen app,
  ProbeCinematicProvider.java). Near field at the top, line 1 at the left.
- Pixels are square, because many viewers and every plain picture format ignore the spacing. Only
  where the operator gives rows and columns both, that size is kept and the two deltas differ.
- A size that is not configured follows from the sector's shape: one given side decides the other.
  Without any, the image has about PIXELS pixels in every shape, so its cost is always the same.
- A side that is chosen here is even: video codecs that subsample colour take no other.
- The centres of the first row's pixels lie on the sector's upper border. What an even number of
  square pixels covers beyond the sector is black: below it, and equally at both sides.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from echonode.frames.frame import Calibration
from echonode.probe.messages import SectorGeometry

PIXELS = 512 * 512  # as the echOpen app's picture has
SMALLEST_SIDE = 64  # of a size that is chosen here; as in the configuration
LARGEST_SIDE = 2048  # the same

# A border pixel's centre lies on the border up to rounding; a millionth of a pixel is still on it.
_ROUNDING = 1e-6


@dataclass(frozen=True, kw_only=True)
class ImageGrid:
    """Where the pixels' centres of a sector's image lie, in mm from the apex.

    left_mm: x of the first column. delta_x_mm, delta_y_mm: from a pixel to the next.
    """

    geometry: SectorGeometry
    columns: int
    rows: int
    left_mm: float
    delta_x_mm: float
    delta_y_mm: float

    @property
    def top_mm(self) -> float:
        """The y of the first row."""
        return _top_mm(self.geometry)

    def pixel_of(self, x_mm: float, y_mm: float) -> tuple[float, float]:
        """(column, row) of a point, in fractions of a pixel."""
        return (x_mm - self.left_mm) / self.delta_x_mm, (y_mm - self.top_mm) / self.delta_y_mm

    def calibration(self, transducer_frequency_khz: float | None = None) -> Calibration:
        """What a pixel measures (PS3.3 C.8.5.5); the reference pixel is the one next to the apex.

        The apex seldom lies on a pixel's centre: what is left is the reference pixel's own place.
        """
        column, row = self.pixel_of(0.0, 0.0)
        # With an even number of columns the apex lies between two: rounding errors must not choose.
        pixel = round(column + _ROUNDING), round(row + _ROUNDING)
        return Calibration(
            region=(0, 0, self.columns - 1, self.rows - 1),
            physical_delta_x_cm=self.delta_x_mm / 10,
            physical_delta_y_cm=self.delta_y_mm / 10,
            reference_pixel=pixel,
            reference_physical_cm=(
                (pixel[0] - column) * self.delta_x_mm / 10,
                (pixel[1] - row) * self.delta_y_mm / 10,
            ),
            transducer_frequency_khz=transducer_frequency_khz,
            sound_speed_m_s=self.geometry.sound_speed_m_s,
        )


def image_grid(geometry: SectorGeometry, *, columns: int | None, rows: int | None) -> ImageGrid:
    """The grid of an image of `geometry`; columns, rows: as configured, None leaves it to us."""
    width = 2 * geometry.rf_mm * math.sin(math.radians(geometry.sector_deg / 2))
    height = geometry.rf_mm - _top_mm(geometry)
    if columns is not None and rows is not None:
        delta_x, delta_y = width / (columns - 1), height / (rows - 1)
    else:
        columns, rows, delta_x = square_pixels(width, height, columns=columns, rows=rows)
        delta_y = delta_x
    return ImageGrid(
        geometry=geometry,
        columns=columns,
        rows=rows,
        left_mm=-(columns - 1) / 2 * delta_x,
        delta_x_mm=delta_x,
        delta_y_mm=delta_y,
    )


def square_pixels(
    width: float, height: float, *, columns: int | None, rows: int | None
) -> tuple[int, int, float]:
    """(columns, rows, delta) of square pixels over width x height; at most one side is given.

    delta is in the unit of the two lengths.
    """
    if columns is None and rows is None:
        columns = _even(_columns_of(width, height), math.floor)
    if columns is not None:
        delta = max(width / (columns - 1), height / (LARGEST_SIDE - 1))
        return columns, _even(height / delta + 1, math.ceil), delta
    assert rows is not None
    delta = max(height / (rows - 1), width / (LARGEST_SIDE - 1))
    return _even(width / delta + 1, math.ceil), rows, delta


def _columns_of(width: float, height: float) -> float:
    """The columns of a picture of PIXELS pixels: n columns and (n - 1) height / width + 1 rows."""
    ratio = height / width
    return (ratio - 1 + math.sqrt((1 - ratio) ** 2 + 4 * ratio * PIXELS)) / (2 * ratio)


def _even(side: float, towards: Callable[[float], int]) -> int:
    """The next even side within the limits."""
    even = 2 * towards((side - _ROUNDING) / 2 if towards is math.ceil else side / 2)
    return min(max(even, SMALLEST_SIDE), LARGEST_SIDE)


def _top_mm(geometry: SectorGeometry) -> float:
    """The y of the near border's corners, the uppermost points of the sector."""
    return geometry.r0_mm * math.cos(math.radians(geometry.sector_deg / 2))
