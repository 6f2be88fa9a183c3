"""Parallel scan lines, of a linear array, to the rows and columns of an image.

Rules
- The first line is the left border, the first sample the upper one. Lines lie ten times as far
  apart as samples, or so; the image's pixels are square all the same (image_grid.py).
- A pixel is the bilinear mean of its four neighbours, two lines and two samples, as in a sector.
  What an even number of square pixels covers beyond the last line or sample is black.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echonode.frames.imaging.image_grid import square_pixels

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

_ROUNDING = 1e-6


class ParallelConverter:
    """Planes of (lines, samples), two of each at least, to images.

    spacing_mm: from line to line and from sample to sample. columns, rows: as configured;
    columns, rows, delta_mm of it: of the image; the last (x, y) from a pixel to the next.
    """

    def __init__(
        self,
        *,
        lines: int,
        samples: int,
        spacing_mm: tuple[float, float],
        columns: int | None,
        rows: int | None,
    ) -> None:
        if lines < 2 or samples < 2:
            raise ValueError(f"no picture: {lines} lines of {samples} samples")
        across_mm, along_mm = spacing_mm
        width, height = (lines - 1) * across_mm, (samples - 1) * along_mm
        if columns is not None and rows is not None:
            delta_x, delta_y = width / (columns - 1), height / (rows - 1)
        else:
            columns, rows, delta_x = square_pixels(width, height, columns=columns, rows=rows)
            delta_y = delta_x
        self.columns, self.rows, self.delta_mm = columns, rows, (delta_x, delta_y)
        self._line = _Axis(columns, delta_x / across_mm, lines)
        self._sample = _Axis(rows, delta_y / along_mm, samples)

    def image(self, grey: Floats) -> NDArray[np.uint8]:
        """The image (rows, columns) of grey levels 0..255."""
        across = self._line.between(grey)  # (columns, samples)
        pixels = self._sample.between(across.T)  # (rows, columns)
        image: NDArray[np.uint8] = (pixels + np.float32(0.5)).astype(np.uint8)
        return image


class _Axis:
    """Pixels along one axis, each between two of `count` items. step: items from pixel to pixel."""

    def __init__(self, pixels: int, step: float, count: int) -> None:
        place = np.arange(pixels) * step
        self._first: Indices = np.clip(place.astype(np.intp), 0, count - 2)
        share = np.clip(place - self._first, 0, 1)
        self._share: Floats = share.astype(np.float32)[:, None]
        self._inside: Floats = (place <= count - 1 + _ROUNDING).astype(np.float32)[:, None]

    def between(self, items: Floats) -> Floats:
        """(pixels, n) of (count, n)."""
        first, second = items[self._first], items[self._first + 1]
        mixed: Floats = (first + (second - first) * self._share) * self._inside
        return mixed
