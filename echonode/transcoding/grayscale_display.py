"""The Grayscale Standard Display Function (PS3.14): P-values to luminance and back. Pure.

Rules
- The function is the standard's own: luminance of a Just Noticeable Difference index and the
  index of a luminance, both by the interpolations of 7.1. No table is kept.
- P-values are linear in the index between the darkest and the brightest of a display (7.1): equal
  steps look equal on each display that does so, on film and on paper.
- What a display shows of a driving level is its own characteristic curve. A screen that follows
  sRGB (IEC 61966-2-1) is `srgb_luminance`; film and paper are optical density (PS3.14 D.2, D.3).
- Luminance is in cd/m2, density in D.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
N = TypeVar("N", float, Floats)

LOWEST_INDEX, HIGHEST_INDEX = 1.0, 1023.0
LOWEST_LUMINANCE, HIGHEST_LUMINANCE = 0.05, 3993.4
# PS3.14 7.1, equation 7-1: log10 L = numerator / denominator in powers of ln j.
_A, _C, _E, _G, _M = -1.3011877, 8.0242636e-2, 1.3646699e-1, -2.5468404e-2, 1.3635334e-3
_B, _D, _F, _H, _K = -2.5840191e-2, -1.0320229e-1, 2.8745620e-2, -3.1978977e-3, 1.2992634e-4
# PS3.14 7.1: j as a polynomial of log10 L, from the power 0 on.
_INDEX = (
    *(71.498068, 94.593053, 41.912053, 9.8247004, 0.28175407),
    *(-1.1878455, -0.18014349, 0.14710899, -0.017046845),
)


def luminance_of_index(index: N) -> N:
    """L(j): cd/m2 of a JND index from 1 to 1023."""
    x = np.log(index)
    numerator = _A + x * (_C + x * (_E + x * (_G + x * _M)))
    denominator = 1 + x * (_B + x * (_D + x * (_F + x * (_H + x * _K))))
    return 10 ** (numerator / denominator)  # type: ignore[no-any-return]  # numpy's power is Any


def index_of_luminance(luminance: N) -> N:
    """j(L): the JND index of a luminance from 0.05 to 3,993.4 cd/m2."""
    x = np.log10(luminance)
    found = np.zeros_like(x)
    for coefficient in reversed(_INDEX):
        found = found * x + coefficient
    return found  # type: ignore[no-any-return]  # of numpy, whatever it was given


@dataclass(frozen=True, kw_only=True)
class Display:
    """A display by its darkest and brightest luminance, the light of the room included."""

    darkest: float
    brightest: float

    def __post_init__(self) -> None:
        if not LOWEST_LUMINANCE <= self.darkest < self.brightest <= HIGHEST_LUMINANCE:
            raise ValueError("a display goes from 0.05 to 3,993.4 cd/m2 at most, dark to bright")


# A screen of an office or a tablet, with the room's light on it.
SCREEN = Display(darkest=1.0, brightest=250.0)
# PS3.14 annex D.2: film from 0.2 to 3.0 D, on a light box of 2,000 cd/m2 in a room of 10 cd/m2.
LIGHT_BOX, ROOM = 2_000.0, 10.0


def luminance_of_p_values(p_values: Floats, display: Display) -> Floats:
    """P-values as shares of the whole range (0 to 1) -> the luminance that stands for each."""
    low, high = index_of_luminance(display.darkest), index_of_luminance(display.brightest)
    return luminance_of_index(low + np.clip(p_values, 0.0, 1.0) * (high - low))


def density_of_p_values(
    p_values: Floats, *, least: float, most: float, light_box: float = LIGHT_BOX, room: float = ROOM
) -> Floats:
    """Optical densities of a film for P-values: 0 is the darkest, `most` (PS3.14 D.2.2).

    What an eye sees of a density D is the room's light and light_box * 10^-D.
    """
    seen = Display(darkest=room + light_box * 10**-most, brightest=room + light_box * 10**-least)
    luminance = luminance_of_p_values(p_values, seen)
    return -np.log10((luminance - room) / light_box)


def srgb_luminance(levels: Floats, display: Display) -> Floats:
    """What a screen that follows sRGB shows of driving levels (0 to 1)."""
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return display.darkest + linear * (display.brightest - display.darkest)


def srgb_level(luminance: Floats, display: Display) -> Floats:
    """The driving level (0 to 1) at which such a screen shows a luminance."""
    linear = (luminance - display.darkest) / (display.brightest - display.darkest)
    linear = np.clip(linear, 0.0, 1.0)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


@lru_cache(maxsize=8)
def srgb_table(display: Display = SCREEN) -> NDArray[np.uint8]:
    """For each P-value of 8 bits the byte that an sRGB screen needs to show it as PS3.14 says."""
    wanted = luminance_of_p_values(np.arange(256) / 255, display)
    return np.rint(srgb_level(wanted, display) * 255).astype(np.uint8)
