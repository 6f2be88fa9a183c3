"""A picture cut and scaled to a viewport (PS3.18 8.3.5.1.3). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from echonode.dicomweb.answers import Refused
from echonode.transcoding.picture import Picture
from echonode.transcoding.scaled_picture import scaled

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
    return scaled(part, height, width)


def _part(picture: Picture, viewport: Viewport) -> Picture:
    rows, columns = picture.shape[:2]
    left, top = int(viewport.left), int(viewport.top)
    across = columns - left if viewport.across is None else int(viewport.across)
    down = rows - top if viewport.down is None else int(viewport.down)
    if left < 0 or top < 0 or across < 1 or down < 1 or left >= columns or top >= rows:
        raise Refused(400, "the viewport shows no part of the image")
    return picture[top : top + down, left : left + across]
