"""A frame as a JPEG for the screen. What is stored is never made of it."""

from __future__ import annotations

import numpy as np
import simplejpeg

from echonode.frames.frame import Frame

# Speckle shows no blocks at it; a picture of 640 x 480 takes some 50 kB.
QUALITY = 85


def jpeg_of(frame: Frame, *, quality: int = QUALITY) -> bytes:
    """Of the pixels of the very frame that is stored where it is captured."""
    pixels = np.ascontiguousarray(frame.pixels)
    if pixels.ndim == 2:
        grey = pixels[..., np.newaxis]
        return bytes(
            simplejpeg.encode_jpeg(grey, quality, colorspace="GRAY", colorsubsampling="Gray")
        )
    return bytes(simplejpeg.encode_jpeg(pixels, quality, colorspace="RGB", colorsubsampling="422"))
