"""A sender's image plane, of any scalar type, order and orientation, as 8 bit grey or RGB in MF.

Rules
- One component is grey, three are colour, four are colour and an alpha that is dropped: an image
  is shown as it would be over black, which every real sender's opaque alpha agrees with.
- uint8 without a window is passed on untouched. Everything else is mapped in a straight line from
  black to white, rounded half up, and stops at both. Where the configuration gives no window,
  window.py chooses one.
- What is not a number is black.
- U is turned to M, N to F: the near field is at the top, the marked side at the right.
- A plane whose rows and columns are not at right angles has no size of a pixel: two lengths would
  not be enough to measure in it.
- A spacing of exactly 1.0 mm in both directions is what senders write that have none. It is never
  believed from a sender, calibrated or not; an operator whose pixels are 1 mm says so.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.frames.frame import Calibration, NoScale
from echonode.frames.imaging.window import ChosenWindow
from echonode.frames.picture_settings import ColourOrder, Orientation, PictureSettings

Plane = NDArray[np.generic]
ScalarT = TypeVar("ScalarT", bound=np.generic)


def check_components(components: int) -> None:
    """ProtocolError where so many components a pixel are no picture."""
    if components not in (1, 3, 4):
        raise ProtocolError(f"{components} components a pixel are neither grey nor colour")


def develop_plane(
    plane: Plane,
    settings: PictureSettings,
    *,
    orientation: Orientation = Orientation.MF,
    chosen: ChosenWindow | None = None,
) -> NDArray[np.uint8]:
    """uint8 (rows, columns) or (rows, columns, 3) in MF, of a plane that lies in `orientation`.

    plane: (rows, columns) or (rows, columns, 3 or 4). May be a view of it; read-only. chosen: the
    source's window where the settings give none; without it, its type's whole range.
    """
    if plane.ndim == 3:
        plane = plane[..., _to_rgb(settings.colour_order, plane.shape[2])]
    window = settings.window or (chosen.of(plane) if chosen is not None else None)
    grey = to_bytes(plane, window)
    return np.ascontiguousarray(turned_to_mf(grey, orientation))


def turned_to_mf(plane: NDArray[ScalarT], orientation: Orientation) -> NDArray[ScalarT]:
    """A view of a B-mode plane: near field at the top, marked side at the right."""
    if orientation.value[0] == "U":
        plane = plane[:, ::-1]
    if orientation.value[1] == "N":
        plane = plane[::-1]
    return plane


def to_bytes(values: Plane, window: tuple[float, float] | None) -> NDArray[np.uint8]:
    """The straight line of the rules, in 8 bits."""
    kind = values.dtype
    if kind == np.uint8 and window is None:
        return values.view(np.uint8)
    black, white = window or whole_range(kind)
    if kind.itemsize <= 2:
        codes = values.astype(kind.newbyteorder("="), copy=False)
        table = _table(kind.newbyteorder("=").str, black, white)
        return np.take(table, codes.view(f"u{kind.itemsize}"))
    with np.errstate(invalid="ignore"):  # a signalling NaN is still only a NaN
        wide = values.astype(np.float64)
    return _straight(wide, black, white)


def whole_range(kind: np.dtype[Any]) -> tuple[float, float]:
    """(black, white) of a scalar type: 0 to its largest value; 0 to 255 for floating point."""
    return (0.0, 255.0) if kind.kind == "f" else (0.0, float(np.iinfo(kind).max))


@lru_cache(maxsize=16)
def _table(kind: str, black: float, white: float) -> NDArray[np.uint8]:
    """The grey of every bit pattern of an integer type of 8 or 16 bits."""
    bits = 8 * np.dtype(kind).itemsize
    patterns = np.arange(1 << bits, dtype=f"u{bits // 8}").view(kind)
    return _straight(patterns.astype(np.float64), black, white)


def _straight(values: NDArray[np.float64], black: float, white: float) -> NDArray[np.uint8]:
    with np.errstate(over="ignore", invalid="ignore"):  # infinities stop at black and white
        grey = (values - black) * (255.0 / (white - black))
        np.nan_to_num(grey, copy=False, nan=0.0)
        return (np.clip(grey, 0.0, 255.0) + 0.5).astype(np.uint8)


def _to_rgb(order: ColourOrder | None, components: int) -> list[int]:
    """Where red, green and blue stand. An order without alpha has it last, where there is one."""
    letters = (order or ColourOrder.RGBA).value
    if components == 3:
        letters = letters.replace("a", "")
    elif len(letters) == 3:
        letters += "a"
    return [letters.index(colour) for colour in "rgb"]


def believed_spacing(
    settings: PictureSettings, sent: tuple[float, float] | None
) -> tuple[float, float] | None:
    """(x, y) in mm a pixel, or None: unknown. sent: what the source says."""
    if settings.spacing_mm is not None:
        return settings.spacing_mm
    return None if no_scale(settings, sent) else sent


def no_scale(
    settings: PictureSettings, sent: tuple[float, float] | None, *, is_skewed: bool = False
) -> NoScale | None:
    """Why nothing is believed of (x, y) as the source says it; None: there is a size of a pixel.

    is_skewed: rows and columns of the source's plane are not at right angles.
    """
    if settings.spacing_mm is not None:
        return None
    if sent is None or sent == (1.0, 1.0) or not all(0 < mm < math.inf for mm in sent):
        return NoScale.NOT_GIVEN
    if is_skewed:
        return NoScale.SKEWED
    return None if settings.calibrated else NoScale.NOT_BELIEVED


def plane_calibration(
    spacing_mm: tuple[float, float] | None,
    *,
    rows: int,
    columns: int,
    transducer_frequency_khz: float | None = None,
    sound_speed_m_s: float | None = None,
) -> Calibration | None:
    """The whole image as one region, or None."""
    if spacing_mm is None:
        return None
    x_mm, y_mm = spacing_mm
    return Calibration(
        region=(0, 0, columns - 1, rows - 1),
        physical_delta_x_cm=x_mm / 10,
        physical_delta_y_cm=y_mm / 10,
        transducer_frequency_khz=transducer_frequency_khz,
        sound_speed_m_s=sound_speed_m_s,
    )
