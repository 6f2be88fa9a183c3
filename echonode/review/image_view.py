"""What a viewer must know of an image to show, play and measure it; pure.

Rules
- Read from the dataset's own attributes, one by one: one that cannot be read is as if it were not
  there. What is missing is said, never guessed: a cine without times has none.
- A cine's times come from what Frame Increment Pointer names (PS3.3 C.7.6.6): Frame Time Vector,
  whose first value has no frame before it and does not count (C.7.6.5.1.2), or Frame Time. Where
  neither is there, Cine Rate or Recommended Display Frame Rate gives the spacing, and is named.
- A frame is shown until the next one; the last as long as the mean of those before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import Any

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from echonode.errors import EchoNodeError
from echonode.model.parse_faults import fenced
from echonode.model.us_region import MM_PER_CM, UsRegion, WhyNot

_KEYWORDS = (
    *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation"),
    *("BitsAllocated", "BitsStored", "PixelRepresentation", "RescaleSlope", "RescaleIntercept"),
    *("WindowCenter", "WindowWidth", "VOILUTSequence"),
    *("FrameIncrementPointer", "FrameTime", "FrameTimeVector"),
    *("CineRate", "RecommendedDisplayFrameRate", "SequenceOfUltrasoundRegions"),
    *("PixelAspectRatio", "PixelSpacing", "LossyImageCompression", "DepthOfScanField"),
    *("BurnedInAnnotation", "Laterality", "ImageLaterality"),
)
TAGS = frozenset(int(Tag(keyword)) for keyword in _KEYWORDS)

MOST_REGIONS = 64  # of an image; a screen of a large machine has ten
_LONGEST_FRAME_MS = 60_000.0  # a frame of over a minute is a fault of its sender
_2D, _CM = 1, 3  # C.8.5.5.1.1, C.8.5.5.1.15
_FORMATS = {2: WhyNot.TRACE, 3: WhyNot.SPECTRUM, 4: WhyNot.WAVE_FORM, 5: WhyNot.GRAPHICS}
_TIME_VECTOR, _TIME = Tag("FrameTimeVector"), Tag("FrameTime")


class Timing(StrEnum):
    """Where the times of a cine come from."""

    VECTOR = "frame_time_vector"
    FRAME_TIME = "frame_time"
    RATE = "rate"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class ImageView:
    """One image. durations_ms: how long each frame is shown; () where no times are recorded.

    pixel_ratio: height of a pixel over its width. window: center and width; None where the image
    has none. voi_lut: it has a VOI LUT, by which the node shows it. laterality: R, L or ''.
    """

    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    bits_stored: int
    durations_ms: tuple[float, ...]
    timing: Timing
    regions: tuple[UsRegion, ...]
    pixel_ratio: float = 1.0
    window: tuple[float, float] | None = None
    voi_lut: bool = False
    lossy: bool = False
    depth_mm: float | None = None
    burned_in: str = ""
    laterality: str = ""

    @property
    def times_ms(self) -> tuple[float, ...]:
        """When each frame begins, from the first on."""
        return tuple(accumulate(self.durations_ms[:-1], initial=0.0)) if self.durations_ms else ()


def image_view(dataset: Dataset) -> ImageView:
    """The view of a dataset that has the elements of TAGS. Does not raise."""
    frames = max(1, int(_number(dataset, "NumberOfFrames") or 1))
    durations, timing = _durations(dataset, frames)
    center, width = _number(dataset, "WindowCenter"), _number(dataset, "WindowWidth")
    return ImageView(
        rows=int(_number(dataset, "Rows") or 0),
        columns=int(_number(dataset, "Columns") or 0),
        frames=frames,
        samples=int(_number(dataset, "SamplesPerPixel") or 1),
        photometric=_text(dataset, "PhotometricInterpretation"),
        bits_stored=int(_number(dataset, "BitsStored") or 8),
        durations_ms=durations,
        timing=timing,
        regions=us_regions(dataset),
        pixel_ratio=_pixel_ratio(dataset),
        window=(center, width) if center is not None and width and width >= 1 else None,
        voi_lut=bool(_items(dataset, "VOILUTSequence")),
        lossy=_text(dataset, "LossyImageCompression") == "01",
        depth_mm=_number(dataset, "DepthOfScanField"),
        burned_in=_text(dataset, "BurnedInAnnotation"),
        laterality=_text(dataset, "ImageLaterality") or _text(dataset, "Laterality"),
    )


def us_regions(dataset: Dataset) -> tuple[UsRegion, ...]:
    """The regions of an image, calibrated or not."""
    found: list[UsRegion] = []
    for item in _items(dataset, "SequenceOfUltrasoundRegions")[:MOST_REGIONS]:
        region = _region(item)
        if region is not None:
            found.append(region)
    return tuple(found)


def _region(item: Dataset) -> UsRegion | None:
    edges = [
        _number(item, f"RegionLocation{edge}") for edge in ("MinX0", "MinY0", "MaxX1", "MaxY1")
    ]
    if any(edge is None or not 0 <= edge < 2**31 for edge in edges):
        return None
    x0, y0, x1, y1 = (int(edge or 0) for edge in edges)
    if x1 < x0 or y1 < y0:
        return None
    flags = int(_number(item, "RegionFlags") or 0)
    why_not = _why_not(item)
    deltas = [abs(_number(item, f"PhysicalDelta{axis}") or 0.0) for axis in "XY"]
    return UsRegion(
        x0=x0,
        y0=y0,
        x1=x1,
        y1=y1,
        delta_x_mm=0.0 if why_not else deltas[0] * MM_PER_CM,
        delta_y_mm=0.0 if why_not else deltas[1] * MM_PER_CM,
        why_not=why_not,
        low_priority=bool(flags & 1),
    )


def _why_not(item: Dataset) -> WhyNot | None:
    """Why no length is measured in a region; None where one is."""
    spatial = int(_number(item, "RegionSpatialFormat") or 0)
    if spatial != _2D:
        return _FORMATS.get(spatial, WhyNot.UNKNOWN)
    if [_number(item, f"PhysicalUnits{axis}Direction") for axis in "XY"] != [_CM, _CM]:
        return WhyNot.UNIT
    if any(not _number(item, f"PhysicalDelta{axis}") for axis in "XY"):
        return WhyNot.SCALE
    return None


def _durations(dataset: Dataset, frames: int) -> tuple[tuple[float, ...], Timing]:
    if frames == 1:
        return (), Timing.NONE
    pointers = {int(tag) for tag in _tags(dataset, "FrameIncrementPointer")}
    vector, frame_time = _from_vector(dataset, frames), _usable(_number(dataset, "FrameTime"))
    if vector and (int(_TIME_VECTOR) in pointers or int(_TIME) not in pointers):
        return vector, Timing.VECTOR
    if frame_time:
        return (frame_time,) * frames, Timing.FRAME_TIME
    if vector:
        return vector, Timing.VECTOR
    for keyword in ("CineRate", "RecommendedDisplayFrameRate"):
        rate = _number(dataset, keyword)
        spacing = _usable(1000 / rate) if rate and rate > 0 else None
        if spacing:
            return (spacing,) * frames, Timing.RATE
    return (), Timing.NONE


def _from_vector(dataset: Dataset, frames: int) -> tuple[float, ...]:
    steps = _numbers(dataset, "FrameTimeVector")[1:]
    if len(steps) != frames - 1 or not all(0 <= step <= _LONGEST_FRAME_MS for step in steps):
        return ()
    mean = math.fsum(steps) / len(steps)
    return (*steps, mean) if mean > 0 else ()


def _usable(milliseconds: float | None) -> float | None:
    is_time = milliseconds is not None and 0 < milliseconds <= _LONGEST_FRAME_MS
    return milliseconds if is_time else None


def _pixel_ratio(dataset: Dataset) -> float:
    """Height over width: of Pixel Spacing, else of Pixel Aspect Ratio, else 1 (C.7.6.3.1.7)."""
    for keyword in ("PixelSpacing", "PixelAspectRatio"):
        values = _numbers(dataset, keyword)
        if len(values) == 2 and min(values) > 0 and 0.05 <= values[0] / values[1] <= 20:
            return values[0] / values[1]
    return 1.0


def _value(dataset: Dataset, keyword: str) -> object:
    try:
        with fenced(keyword):
            element = dataset.get(keyword)
            str(element)
            return element
    except EchoNodeError:
        return None


def _items(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    value = _value(dataset, keyword)
    found = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    return [item for item in found if isinstance(item, Dataset)]


def _numbers(dataset: Dataset, keyword: str) -> list[float]:
    """All values; none where one of them is no finite number."""
    value: Any = _value(dataset, keyword)
    single = isinstance(value, str | int | float) or not isinstance(value, Iterable)
    values = [value] if single else list(value)
    try:
        numbers = [float(each) for each in values if each not in (None, "")]
    except (TypeError, ValueError, OverflowError):
        return []
    return numbers if all(map(math.isfinite, numbers)) else []


def _number(dataset: Dataset, keyword: str) -> float | None:
    """The first value."""
    numbers = _numbers(dataset, keyword)
    return numbers[0] if numbers else None


def _tags(dataset: Dataset, keyword: str) -> list[int]:
    value = _value(dataset, keyword)
    values = list(value) if isinstance(value, list | tuple) else [value]
    return [int(each) for each in values if isinstance(each, int)]


def _text(dataset: Dataset, keyword: str) -> str:
    value = _value(dataset, keyword)
    return value.strip() if isinstance(value, str) else ""
