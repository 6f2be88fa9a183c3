"""Whatever a sender's pixels are, they become the grey or the colour that was meant."""

from __future__ import annotations

import numpy as np
import pytest

from echonode.errors import ProtocolError
from echonode.frames.imaging.planes import (
    believed_spacing,
    check_components,
    develop_plane,
    plane_calibration,
    to_bytes,
    whole_range,
)
from echonode.frames.imaging.window import ChosenWindow
from echonode.frames.picture_settings import ColourOrder, Orientation, PictureSettings

RED, GREEN, BLUE, ALPHA = 200, 100, 50, 255
SENT = {
    "rgb": (RED, GREEN, BLUE),
    "bgr": (BLUE, GREEN, RED),
    "rgba": (RED, GREEN, BLUE, ALPHA),
    "bgra": (BLUE, GREEN, RED, ALPHA),
    "argb": (ALPHA, RED, GREEN, BLUE),
}


def test_bytes_are_passed_on_untouched() -> None:
    """8 bit grey without a window is not even copied."""
    plane = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.shares_memory(develop_plane(plane, PictureSettings()), plane)


@pytest.mark.parametrize(("order", "sent"), SENT.items())
def test_every_colour_order_becomes_rgb(order: str, sent: tuple[int, ...]) -> None:
    """Red is red, and alpha is gone."""
    plane = np.full((2, 3, len(sent)), sent, dtype=np.uint8)
    pixels = develop_plane(plane, PictureSettings(colour_order=ColourOrder(order)))
    assert pixels.shape == (2, 3, 3)
    assert tuple(pixels[1, 2]) == (RED, GREEN, BLUE)


@pytest.mark.parametrize(
    ("order", "sent"),
    [("bgr", SENT["bgra"]), ("bgra", SENT["bgr"]), ("argb", SENT["rgb"]), (None, SENT["rgba"])],
)
def test_an_order_serves_with_and_without_alpha(order: str | None, sent: tuple[int, ...]) -> None:
    """A sender that changes between three and four components keeps its colours."""
    plane = np.full((1, 1, len(sent)), sent, dtype=np.uint8)
    settings = PictureSettings(colour_order=ColourOrder(order) if order else None)
    assert tuple(develop_plane(plane, settings)[0, 0]) == (RED, GREEN, BLUE)


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        ("MF", [[1, 2], [3, 4]]),
        ("MN", [[3, 4], [1, 2]]),
        ("UF", [[2, 1], [4, 3]]),
        ("UN", [[4, 3], [2, 1]]),
    ],
)
def test_every_orientation_is_turned_to_mf(orientation: str, expected: list[list[int]]) -> None:
    """Near field at the top, marked side at the right."""
    plane = np.array([[1, 2], [3, 4]], dtype=np.uint8)
    turned = develop_plane(plane, PictureSettings(), orientation=Orientation(orientation))
    assert turned.tolist() == expected
    assert turned.flags.c_contiguous


@pytest.mark.parametrize(
    ("kind", "black", "white"),
    [
        ("i1", 0, 127),
        ("u2", 0, 65535),
        ("i2", 0, 32767),
        ("u4", 0, 2**32 - 1),
        ("i4", 0, 2**31 - 1),
        ("f4", 0, 255),
        ("f8", 0, 255),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_scalar_type_has_its_black_its_white_and_a_straight_line_between(
    kind: str, black: float, white: float, order: str
) -> None:
    """The same value gives the same grey in every frame, whatever else is in it."""
    values = np.array([black, (black + white) / 2, white]).astype(order + kind)
    assert whole_range(values.dtype) == (black, white)
    first, middle, last = to_bytes(values, None).tolist()
    assert (first, last) == (0, 255)
    assert 126 <= middle <= 128


def test_what_lies_outside_stops_at_black_and_white() -> None:
    """Negative magnitudes, infinities and what is not a number."""
    floats = np.array([-1.0, -np.inf, np.nan, 256.0, np.inf, 1e300])
    assert to_bytes(floats, None).tolist() == [0, 0, 0, 255, 255, 255]
    signalling = np.array([0x7F800001], dtype=np.uint32).view(np.float32)
    assert to_bytes(signalling, None).tolist() == [0]
    assert to_bytes(np.array([-5, 32767], dtype=np.int16), None).tolist() == [0, 255]


def test_a_window_stands_above_the_type() -> None:
    """(black, white) in the sender's own values; also for bytes."""
    settings = PictureSettings(window=(10, 20))
    plane = np.array([[9, 10, 15, 20, 21]], dtype=np.uint8)
    assert develop_plane(plane, settings).tolist() == [[0, 0, 128, 255, 255]]


@pytest.mark.parametrize(
    ("kind", "largest", "white"),
    [
        ("<i2", 255, 255),
        (">i2", 256, 511),
        ("<i2", 1000, 1023),
        ("<u2", 4095, 4095),
        ("<u2", 65535, 65535),
        ("<i4", 3, 255),
        ("<u4", 2**32 - 1, 2**32 - 1),
        ("i1", 5, 127),
        ("<f4", 0.9, 1),
        ("<f8", 255.0, 255),
        ("<f4", 800.0, 1023),
    ],
)
def test_a_window_that_nobody_gave_is_that_of_the_sources_converter(
    kind: str, largest: float, white: float
) -> None:
    """int16 that holds 8 bits is not all but black: white is the largest of the fewest bits."""
    values = np.array([[0, largest]], dtype=kind)
    chosen = ChosenWindow()
    pixels = develop_plane(values, PictureSettings(), chosen=chosen)
    assert chosen.window == (0, white)
    assert pixels[0, 0] == 0
    assert pixels[0, 1] == pytest.approx(255 * largest / white, abs=0.51)


def test_a_chosen_window_widens_and_never_narrows() -> None:
    """So a cine does not flicker; what was black throughout says nothing yet."""
    chosen = ChosenWindow()
    came = [chosen.of(np.array([[0, value]], dtype=np.int16)) for value in (0, 900, 20, 2000, -5)]
    assert came == [(0, 255), (0, 1023), (0, 1023), (0, 2047), (0, 2047)]
    floats = ChosenWindow()
    assert floats.of(np.array([[0.0, np.nan, np.inf]])) == (0, 255)
    assert floats.of(np.array([[0.5]])) == (0, 1)
    assert ChosenWindow().of(np.array([[7]], dtype=np.uint8)) is None


def test_an_operators_window_is_not_chosen_anew() -> None:
    """Nothing is said of a window that the operator knows."""
    chosen = ChosenWindow()
    plane = np.array([[10, 20]], dtype=np.int16)
    pixels = develop_plane(plane, PictureSettings(window=(10, 20)), chosen=chosen)
    assert pixels.tolist() == [[0, 255]]
    assert chosen.window is None


def test_two_components_are_no_picture() -> None:
    """Nor are five."""
    for components in (2, 5):
        with pytest.raises(ProtocolError, match="neither grey nor colour"):
            check_components(components)


def test_spacing_is_never_a_default() -> None:
    """Believed of a calibrated sender only, never 1.0 by 1.0; the operator overrides it."""
    nothing, calibrated = PictureSettings(), PictureSettings(calibrated=True)
    operator = PictureSettings(spacing_mm=(1.0, 1.0))
    assert believed_spacing(nothing, (0.2, 0.1)) is None
    assert believed_spacing(calibrated, (0.2, 0.1)) == (0.2, 0.1)
    assert believed_spacing(calibrated, (1.0, 1.0)) is None
    assert believed_spacing(calibrated, (0.0, 0.1)) is None
    assert believed_spacing(calibrated, (float("inf"), 0.1)) is None
    assert believed_spacing(operator, (0.2, 0.1)) == (1.0, 1.0)
    assert plane_calibration(None, rows=2, columns=3) is None


def test_a_calibration_has_both_deltas() -> None:
    """Pixels need not be square; the whole image is the region."""
    known = plane_calibration((0.2, 0.1), rows=2, columns=3)
    assert known is not None
    assert (known.physical_delta_x_cm, known.physical_delta_y_cm) == pytest.approx((0.02, 0.01))
    assert known.region == (0, 0, 2, 1)


@pytest.mark.parametrize("wrong", [{"spacing_mm": (0.0, 1.0)}, {"window": (2.0, 1.0)}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, tuple[float, float]]) -> None:
    """A mistake of the configuration is found before anything comes."""
    with pytest.raises(ValueError):
        PictureSettings(**wrong)  # type: ignore[arg-type]
