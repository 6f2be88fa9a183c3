"""What the operator says of a sender's images: which they are, how they lie, what is believed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class ColourOrder(StrEnum):
    """The order of a colour pixel's components."""

    RGB = "rgb"
    BGR = "bgr"
    RGBA = "rgba"
    BGRA = "bgra"
    ARGB = "argb"


class BurnedIn(StrEnum):
    """Whether text, such as a patient's name, is part of the pixels."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Orientation(StrEnum):
    """Where +x and +y of an image point, in the transducer's own axes.

    M, U: along the transducer to its marked or unmarked side. F, N: away from it (far) or to it
    (near). A B-mode image has M or U first; of the other four, each row is a scan line.
    Source: PlusToolkit/PlusLib, docs/UltrasoundImageOrientation.md.
    """

    MF = "MF"
    MN = "MN"
    UF = "UF"
    UN = "UN"
    FM = "FM"
    FU = "FU"
    NM = "NM"
    NU = "NU"

    @property
    def rows_are_lines(self) -> bool:
        """Whether it is scan line data, a line a row."""
        return self.value[0] in "FN"


@dataclass(frozen=True, kw_only=True)
class PictureSettings:
    """How a sender's images become pixels.

    device: the OpenIGTLink device whose images are taken; '' takes the first that sends one.
    calibrated: the sender's spacing is a measured one. spacing_mm: (x, y), the operator's own word,
    which overrides the sender's; without either there is no calibration, whatever is sent.
    colour_order: None is rgb or rgba. orientation: how the images come; None believes what the
    source says, else MF. window: (black, white) in the source's values; None: see planes.py.
    burned_in: whether there is text in the pixels; None: NO for pixels that are made here of scan
    lines, unknown for the images of others.
    """

    device: str = ""
    calibrated: bool = False
    spacing_mm: tuple[float, float] | None = None
    colour_order: ColourOrder | None = None
    orientation: Orientation | None = None
    window: tuple[float, float] | None = None
    burned_in: BurnedIn | None = None

    def __post_init__(self) -> None:
        if self.spacing_mm is not None and not all(0 < mm < math.inf for mm in self.spacing_mm):
            raise ValueError("spacing_mm are two numbers above 0")
        if self.window is not None:
            black, white = self.window
            if not -math.inf < black < white < math.inf:
                raise ValueError("window is (black, white), and black is below white")

    def burned_in_or(self, *, default: bool | None) -> bool | None:
        """What the operator says of text in the pixels; `default` where he says nothing."""
        if self.burned_in is None:
            return default
        return {BurnedIn.YES: True, BurnedIn.NO: False}.get(self.burned_in)


NOTHING_SAID = PictureSettings()
"""The first image that comes, as it lies, uncalibrated."""
