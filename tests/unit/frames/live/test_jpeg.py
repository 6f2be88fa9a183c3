"""A frame as a JPEG is the frame, within what JPEG loses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import simplejpeg

from echonode.frames.live.jpeg import jpeg_of
from tests.unit.frames.igtl_messages import taken

RAMP = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))


def test_a_grey_frame_stays_grey() -> None:
    """One component, its size, and every level nearly what it was."""
    shown = simplejpeg.decode_jpeg(jpeg_of(replace(taken(0, 0.0), pixels=RAMP)), "GRAY")[..., 0]
    assert shown.shape == RAMP.shape
    assert np.abs(shown.astype(int) - RAMP).max() <= 8


def test_a_colour_frame_keeps_its_colours() -> None:
    """Red is red; also of pixels that do not lie in a row in memory."""
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 200
    turned = replace(taken(0, 0.0), pixels=red.transpose(1, 0, 2))
    shown = simplejpeg.decode_jpeg(jpeg_of(turned), "RGB")
    assert shown.shape == (64, 48, 3)
    assert np.abs(shown[20, 20].astype(int) - (200, 0, 0)).max() <= 8
