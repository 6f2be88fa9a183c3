"""How a person saw an image, as a value: window, visible part, what was drawn on it.

Rules
- Points are image coordinates as in us_region.py: column, then row, (0, 0) at the corner.
- A state is of one image. What was drawn is of one frame of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from echonode.model.us_region import Point

MOST_DRAWN = 100
LONGEST_NOTE = 256  # characters of one text; ST, and what a viewer shows next to a point


class DrawnKind(StrEnum):
    """A graphic type of PS3.3 C.10.5.1.2, or text alone."""

    POLYLINE = "polyline"
    ELLIPSE = "ellipse"
    TEXT = "text"


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One line, ellipse or text. text: at its first point, or '' where it is a graphic alone.

    points: an ellipse's are the ends of its long axis, then of its short one.
    """

    kind: DrawnKind
    points: tuple[Point, ...]
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class SoftcopyState:
    """One view of one image.

    frame: that was drawn on, from 1 on. window: center and width of its grey values; None is the
    image's own. area: left, top, right, bottom of what was visible; None is all of it.
    """

    sop_instance_uid: str
    frame: int
    description: str = ""
    window: tuple[float, float] | None = None
    area: tuple[float, float, float, float] | None = None
    drawn: tuple[Drawn, ...] = ()
