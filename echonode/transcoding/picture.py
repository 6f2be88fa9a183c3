"""One decoded frame as an 8-bit picture: what a screen shows of it.

Rules
- Pure: a native frame, its layout and how it is to be shown give rows x columns x (1 or 3) bytes.
- Grey goes through Rescale Slope and Intercept (PS3.3 C.11.1), then the VOI LUT (C.11.2.1.1) or the
  window (C.11.2.1.2), then is turned over where 0 is white (MONOCHROME1, or Presentation LUT Shape
  INVERSE, C.11.6). Of an image that has both, either may be applied (C.11.2.1): it is the table,
  which its sender made for it, until a person chooses a window.
- Without a window 8 bits are shown as they are. More bits of a single frame are stretched from its
  darkest to its brightest value; of a cine the whole range of Bits Stored is taken, for frames that
  are stretched one by one flicker.
- Colour has no window (C.11.2.1.2). YBR_FULL becomes RGB (C.7.6.3.1.2), PALETTE COLOR is looked up
  (C.7.6.3.1.5).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from echonode.errors import InvalidObject
from echonode.transcoding.pixel_layout import MONOCHROME, PALETTE, RGB, YBR_FULL, Pixels

# Of a native frame. A 4096 x 4096 colour frame; ultrasound has a tenth of it.
LARGEST_FRAME_BYTES = 48 * 1024 * 1024

_ROWS_AT_ONCE = 64  # of a frame whose conversion takes more memory than the frame

Picture = NDArray[np.uint8]


class VoiFunction(StrEnum):
    """VOI LUT Function (0028,1056), PS3.3 C.11.2.1.3."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    SIGMOID = "SIGMOID"


@dataclass(frozen=True, kw_only=True)
class Window:
    """Window Center and Width, in units after Rescale Slope and Intercept.

    Width is at least 1 for LINEAR and above 0 for the others (C.11.2.1.2.1).
    """

    center: float
    width: float
    function: VoiFunction = VoiFunction.LINEAR

    @property
    def is_valid(self) -> bool:
        """Whether it can be applied."""
        least = 1.0 if self.function is VoiFunction.LINEAR else 0.0
        finite = np.isfinite(self.center) and np.isfinite(self.width)
        return bool(finite and self.width >= least and self.width > 0)


@dataclass(frozen=True, kw_only=True)
class VoiLut:
    """A VOI LUT (PS3.3 C.11.2.1.1): entry n is of the value first + n, after the rescale.

    bits: of an entry, 8 to 16; 2**bits - 1 is the brightest. entries: 16 bits each, little endian.
    """

    first: int
    bits: int
    entries: bytes


@dataclass(frozen=True, kw_only=True)
class Palette:
    """A palette's colours: of pixel value first + n the n-th, three bytes each (C.7.6.3.1.5)."""

    first: int
    colours: bytes


@dataclass(frozen=True, kw_only=True)
class Presentation:
    """How frames are shown. inverse: Presentation LUT Shape INVERSE."""

    slope: float = 1.0
    intercept: float = 0.0
    window: Window | None = None
    voi_lut: VoiLut | None = None
    inverse: bool = False
    palette: Palette | None = None

    def windowed(self, window: Window) -> Presentation:
        """With a window that a person chose, in place of the image's own window or VOI LUT."""
        return replace(self, window=window, voi_lut=None)


AS_STORED = Presentation()


def can_be_shown(pixels: Pixels, presentation: Presentation = AS_STORED) -> bool:
    """Whether there is a picture of such frames, once they are decoded."""
    bits = pixels.bits_allocated in (8, 16)
    grey = pixels.photometric in MONOCHROME and pixels.samples == 1
    colour = (
        pixels.photometric in (RGB, YBR_FULL)
        and pixels.samples == 3
        and pixels.bits_allocated == 8
        and not pixels.signed
    )
    looked_up = (
        pixels.photometric == PALETTE
        and pixels.samples == 1
        and not pixels.signed
        and presentation.palette is not None
    )
    kind = grey or colour or looked_up
    return kind and bits and 0 < pixels.frame_bytes <= LARGEST_FRAME_BYTES


def picture_of(frame: bytes, pixels: Pixels, presentation: Presentation = AS_STORED) -> Picture:
    """The picture of one native frame: rows x columns x 1 for grey, x 3 (RGB) for colour.

    pixels: the layout of the frame as it is, after decoding. Raises InvalidObject for a kind of
    frame that there is no picture of.
    """
    if not can_be_shown(pixels, presentation):
        raise InvalidObject(
            f"there is no picture of {pixels.photometric} with {pixels.samples} samples of "
            f"{pixels.bits_stored} bits"
        )
    if len(frame) != pixels.frame_bytes:
        raise InvalidObject("a frame is not of the size that the dataset describes")
    values = samples_of(frame, pixels)
    if pixels.photometric == RGB:
        return np.ascontiguousarray(values).astype(np.uint8, copy=False)
    if pixels.photometric == YBR_FULL:
        return rgb_of_ybr(values)
    if presentation.palette is not None and pixels.photometric == PALETTE:
        return _looked_up(values, presentation.palette)
    return _grey(values, pixels, presentation)


def samples_of(frame: bytes, pixels: Pixels) -> NDArray[np.generic]:
    """rows x columns x samples of a native frame, whichever way its colours are laid out."""
    kind = {(8, False): "u1", (8, True): "i1", (16, False): "<u2", (16, True): "<i2"}
    array = np.frombuffer(frame, kind[pixels.bits_allocated, pixels.signed])
    if pixels.planar and pixels.samples > 1:
        return array.reshape(pixels.samples, pixels.rows, pixels.columns).transpose(1, 2, 0)
    return array.reshape(pixels.rows, pixels.columns, pixels.samples)


def _grey(values: NDArray[np.generic], pixels: Pixels, presentation: Presentation) -> Picture:
    inverse = pixels.photometric == "MONOCHROME1" or presentation.inverse
    voi: Window | VoiLut | None = presentation.window
    if presentation.window is not None and not presentation.window.is_valid:
        voi = None
    if presentation.voi_lut is not None:
        voi = presentation.voi_lut
    if voi is None and pixels.bits_stored != 8:
        voi = _whole_range(values, pixels, presentation)
    table = _grey_table(
        pixels.bits_allocated,
        pixels.bits_stored,
        pixels.signed,
        # Without either nothing is rescaled: 8 bits are shown as they are.
        (presentation.slope, presentation.intercept) if voi else (1.0, 0.0),
        voi,
        inverse,
    )
    indexes = values.view("u1" if pixels.bits_allocated == 8 else "<u2")
    shown: Picture = table[indexes]
    return shown


def _whole_range(values: NDArray[np.generic], pixels: Pixels, presentation: Presentation) -> Window:
    """What a picture without a window is stretched over, as a window."""
    if pixels.frames == 1:
        stored = _stored_values(pixels.bits_allocated, pixels.bits_stored, pixels.signed)
        used = np.zeros(len(stored), np.bool_)
        used[values.view("u1" if pixels.bits_allocated == 8 else "<u2")] = True
        low, high = float(stored[used].min()), float(stored[used].max())
    else:
        span = 2**pixels.bits_stored
        low = -float(span // 2) if pixels.signed else 0.0
        high = low + span - 1
    ends = (
        low * presentation.slope + presentation.intercept,
        high * presentation.slope + presentation.intercept,
    )
    low, high = min(ends), max(ends)
    return Window(
        center=(low + high) / 2, width=max(high - low, 1e-9), function=VoiFunction.LINEAR_EXACT
    )


def _stored_values(allocated: int, stored: int, signed: bool) -> NDArray[np.float64]:
    """The value of each bit pattern: bits beyond Bits Stored do not belong to it (PS3.5 8.1.1)."""
    patterns = np.arange(2**allocated, dtype=np.int64) & (2**stored - 1)
    if signed:
        patterns = np.where(patterns >= 2 ** (stored - 1), patterns - 2**stored, patterns)
    values: NDArray[np.float64] = patterns.astype(np.float64)
    return values


@lru_cache(maxsize=32)  # a table of 16 bits has 64 kB; the frames of a cine share one
def _grey_table(
    allocated: int,
    stored: int,
    signed: bool,
    rescale: tuple[float, float],
    voi: Window | VoiLut | None,
    inverse: bool,
) -> Picture:
    """The byte shown for each bit pattern of a sample."""
    values = _stored_values(allocated, stored, signed) * rescale[0] + rescale[1]
    if isinstance(voi, VoiLut):
        values = _by_lut(values, voi)
    elif voi is not None:
        values = _windowed(values, voi)
    elif signed:
        values = values + 2 ** (stored - 1)
    table: Picture = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return 255 - table if inverse else table


def _windowed(values: NDArray[np.float64], window: Window) -> NDArray[np.float64]:
    """0 to 255 by PS3.3 C.11.2.1.2.1 (LINEAR), C.11.2.1.3.1 (SIGMOID), C.11.2.1.3.2 (EXACT)."""
    center, width = window.center, window.width
    if window.function is VoiFunction.SIGMOID:
        with np.errstate(over="ignore"):
            curve: NDArray[np.float64] = 255 / (1 + np.exp(-4 * (values - center) / width))
            return curve
    if window.function is VoiFunction.LINEAR:
        center, width = center - 0.5, width - 1
    if width == 0:  # LINEAR of width 1: a step
        return np.where(values > center, 255.0, 0.0)
    return ((values - center) / width + 0.5) * 255


def _by_lut(values: NDArray[np.float64], lut: VoiLut) -> NDArray[np.float64]:
    """0 to 255. Values beyond the table's ends have the entries of its ends (C.11.2.1.1)."""
    entries = np.frombuffer(lut.entries, "<u2").astype(np.float64)
    indexes = np.clip(np.rint(values) - lut.first, 0, len(entries) - 1).astype(np.int64)
    shown: NDArray[np.float64] = entries[indexes] * (255 / (2**lut.bits - 1))
    return shown


def rgb_of_ybr(values: NDArray[np.generic]) -> Picture:
    """PS3.3 C.7.6.3.1.2, turned round: YBR_FULL to RGB; some rows at a time, to bound memory."""
    shown: Picture = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), _ROWS_AT_ONCE):
        part = values[start : start + _ROWS_AT_ONCE].astype(np.float32)
        y, cb, cr = part[..., 0], part[..., 1] - 128, part[..., 2] - 128
        rgb = (y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb)
        shown[start : start + _ROWS_AT_ONCE] = np.rint(np.clip(np.stack(rgb, axis=-1), 0, 255))
    return shown


def _looked_up(values: NDArray[np.generic], palette: Palette) -> Picture:
    colours = np.frombuffer(palette.colours, np.uint8).reshape(-1, 3)
    # Values beyond the table's ends have the colours of its ends (C.7.6.3.1.5).
    indexes = np.clip(values[..., 0].astype(np.int32) - palette.first, 0, len(colours) - 1)
    shown: Picture = colours[indexes]
    return shown
