"""A picture made larger or smaller: block means, then bilinear between neighbours. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echonode.transcoding.picture import Picture

# An M-mode or a narrow linear probe: a pixel five times as high as wide. More is a wrong value, and
# would make a picture of any size.
MOST_UNEVEN = 20.0


def scaled(picture: Picture, height: int, width: int) -> Picture:
    """The picture with `height` rows and `width` columns."""
    rows, columns = picture.shape[:2]
    if (rows, columns) == (height, width):
        return picture
    # Means of whole blocks first: fine structures must not flicker when much is left out.
    tall, wide = max(1, rows // height), max(1, columns // width)
    if tall > 1 or wide > 1:
        whole = picture[: rows // tall * tall, : columns // wide * wide].astype(np.float32)
        shape = (rows // tall, tall, columns // wide, wide, picture.shape[2])
        values = whole.reshape(shape).mean(axis=(1, 3), dtype=np.float32)
    else:
        values = picture.astype(np.float32)
    rows, columns = values.shape[:2]
    upper, lower, below = _neighbours(rows, height)
    left, right, beside = _neighbours(columns, width)
    below, beside = below[:, None, None], beside[None, :, None]
    first = values[upper][:, left] * (1 - beside) + values[upper][:, right] * beside
    second = values[lower][:, left] * (1 - beside) + values[lower][:, right] * beside
    mixed = first * (1 - below) + second * below
    result: Picture = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return result


def squared(picture: Picture, pixel_ratio: float) -> Picture:
    """The picture with square pixels: enlarged in one direction, so that nothing is lost.

    pixel_ratio: height of a pixel over its width. One beyond MOST_UNEVEN is not believed.
    """
    if pixel_ratio == 1 or not 1 / MOST_UNEVEN <= pixel_ratio <= MOST_UNEVEN:
        return picture
    rows, columns = picture.shape[:2]
    if pixel_ratio > 1:
        return scaled(picture, max(1, round(rows * pixel_ratio)), columns)
    return scaled(picture, rows, max(1, round(columns / pixel_ratio)))


def _neighbours(
    size: int, wanted: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each place of the result: the two nearest of the source, and the share of the second."""
    places = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
    first = np.floor(places).astype(np.intp)
    second = np.minimum(first + 1, size - 1)
    return first, second, (places - first).astype(np.float32)
