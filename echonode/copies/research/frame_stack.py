"""An instance as research formats have it: frames, what a pixel measures, times and transforms.

Rules
- Grey values are the stored ones. Colour, whatever its coding, is RGB of 8 bits; a palette, too.
- Spacing is that of the one calibrated region, else Pixel Spacing, else none: never a default. The
  formats, which demand a number, write 1 then, and say that it is not known.
- Times are seconds from the first frame; none where the instance does not say.
- Transforms are of this node's private block (objects/tracking.py): 4 x 4, row by row, in mm.
- Whatever a header makes of all this is checked against the number of frames before it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from echonode.copies.source import CopyOptions, CopySource
from echonode.errors import InvalidObject
from echonode.model.parse_faults import fenced
from echonode.objects.tracking import Tracking, read_tracking
from echonode.review.image_view import ImageView, image_view
from echonode.transcoding.picture import picture_of, samples_of
from echonode.transcoding.pixel_layout import MONOCHROME


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameStack:
    """frames: (rows, columns) or (rows, columns, 3) each, of `kind`, read as they are asked for.

    spacing_mm: (x, y), None where nothing says. times_s: of each frame from the first one on; empty
    where nothing says, or for one frame. tracking: of the frames; None without a tracker.
    """

    source: CopySource
    numbers: range
    rows: int
    columns: int
    kind: np.dtype[np.generic]
    colour: bool
    spacing_mm: tuple[float, float] | None
    times_s: tuple[float, ...]
    tracking: Tracking | None

    def frames(self) -> Iterator[NDArray[np.generic]]:
        """Raises InvalidObject and Damaged."""
        for number in self.numbers:
            decoded = self.source.frame(number)
            if self.colour:
                yield picture_of(decoded.native, decoded.pixels, decoded.presentation)
            else:
                yield samples_of(decoded.native, decoded.pixels)[..., 0]

    @property
    def frame_time_s(self) -> float | None:
        """From one frame to the next, in the mean."""
        return self.times_s[-1] / (len(self.times_s) - 1) if len(self.times_s) > 1 else None


def frame_stack(source: CopySource, options: CopyOptions) -> FrameStack:
    """The frames of an instance, or the one of options.frame. Raises InvalidObject."""
    total = source.frames
    if not total:
        raise InvalidObject("it has no picture")
    if options.frame is not None and options.frame > total:
        raise InvalidObject(f"it has {total} frames")
    first = 0 if options.frame is None else options.frame - 1
    numbers = range(total) if options.frame is None else range(first, first + 1)
    header = source.header
    with fenced("its attributes cannot be read"):
        view = image_view(header)
        tracking = read_tracking(header, total)
    decoded = source.frame(first).pixels
    grey = decoded.photometric in MONOCHROME and decoded.samples == 1
    kinds = {(8, False): "u1", (8, True): "i1", (16, False): "<u2", (16, True): "<i2"}
    return FrameStack(
        source=source,
        numbers=numbers,
        rows=decoded.rows,
        columns=decoded.columns,
        kind=np.dtype(kinds[decoded.bits_allocated, decoded.signed] if grey else "u1"),
        colour=not grey,
        spacing_mm=_spacing(header, view),
        times_s=tuple(ms / 1000 for ms in view.times_ms) if len(numbers) > 1 else (),
        tracking=tracking and tracking.of(numbers),
    )


def _spacing(header: Dataset, view: ImageView) -> tuple[float, float] | None:
    measured = {
        (region.delta_x_mm, region.delta_y_mm) for region in view.regions if region.why_not is None
    }
    if len(measured) == 1:
        return measured.pop()
    try:
        down, across = (float(value) for value in header.PixelSpacing)
    except (AttributeError, TypeError, ValueError):
        return None
    return (across, down) if across > 0 and down > 0 and not measured else None
