"""Lines of a sector to the rows and columns of an image, by tables built once for a geometry.

Rules
- Any movement of the transducer will do: a pixel is looked up on the rays of kinematics.py. Through
  a point at distance R and angle w from the pivot goes the ray at angle w - asin(q / R), where q is
  the radius of the circle that all rays touch; the point lies sqrt(R^2 - q^2) behind its foot. With
  an even rotation this is the plain polar grid: w is the angle, R the range, q is 0.
- Where the pixels lie, and how many there are, is image_grid.py's to say.
- A pixel is the bilinear mean of its four neighbours on the grid of lines and samples: two lines,
  two samples. A pixel outside the sector, or behind the last sample, is black; but a probe cuts its
  sample count down to a whole number, so the last sample, which may lie up to two spacings short of
  rf, holds up to there.
- Grey levels are interpolated, after compression.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from echonode.frames.imaging.image_grid import ImageGrid
from echonode.probe.kinematics import rotation
from echonode.probe.messages import SectorGeometry

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Indices = NDArray[np.intp]

# A border pixel's centre lies on the border up to rounding; a millionth of a line is still on it.
_ROUNDING = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class _Table:
    """For each pixel inside the sector: where it lies, and of which four samples it is made.

    corner: flat index of the sample on the line before, nearer the apex. across, along: how far the
    pixel lies towards the next line and the next sample, 0..1.
    """

    pixel: Indices
    corner: Indices
    across: Floats
    along: Floats


class ScanConverter:
    """Sweeps of `grid.geometry` to images. Not for two threads at once: it keeps its scratch."""

    def __init__(self, grid: ImageGrid) -> None:
        self.grid = grid
        self._table = _table(grid)
        self._scratch = [np.empty(len(self._table.pixel), dtype=np.float32) for _ in range(3)]

    def image(self, grey: Floats) -> NDArray[np.uint8]:
        """The image (rows, columns) of grey levels 0..255 on the (lines, samples) grid."""
        table, (near, far, other) = self._table, self._scratch
        flat = grey.ravel()
        step = self.grid.geometry.samples

        def along_a_line(shift: int, out: Floats) -> None:
            """out = the grey between two samples of a line, `shift` further on in the grid."""
            np.take(flat[shift:], table.corner, out=out, mode="clip")
            np.take(flat[shift + 1 :], table.corner, out=other, mode="clip")
            np.subtract(other, out, out=other)
            np.multiply(other, table.along, out=other)
            np.add(out, other, out=out)

        along_a_line(0, near)
        along_a_line(step, far)
        np.subtract(far, near, out=far)
        np.multiply(far, table.across, out=far)
        np.add(near, far, out=near)
        np.add(near, np.float32(0.5), out=near)  # casting cuts off: this makes it rounding
        image = np.zeros(self.grid.rows * self.grid.columns, dtype=np.uint8)
        image[table.pixel] = near.astype(np.uint8)
        return image.reshape(self.grid.rows, self.grid.columns)


@lru_cache(maxsize=4)  # a reconnect finds the tables of its geometry ready; about 4 MB each
def _table(grid: ImageGrid) -> _Table:
    geometry = grid.geometry
    x: Doubles = np.arange(grid.columns, dtype=np.float64)[None, :] * grid.delta_x_mm
    y: Doubles = np.arange(grid.rows, dtype=np.float64)[:, None] * grid.delta_y_mm
    x, y = x + grid.left_mm, y + grid.top_mm
    line, sample = _on_the_rays(geometry, x, y)
    inside = (
        _in_the_sector(geometry, x, y)
        & (line >= -_ROUNDING)
        & (line <= geometry.lines - 1 + _ROUNDING)
        & (sample >= -_ROUNDING)
        & (sample <= geometry.samples + 1)
    )
    line, sample = line[inside], sample[inside]
    first_line = np.clip(line.astype(np.intp), 0, geometry.lines - 2)
    first_sample = np.clip(sample.astype(np.intp), 0, geometry.samples - 2)
    return _Table(
        pixel=np.flatnonzero(inside),
        corner=first_line * geometry.samples + first_sample,
        across=np.clip(line - first_line, 0, 1).astype(np.float32),
        along=np.clip(sample - first_sample, 0, 1).astype(np.float32),
    )


def _in_the_sector(geometry: SectorGeometry, x: Doubles, y: Doubles) -> NDArray[np.bool_]:
    """Which points the image shows; (rows, columns)."""
    radius, half = np.hypot(x, y), np.radians(geometry.sector_deg / 2)
    shown: NDArray[np.bool_] = (
        (radius >= geometry.r0_mm - _ROUNDING)
        & (radius <= geometry.rf_mm * (1 + _ROUNDING))
        & (np.abs(np.arctan2(x, y)) <= half + _ROUNDING)
    )
    return shown


def _on_the_rays(geometry: SectorGeometry, x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
    """(line, sample) of points, from 0 and in fractions; both (rows, columns).

    A line below 0 or above the last is no line's: the sweep does not reach there.
    """
    rays = geometry.rays or rotation(
        lines=geometry.lines, sector_deg=geometry.sector_deg, r0_mm=geometry.r0_mm
    )
    tangent = rays.tangent_mm
    # The image's origin is the apex, where the border rays cross; the rays are about the pivot.
    from_pivot = x + tangent / np.cos(np.radians(geometry.sector_deg / 2))
    distance = np.maximum(np.hypot(from_pivot, y), abs(tangent))
    angle = np.arctan2(from_pivot, y) - np.arcsin(tangent / np.maximum(distance, _ROUNDING))
    behind_foot = np.sqrt(distance**2 - tangent**2)
    line = _place_among(np.radians(rays.angles_deg), angle)
    starts = np.asarray(rays.start_mm)
    begin = np.interp(line, np.arange(geometry.lines), starts)
    return line, (behind_foot - begin) / geometry.sample_spacing_mm


def _place_among(angles: Doubles, wanted: Doubles) -> Doubles:
    """Where each wanted angle lies among `angles`, which go one way; beyond them below 0 or above.

    Beyond the ends the spacing of the end goes on, so that rounding at a border stays rounding.
    """
    rising = angles if angles[0] < angles[-1] else angles[::-1]
    place = np.interp(wanted, rising, np.arange(len(rising)))
    below = np.minimum(wanted - rising[0], 0) / (rising[1] - rising[0])
    above = np.maximum(wanted - rising[-1], 0) / (rising[-1] - rising[-2])
    place = place + below + above
    ordered: Doubles = place if rising is angles else len(angles) - 1 - place
    return ordered
