"""Which part of an image stays, and the rest made black (PS3.15 E.3.1, Clean Pixel Data).

Rules
- What an image says of text in its pixels, Burned In Annotation (PS3.3 C.7.6.1), decides. Images
  that this node made of echoes have no text, say NO, and are left as they are.
- Of every other image only the ultrasound regions stay (PS3.3 C.8.5.5): names stand outside.
- Text may stand inside the regions of some vendors' images, too. One that does not say NO is shown
  to a person before a copy of it goes anywhere, masked or not.
- Where two pixels share their colour (native YBR_FULL_422), both stay or neither does.
- Regions that are no area of the image are not believed: the image then has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from echonode.transcoding.pixel_layout import YBR_FULL, Pixels

_MOST_REGIONS = 1000  # devices have some ten


@dataclass(frozen=True)
class Box:
    """Pixels x0 to x1 and y0 to y1, all inside."""

    x0: int
    y0: int
    x1: int
    y1: int


@dataclass(frozen=True, kw_only=True)
class PixelPlan:
    """What is done with the pixels. stays: the areas that stay; empty: all of it stays.

    needs_look: whether a person must have seen that no text is left.
    """

    stays: tuple[Box, ...] = ()
    needs_look: bool = False


def plan_of(dataset: Dataset, *, made_here: bool) -> PixelPlan:
    """The plan for an image. made_here: whether this node built it of a probe's frames."""
    says_no = str(dataset.get("BurnedInAnnotation") or "").strip().upper() == "NO"
    if made_here and says_no:
        return PixelPlan()
    rows, columns = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    boxes = _boxes(dataset, rows=rows, columns=columns)
    whole = Box(0, 0, columns - 1, rows - 1)
    return PixelPlan(stays=() if whole in boxes else boxes, needs_look=not says_no)


def _boxes(dataset: Dataset, *, rows: int, columns: int) -> tuple[Box, ...]:
    boxes = []
    for item in list(dataset.get("SequenceOfUltrasoundRegions") or [])[:_MOST_REGIONS]:
        try:
            box = Box(
                int(item.RegionLocationMinX0),
                int(item.RegionLocationMinY0),
                # Devices name the pixel behind the last one, too.
                min(int(item.RegionLocationMaxX1), columns - 1),
                min(int(item.RegionLocationMaxY1), rows - 1),
            )
        except (AttributeError, TypeError, ValueError):
            continue
        if 0 <= box.x0 <= box.x1 and 0 <= box.y0 <= box.y1:
            boxes.append(box)
    return tuple(boxes)


def of_pairs(stays: Sequence[Box]) -> list[Box]:
    """The part of areas that is made of whole pairs of pixels: columns 0 and 1, 2 and 3, ..."""
    even = (Box(box.x0 + box.x0 % 2, box.y0, (box.x1 + 1) // 2 * 2 - 1, box.y1) for box in stays)
    return [box for box in even if box.x0 <= box.x1]


def blacked(frame: bytes, pixels: Pixels, stays: Sequence[Box]) -> bytes:
    """A native frame, black outside of the areas. frame: as long as `pixels` says."""
    kind = np.dtype(f"<{'i' if pixels.signed else 'u'}{pixels.bits_allocated // 8}")
    planes = _planes(np.frombuffer(frame, dtype=kind), pixels)
    outside = np.ones((pixels.rows, pixels.columns), dtype=bool)
    for box in stays:
        outside[box.y0 : box.y1 + 1, box.x0 : box.x1 + 1] = False
    for plane, black in zip(planes, _black(pixels), strict=True):
        plane[outside] = black
    order = planes if pixels.planar else np.moveaxis(planes, 0, -1)
    return np.ascontiguousarray(order).tobytes()


def _planes(flat: NDArray[np.generic], pixels: Pixels) -> NDArray[np.generic]:
    """(samples, rows, columns), writable."""
    if pixels.planar:
        return flat.reshape(pixels.samples, pixels.rows, pixels.columns).copy()
    by_pixel = flat.reshape(pixels.rows, pixels.columns, pixels.samples)
    return np.moveaxis(by_pixel, -1, 0).copy()


def _black(pixels: Pixels) -> tuple[int, ...]:
    """The value of each sample that is shown as black; of a palette, its first colour."""
    if pixels.photometric == YBR_FULL:
        middle = 1 << (pixels.bits_stored - 1)
        return (0, middle, middle)
    low = -(1 << (pixels.bits_stored - 1)) if pixels.signed else 0
    high = low + (1 << pixels.bits_stored) - 1
    return (high if pixels.photometric == "MONOCHROME1" else low,) * pixels.samples
