"""A picture cut and scaled to a viewport (PS3.18 8.3.5.1.3). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from echonode.dicomweb.answers import Refused

Picture = NDArray[np.uint8]

LONGEST_SIDE: Final = 8192  # of what is made; no screen is larger


@dataclass(frozen=True, kw_only=True)
class Viewport:
    """width, height: what the picture must fit in, None for any. left, top: of the part of the
    image that is shown; across, down: its size, None for the rest of it.
    """

    width: int | None = None
    height: int | None = None
    left: float = 0.0
    top: float = 0.0
    across: float | None = None
    down: float | None = None


def fitted(picture: Picture, viewport: Viewport) -> Picture:
    """The part, scaled to fit, its proportions kept. Raises Refused for an empty part."""
    part = _part(picture, viewport)
    rows, columns = part.shape[:2]
    scales = [
        wanted / size
        for wanted, size in ((viewport.width, columns), (viewport.height, rows))
        if wanted is not None
    ]
    if not scales:
        return part
    scale = min(scales)
    height = min(LONGEST_SIDE, max(1, round(rows * scale)))
    width = min(LONGEST_SIDE, max(1, round(columns * scale)))
    return _scaled(part, height, width)


def _part(picture: Picture, viewport: Viewport) -> Picture:
    rows, columns = picture.shape[:2]
    left, top = int(viewport.left), int(viewport.top)
    across = columns - left if viewport.across is None else int(viewport.across)
    down = rows - top if viewport.down is None else int(viewport.down)
    if left < 0 or top < 0 or across < 1 or down < 1 or left >= columns or top >= rows:
        raise Refused(400, "the viewport shows no part of the image")
    return picture[top : top + down, left : left + across]


def _scaled(picture: Picture, height: int, width: int) -> Picture:
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
    scaled: Picture = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return scaled


def _neighbours(
    size: int, wanted: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each place of the result: the two nearest of the source, and the share of the second."""
    places = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
    first = np.floor(places).astype(np.intp)
    second = np.minimum(first + 1, size - 1)
    return first, second, (places - first).astype(np.float32)
