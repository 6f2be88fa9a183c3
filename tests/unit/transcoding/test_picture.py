"""A decoded frame becomes the picture that the standard describes, value by value."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataelem import DataElement
from pydicom.pixels.processing import apply_voi_lut

from echonode.errors import InvalidObject
from echonode.transcoding.picture import (
    Palette,
    Presentation,
    VoiFunction,
    VoiLut,
    Window,
    can_be_shown,
    picture_of,
)
from echonode.transcoding.pixel_layout import Pixels


def pixels(rows: int, columns: int, **more: object) -> Pixels:
    values: dict[str, object] = {
        "samples": 1,
        "bits_allocated": 8,
        "bits_stored": 8,
        "frames": 1,
        "photometric": "MONOCHROME2",
        **more,
    }
    return Pixels(rows=rows, columns=columns, **values)  # type: ignore[arg-type]


EVERY_BYTE = bytes(range(256))
WORDS = {"bits_allocated": 16, "bits_stored": 12}


def test_eight_bits_without_a_window_are_shown_as_they_are() -> None:
    """Also under the window that our own objects have, 128 and 256."""
    layout = pixels(16, 16)
    for presentation in (Presentation(), Presentation(window=Window(center=128, width=256))):
        shown = picture_of(EVERY_BYTE, layout, presentation)
        assert shown.shape == (16, 16, 1)
        assert shown.tobytes() == EVERY_BYTE


def test_a_window_is_the_standards_example() -> None:
    """PS3.3 C.11.2.1.2.1, note 4: center 2048, width 4096 is all of 12 bits; width 1 is a step."""
    frame = np.array([[0, 1, 2047, 2048, 4095]], "<u2").tobytes()
    layout = pixels(1, 5, **WORDS)
    shown = picture_of(frame, layout, Presentation(window=Window(center=2048, width=4096)))
    assert shown[0, :, 0].tolist() == [0, 0, 127, 128, 255]
    step = picture_of(frame, layout, Presentation(window=Window(center=2048, width=1)))
    assert step[0, :, 0].tolist() == [0, 0, 0, 255, 255]


def test_the_other_functions() -> None:
    """LINEAR_EXACT and SIGMOID (C.11.2.1.3) have half of the brightness at the center."""
    frame = np.array([[0, 100, 200]], "<u2").tobytes()
    for function, ends in ((VoiFunction.LINEAR_EXACT, (0, 255)), (VoiFunction.SIGMOID, (30, 225))):
        window = Window(center=100, width=200, function=function)
        shown = picture_of(frame, pixels(1, 3, **WORDS), Presentation(window=window))
        assert shown[0, 1, 0] in (127, 128)
        assert (shown[0, 0, 0], shown[0, 2, 0]) == ends


def test_rescale_comes_before_the_window() -> None:
    """A window is in the units after Rescale Slope and Intercept."""
    frame = np.array([[0, 1024, 2048]], "<u2").tobytes()
    presentation = Presentation(slope=1, intercept=-1024, window=Window(center=0.5, width=2))
    shown = picture_of(frame, pixels(1, 3, **WORDS), presentation)
    assert shown[0, :, 0].tolist() == [0, 128, 255]


def test_more_bits_without_a_window_are_stretched_and_a_cine_does_not_flicker() -> None:
    """One frame: darkest to brightest. Of several, all of Bits Stored, for each frame alike."""
    frame = np.array([[1000, 1050, 1100]], "<u2").tobytes()
    assert picture_of(frame, pixels(1, 3, **WORDS))[0, :, 0].tolist() == [0, 128, 255]
    cine = picture_of(frame, pixels(1, 3, frames=2, **WORDS))[0, :, 0].tolist()
    assert cine == [62, 65, 68]
    flat = picture_of(bytes(8), pixels(2, 2, **WORDS))
    assert flat.shape == (2, 2, 1)


def test_bits_beyond_bits_stored_do_not_count_and_signs_do() -> None:
    """Overlays in unused bits are no brightness; two's complement within Bits Stored."""
    window = Presentation(window=Window(center=0.5, width=4096))
    frame = np.array([[0xF000 | 0x800, 0x000, 0x7FF]], "<u2").tobytes()
    shown = picture_of(frame, pixels(1, 3, signed=True, **WORDS), window)
    assert shown[0, :, 0].tolist() == [0, 128, 255]


def test_monochrome1_and_an_inverse_shape_are_turned_over_once() -> None:
    """0 is white; both together say the same (PS3.3 C.7.6.3.1.2)."""
    for photometric, inverse in (("MONOCHROME1", False), ("MONOCHROME1", True), ("MONOCHROME2", 1)):
        layout = pixels(1, 2, photometric=photometric)
        shown = picture_of(b"\x00\xff", layout, Presentation(inverse=bool(inverse)))
        assert shown[0, :, 0].tolist() == [255, 0]


def test_colour_by_plane_and_by_pixel_give_the_same() -> None:
    """Planar Configuration says how bytes lie, not what they show."""
    by_pixel = bytes([1, 2, 3, 4, 5, 6])
    by_plane = bytes([1, 4, 2, 5, 3, 6])
    rgb = {"samples": 3, "photometric": "RGB"}
    one = picture_of(by_pixel, pixels(1, 2, **rgb))
    other = picture_of(by_plane, pixels(1, 2, planar=True, **rgb))
    assert one.tolist() == other.tolist() == [[[1, 2, 3], [4, 5, 6]]]
    assert one.flags.c_contiguous


def test_ybr_becomes_rgb() -> None:
    """PS3.3 C.7.6.3.1.2: white, black and the standard's red."""
    frame = bytes([255, 128, 128, 0, 128, 128, 76, 85, 255])
    shown = picture_of(frame, pixels(1, 3, samples=3, photometric="YBR_FULL"))
    assert shown[0, :2].tolist() == [[255, 255, 255], [0, 0, 0]]
    assert np.allclose(shown[0, 2], [254, 0, 0], atol=1)


def test_a_palette_is_looked_up_and_its_ends_hold_beyond_it() -> None:
    """First value mapped is 10, two entries."""
    palette = Palette(first=10, colours=bytes([255, 0, 0, 0, 0, 255]))
    layout = pixels(1, 4, photometric="PALETTE COLOR")
    shown = picture_of(bytes([0, 10, 11, 200]), layout, Presentation(palette=palette))
    assert shown[0].tolist() == [[255, 0, 0], [255, 0, 0], [0, 0, 255], [0, 0, 255]]


@pytest.mark.parametrize(
    "more",
    [
        {"photometric": "PALETTE COLOR"},
        {"photometric": "YBR_FULL_422", "samples": 3},
        {"photometric": "RGB", "samples": 3, "bits_allocated": 16, "bits_stored": 16},
        {"photometric": "RGB"},
    ],
)
def test_what_has_no_picture_is_refused(more: dict[str, object]) -> None:
    """By its kind, before a pixel is touched; and one that is too large."""
    layout = pixels(2, 2, **more)
    assert not can_be_shown(layout)
    with pytest.raises(InvalidObject, match="no picture"):
        picture_of(bytes(layout.frame_bytes), layout)
    assert not can_be_shown(pixels(10_000, 10_000))


def test_a_frame_of_another_size_is_refused() -> None:
    """What a decoder or a slice gave too little of."""
    with pytest.raises(InvalidObject, match="size"):
        picture_of(bytes(3), pixels(2, 2))


def lut(first: int, bits: int, *entries: int) -> VoiLut:
    return VoiLut(first=first, bits=bits, entries=np.array(entries, "<u2").tobytes())


def test_a_voi_lut_maps_each_value_and_clamps_beyond_its_ends() -> None:
    """PS3.3 C.11.2.1.1: value 10 is the first entry; 4095 of 12 bits is the brightest."""
    frame = np.array([[0, 9, 10, 11, 12, 4095]], "<u2").tobytes()
    shown = picture_of(
        frame, pixels(1, 6, **WORDS), Presentation(voi_lut=lut(10, 12, 0, 2048, 4095))
    )
    assert shown[0, :, 0].tolist() == [0, 0, 0, 128, 255, 255]


def test_a_voi_lut_comes_after_the_rescale_and_before_what_turns_grey_over() -> None:
    """Stored 5 is -4 after slope 2 and intercept -14: its second entry from -5 on, turned over."""
    frame = np.array([[0, 5, 200]], "<u2").tobytes()
    shown = picture_of(
        frame,
        pixels(1, 3, photometric="MONOCHROME1", **WORDS),
        Presentation(slope=2, intercept=-14, voi_lut=lut(-5, 8, 0, 100, 255)),
    )
    assert shown[0, :, 0].tolist() == [255, 155, 0]


def test_a_voi_lut_is_shown_until_a_window_is_chosen() -> None:
    """Either may be applied (C.11.2.1), never both."""
    frame = bytes([0, 128, 255])
    made = Presentation(
        window=Window(center=128, width=256), voi_lut=lut(0, 8, *range(255, -1, -1))
    )
    assert picture_of(frame, pixels(1, 3), made)[0, :, 0].tolist() == [255, 127, 0]
    chosen = made.windowed(Window(center=128, width=1))
    assert picture_of(frame, pixels(1, 3), chosen)[0, :, 0].tolist() == [0, 255, 255]


def test_a_voi_lut_is_applied_as_another_implementation_does() -> None:
    """pydicom's apply_voi_lut, over every value of 12 bits, signed as well."""
    curve = np.rint(4095 * (np.arange(4096) / 4095) ** 0.5).astype("<u2")
    for signed, first in ((0, 0), (1, -2048)):
        item = Dataset()
        item.add(DataElement("LUTDescriptor", "SS" if signed else "US", [4096, first, 12]))
        item.add(DataElement("LUTData", "US", curve.tolist()))
        ds = Dataset()
        ds.VOILUTSequence = [item]
        values = np.arange(4096).reshape(64, 64) + first
        expected = np.rint(apply_voi_lut(values.astype("<i2"), ds) * (255 / 4095))
        shown = picture_of(
            values.astype("<i2").tobytes(),
            pixels(64, 64, signed=bool(signed), **WORDS),
            Presentation(voi_lut=VoiLut(first=first, bits=12, entries=curve.tobytes())),
        )
        assert (shown[..., 0] == expected).all()
