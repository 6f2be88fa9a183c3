"""Native YBR_FULL_422: two pixels share their colour (PS3.3 C.7.6.3.1.2).

Rules
- The bytes of two neighbours are Y1 Y2 Cb Cr, so that a frame has two bytes for each pixel. What
  reads frames here gets Y1 Cb Cr Y2 Cb Cr (YBR_FULL): every sample is kept, and none is made up.
- What is written stays YBR_FULL_422: an ultrasound image is not YBR_FULL (PS3.3 C.8.5.6.1.2).
- Only native pixels are so: a codec that subsamples gives back whole frames.
- Some devices say YBR_FULL_422 and write three bytes for each pixel, which is YBR_FULL. The length
  of Pixel Data tells the two apart.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from echonode.errors import InvalidObject
from echonode.transcoding.pixel_layout import YBR_FULL, YBR_FULL_422, Pixels


def is_subsampled(pixels: Pixels, length: int) -> bool:
    """Whether native Pixel Data of so many bytes is. Raises InvalidObject for what it cannot be."""
    if pixels.photometric != YBR_FULL_422 or length >= pixels.native_bytes:
        return False
    if pixels.samples != 3 or pixels.bits_allocated != 8 or pixels.signed:
        raise InvalidObject("YBR_FULL_422 has 3 samples of 8 bits (PS3.3 C.7.6.3.1.2)")
    if pixels.columns % 2 or pixels.planar:
        raise InvalidObject(
            "YBR_FULL_422 has an even number of columns, and colour by pixel (PS3.3 C.7.6.3.1.2)"
        )
    return True


def as_full(pixels: Pixels) -> Pixels:
    """The layout of the frames as they are given out."""
    return dataclasses.replace(pixels, photometric=YBR_FULL)


def stored_bytes(pixels: Pixels) -> int:
    """The length of one frame as it is stored."""
    return pixels.rows * pixels.columns * 2


def paired_frame(full: bytes) -> bytes:
    """A frame as it is stored, of one whose pairs have one colour each: `full_frame` undone."""
    pixels: NDArray[np.uint8] = np.frombuffer(full, np.uint8).reshape(-1, 2, 3)
    pairs = np.empty((len(pixels), 4), np.uint8)
    pairs[:, :2] = pixels[..., 0]
    pairs[:, 2:] = pixels[:, 0, 1:]
    return pairs.tobytes()


def full_frame(stored: bytes) -> bytes:
    """Three bytes for each pixel of a stored frame, colour by pixel."""
    pairs: NDArray[np.uint8] = np.frombuffer(stored, np.uint8).reshape(-1, 4)
    full = np.empty((len(pairs), 2, 3), np.uint8)
    full[..., 0] = pairs[:, :2]
    full[..., 1:] = pairs[:, None, 2:]
    return full.tobytes()
