"""The pixels of frames as Image Pixel attributes (PS3.3 C.7.6.3) and as native Pixel Data.

Photometric interpretation follows the bytes: MONOCHROME2 for one sample, RGB colour by pixel for
three, 8 bits each, unsigned, as they came from the probe.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from pydicom.dataset import Dataset

from echonode.frames.frame import Frame
from echonode.objects.values import refusal

_LARGEST_SIDE = 65535  # Rows and Columns are US
_LARGEST_PIXEL_DATA = 2**32 - 2  # PS3.5 7.1.1: an even 32 bit length that is not FFFFFFFF
_PIXEL_DATA_OB = b"\xe0\x7f\x10\x00OB\x00\x00"  # (7FE0,0010), PS3.5 A.2: OB for 8 bits allocated


def set_image_pixel(dataset: Dataset, frames: Sequence[Frame]) -> None:
    """Set the Image Pixel module, but for the Pixel Data itself, and the VOI of grey images.

    Raises InvalidObject where the pixels are too large for a native object.
    """
    rows, columns, *samples = frames[0].pixels.shape
    if not (0 < rows <= _LARGEST_SIDE and 0 < columns <= _LARGEST_SIDE):
        raise refusal("Rows", "Rows and Columns are 1 to 65535 (PS3.3 C.7.6.3)")
    if samples not in ([], [3]):
        raise refusal("SamplesPerPixel", "1 or 3 samples a pixel (PS3.3 C.8.5.6.1.12)")
    if pixel_data_length(frames) > _LARGEST_PIXEL_DATA:
        raise refusal("PixelData", "at most 4294967294 bytes (PS3.5 7.1.1)")
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    if samples:
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "RGB"
        dataset.PlanarConfiguration = 0  # colour by pixel
    else:
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        # PS3.3 C.11.2.1.2.1: 128 and 256 map 0..255 onto itself; without them viewers stretch
        # the contrast of each image as they like.
        dataset.WindowCenter, dataset.WindowWidth = "128", "256"


def has_colour(frames: Sequence[Frame]) -> bool:
    """Whether any pixel is not grey: grey images may come as RGB from a frame grabber.

    It is what Ultrasound Color Data Present (0028,0014) says, as far as pixels can tell.
    """
    if frames[0].pixels.ndim == 2:
        return False
    return any(
        not np.array_equal(frame.pixels[..., 0], frame.pixels[..., band])
        for frame in frames
        for band in (1, 2)
    )


def pixel_data_length(frames: Sequence[Frame]) -> int:
    """Bytes of native Pixel Data, padded to an even number (PS3.5 8.1.1)."""
    length = frames[0].pixels.size * len(frames)
    return length + length % 2


def pixel_data(frames: Sequence[Frame]) -> Iterator[bytes | memoryview]:
    """The encoded Pixel Data element: its header, then frame by frame, never a copy of all."""
    length = pixel_data_length(frames)
    yield _PIXEL_DATA_OB + length.to_bytes(4, "little")
    for frame in frames:
        yield np.ascontiguousarray(frame.pixels).data.cast("B")
    if frames[0].pixels.size * len(frames) % 2:
        yield b"\x00"
