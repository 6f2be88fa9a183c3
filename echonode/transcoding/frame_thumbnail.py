"""A small picture of one native frame, for a list of images: never for a finding.

Rules
- Only native frames (PS3.5 8.1.1) are drawn: no codec runs on what a peer sent.
- The size of what is read and of what is made is bounded; larger frames have no thumbnail.
- Pixel values are taken as they are, or, beyond 8 bits, stretched from the frame's darkest to its
  brightest: window and palette are for a viewer.
"""

from __future__ import annotations

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from echonode.errors import InvalidObject
from echonode.transcoding.picture import LARGEST_FRAME_BYTES, rgb_of_ybr, samples_of
from echonode.transcoding.pixel_layout import MONOCHROME, RGB, YBR_FULL, Pixels

# The longer side, in pixels: sharp on a tablet at the 96 by 72 CSS pixels that the page gives it.
LONGER_SIDE = 192
_QUALITY = 80


def thumbnail(frame: bytes, pixels: Pixels) -> bytes:
    """A JPEG of the frame, its longer side LONGER_SIDE or less.

    frame: one native frame. Raises InvalidObject for a kind that is not drawn.
    """
    if not can_be_drawn(pixels):
        raise InvalidObject(f"no thumbnail of {pixels.photometric} with {pixels.bits_stored} bits")
    small = _shrunk(samples_of(frame, pixels))
    grey = _stretched(small) if pixels.bits_allocated > 8 else small
    shown = rgb_of_ybr(grey) if pixels.photometric == YBR_FULL else np.rint(grey).astype(np.uint8)
    if pixels.photometric == "MONOCHROME1":  # 0 is white (PS3.3 C.7.6.3.1.2)
        shown = 255 - shown
    colours = ("GRAY", "Gray") if pixels.samples == 1 else ("RGB", "420")
    return bytes(
        simplejpeg.encode_jpeg(
            np.ascontiguousarray(shown),
            _QUALITY,
            colorspace=colours[0],
            colorsubsampling=colours[1],
        )
    )


def can_be_drawn(pixels: Pixels) -> bool:
    """Whether there is a thumbnail of such frames."""
    grey = pixels.photometric in MONOCHROME and pixels.samples == 1
    in_colour = pixels.photometric in (RGB, YBR_FULL)
    colour = in_colour and pixels.samples == 3 and pixels.bits_allocated == 8
    bits = pixels.bits_allocated in (8, 16)
    return (grey or colour) and bits and 0 < pixels.frame_bytes <= LARGEST_FRAME_BYTES


def _shrunk(array: NDArray[np.generic]) -> NDArray[np.float32]:
    """Means of square blocks, so that fine structures do not flicker; the rest is cut off."""
    rows, columns, samples = array.shape
    block = max(1, -(-max(rows, columns) // LONGER_SIDE))
    height, width = max(1, rows // block), max(1, columns // block)
    tall, wide = min(block, rows), min(block, columns)
    whole = array[: height * tall, : width * wide].astype(np.float32)
    blocks = whole.reshape(height, tall, width, wide, samples)
    means: NDArray[np.float32] = blocks.mean(axis=(1, 3), dtype=np.float32)
    return means


def _stretched(array: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = float(array.min()), float(array.max())
    stretched: NDArray[np.float32] = (array - low) * np.float32(255 / max(high - low, 1.0))
    return stretched
