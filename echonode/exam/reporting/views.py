"""How a person sees an image in the console, as a softcopy state: checked, with its measurements.

Pure. What was measured on the frame is drawn with its values, by the measurements that are kept:
the screen sends none of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom import Dataset

from echonode.errors import FieldRefused
from echonode.model.exam_report import report_text
from echonode.model.measurement import Measurement, MeasurementKind
from echonode.model.softcopy_state import (
    LONGEST_NOTE,
    MOST_DRAWN,
    Drawn,
    DrawnKind,
    SoftcopyState,
)
from echonode.model.us_region import Point
from echonode.objects.reports.structured import scoord
from echonode.objects.reports.words import value_text

_LEAST_AREA = 2.0  # pixels: less is no view
_MOST_CENTER, _MOST_WIDTH = 1e6, 1e6


@dataclass(frozen=True, kw_only=True)
class View:
    """What the screen says. notes: texts and their points. language: of the decimal mark."""

    frame: int
    description: str = ""
    window: tuple[float, float] | None = None
    area: tuple[float, float, float, float] | None = None
    notes: Sequence[tuple[str, Point]] = ()
    language: str = "en"


def view_state(
    sop_instance_uid: str, view: View, image: Dataset, made: Sequence[Measurement]
) -> SoftcopyState:
    """Raises FieldRefused."""
    frames = int(image.get("NumberOfFrames") or 1)
    if not 1 <= view.frame <= frames:
        raise FieldRefused("frame", "is not of this image", f"give 1 to {frames}")
    columns, rows = float(image.Columns), float(image.Rows)
    notes = [
        Drawn(
            kind=DrawnKind.TEXT,
            points=(_inside(point, columns, rows),),
            text=report_text("notes", text, longest=LONGEST_NOTE),
        )
        for text, point in view.notes
        if text.strip()
    ]
    measured = [_drawn(each, view.language) for each in made if each.frame == view.frame]
    if len(notes) + len(measured) > MOST_DRAWN:
        raise FieldRefused("notes", "are too many", f"at most {MOST_DRAWN} with what was measured")
    return SoftcopyState(
        sop_instance_uid=sop_instance_uid,
        frame=view.frame,
        description=report_text("description", view.description, longest=64),
        window=_window(view.window),
        area=_area(view.area, columns, rows),
        drawn=(*measured, *notes),
    )


def _inside(point: Point, columns: float, rows: float) -> Point:
    x, y = point
    if not (0 <= x <= columns and 0 <= y <= rows):
        raise FieldRefused("notes", "has a point that is not on the image", "set it on the image")
    return point


def _window(window: tuple[float, float] | None) -> tuple[float, float] | None:
    if window is None:
        return None
    center, width = window
    if not (1 <= width <= _MOST_WIDTH and abs(center) <= _MOST_CENTER):
        raise FieldRefused("window", "cannot be applied", "give {center, width}, width 1 or more")
    return window


def _area(
    area: tuple[float, float, float, float] | None, columns: float, rows: float
) -> tuple[float, float, float, float] | None:
    """What is visible of the image; None of all of it."""
    if area is None:
        return None
    left, top = max(0.0, area[0]), max(0.0, area[1])
    right, bottom = min(columns, area[2]), min(rows, area[3])
    if (
        not all(map(math.isfinite, area))
        or right - left < _LEAST_AREA
        or bottom - top < _LEAST_AREA
    ):
        raise FieldRefused("area", "shows nothing of the image", "give [left, top, right, bottom]")
    whole = (0.0, 0.0, columns, rows)
    return None if (left, top, right, bottom) == whole else (left, top, right, bottom)


def _drawn(made: Measurement, language: str) -> Drawn:
    """A measurement with its first value, and its label before it."""
    _, points = scoord(made)
    value = value_text(made.results[0].value, made.results[0].unit, language)
    kind = DrawnKind.ELLIPSE if made.kind is MeasurementKind.ELLIPSE else DrawnKind.POLYLINE
    return Drawn(kind=kind, points=tuple(points), text=f"{made.label} {value}".strip())
