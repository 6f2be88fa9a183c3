"""The pixels of the file are the pixels of the frames, bit for bit."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from echonode.errors import InvalidObject
from echonode.frames.frame import Acquisition, Frame
from echonode.objects import pixels
from echonode.objects.ultrasound import encode
from tests.unit.objects.acquisitions import acquisition, built, frames, read_back


@pytest.mark.parametrize("rgb", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_pixels_come_back_bit_for_bit(rgb: bool, count: int) -> None:
    """Mono and RGB, still and cine, also with an odd number of bytes in all."""
    taken = frames([0.05 * n for n in range(count)], rows=5, columns=7, rgb=rgb)
    read = read_back(built(acquisition(taken)))
    expected = np.stack([frame.pixels for frame in taken])
    assert np.array_equal(read.pixel_array.reshape(expected.shape), expected)
    assert len(read.PixelData) % 2 == 0


def test_photometric_interpretation_follows_the_bytes() -> None:
    """One sample is MONOCHROME2, three are RGB colour by pixel (PS3.3 C.7.6.3.1.2)."""
    grey = read_back(built(acquisition(frames([0.0]))))
    colour = read_back(built(acquisition(frames([0.0], rgb=True))))
    assert (grey.PhotometricInterpretation, grey.SamplesPerPixel) == ("MONOCHROME2", 1)
    assert "PlanarConfiguration" not in grey
    assert (colour.PhotometricInterpretation, colour.SamplesPerPixel) == ("RGB", 3)
    assert colour.PlanarConfiguration == 0


def test_a_viewer_is_told_to_show_grey_values_as_they_are() -> None:
    """Window 128/256 is the identity on 0..255 (PS3.3 C.11.2.1.2.1); RGB has no window."""
    grey = read_back(built(acquisition(frames([0.0]))))
    assert (grey.WindowCenter, grey.WindowWidth) == (128, 256)
    assert "WindowCenter" not in read_back(built(acquisition(frames([0.0], rgb=True))))


def test_colour_data_present_is_told_from_the_pixels() -> None:
    """A grey picture that came as RGB has no colour in it; one coloured pixel in a cine has."""
    (grey,) = frames([0.0])
    as_rgb = replace(grey, pixels=np.repeat(grey.pixels[..., None], 3, axis=2))
    tinted = as_rgb.pixels.copy()
    tinted[3, 4] = (10, 11, 10)
    coloured = replace(as_rgb, pixels=tinted, elapsed_s=0.05)
    assert not pixels.has_colour([grey])
    assert not pixels.has_colour([as_rgb, as_rgb])
    assert pixels.has_colour([as_rgb, coloured])


def test_a_view_that_is_not_contiguous_is_written_in_order() -> None:
    """A probe source may hand a slice or a transposed view; its pixels are what they look like."""
    (frame,) = frames([0.0], rows=8, columns=8)
    turned = replace(frame, pixels=frame.pixels.T)
    assert np.array_equal(read_back(built(acquisition((turned,)))).pixel_array, frame.pixels.T)


def test_a_long_cine_is_encoded_without_a_second_copy_of_it() -> None:
    """Pieces are views of the frames: 60 frames of 512x512 take less than one frame more."""
    taken = acquisition(frames([0.05 * n for n in range(60)], rows=512, columns=512))
    made = built(taken)
    tracemalloc.start()
    total = sum(len(piece) for piece in encode(made))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total > 60 * 512 * 512
    assert peak < 512 * 512


def one(shape: tuple[int, ...]) -> Acquisition:
    (frame,) = frames([0.0])
    empty = np.broadcast_to(np.zeros(1, np.uint8), shape)
    return acquisition((_with(frame, empty),))


def _with(frame: Frame, values: np.ndarray) -> Frame:
    return replace(frame, pixels=values)


@pytest.mark.parametrize(
    ("shape", "attribute"),
    [
        ((1, 70_000), "Rows"),
        ((8, 8, 4), "SamplesPerPixel"),
        ((65_535, 65_535, 3), "PixelData"),
    ],
)
def test_pixels_that_no_native_object_can_hold_refuse_it(
    shape: tuple[int, ...], attribute: str
) -> None:
    """Too wide, not 1 or 3 samples, or over 4 GiB: refused by name, before a byte is written."""
    with pytest.raises(InvalidObject, match=attribute):
        pixels.set_image_pixel(built().dataset, one(shape).frames)
