"""What a scanner says of itself in the fields that come with its images.

Rules
- Only fields whose unit and meaning are known are read; the rest, such as BK's Origin and Angles,
  which its driver in PLUS computes by guesses, says nothing here.
- A spacing of 1 x 1 mm is a default and no spacing. Two fields that contradict each other count as
  absent.
- Whether a spacing is believed is the operator's word, as with any that a sender gives.

| field | of | is |
|---|---|---|
| SpacingX, SpacingY | BK | mm a pixel |
| micronsPerPixel | Clarius | micrometres a pixel, both ways |
| PixelSpacingMm | Ultrasonix | mm a pixel, both ways or x and y |
| DepthMm; Depth | Ultrasonix and others; BK | mm of the image |
| Depths | BK | first and last range in mm from the apex |
| FrequencyMhz | PLUS, any scanner | of the transducer |
| ProbeType | BK | 2 linear, 3 mechanical sector; 1, sector, may be curved or phased |

Source: PlusToolkit/PlusLib, vtkPlusBkProFocusOemVideoSource.cxx, vtkPlusSonixVideoSource.cxx and
vtkPlusUsImagingParameters.cxx; IGSIO/OpenIGTLinkIO, igtlioUsSectorDefinitions.h.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

LARGEST_SPACING_MM = 10.0  # a picture of 100 pixels would be a metre wide
LARGEST_DEPTH_MM = 1000.0  # the deepest diagnostic field is 400 mm
LARGEST_FREQUENCY_MHZ = 100.0
_TYPES = {"2": "LINEAR", "3": "SECTOR_MECH"}  # PS3.3 C.8.5.6.1.5, Transducer Type
_SAME_WITHIN = 0.01  # two numbers for one thing, as texts of a few digits


@dataclass(frozen=True, kw_only=True)
class DeviceMetadata:
    """What is known; None and '' where it is not. spacing_mm: (x, y)."""

    spacing_mm: tuple[float, float] | None = None
    depth_mm: float | None = None
    frequency_mhz: float | None = None
    transducer_type: str = ""


NO_METADATA = DeviceMetadata()


def device_metadata(fields: Mapping[str, str]) -> DeviceMetadata:
    """What `fields` say by the table; nonsense is as if it were not there."""
    depths = _numbers(fields.get("Depths", ""), count=2)
    return DeviceMetadata(
        spacing_mm=_spacing(fields),
        depth_mm=_agreed(
            [
                *_numbers(fields.get("DepthMm", ""), count=1),
                # A BK scanner's are mm; another's could be anything.
                *(_numbers(fields.get("Depth", ""), count=1) if "ProbeType" in fields else []),
                *([depths[1] - depths[0]] if depths else []),
            ],
            largest=LARGEST_DEPTH_MM,
        ),
        frequency_mhz=_agreed(
            _numbers(fields.get("FrequencyMhz", ""), count=1), largest=LARGEST_FREQUENCY_MHZ
        ),
        transducer_type=_TYPES.get(fields.get("ProbeType", "").strip(), ""),
    )


def _spacing(fields: Mapping[str, str]) -> tuple[float, float] | None:
    """(x, y) in mm, where all that say it agree."""
    said = [
        tuple(
            number
            for key in ("SpacingX", "SpacingY")
            for number in _numbers(fields.get(key, ""), count=1)
        ),
        tuple(2 * [1e-3 * n for n in _numbers(fields.get("micronsPerPixel", ""), count=1)]),
        tuple(2 * _numbers(fields.get("PixelSpacingMm", ""), count=1)),
        tuple(_numbers(fields.get("PixelSpacingMm", ""), count=2)),
    ]
    pairs = [pair for pair in said if len(pair) == 2 and pair != (1.0, 1.0)]
    x, y = (_agreed([pair[axis] for pair in pairs], largest=LARGEST_SPACING_MM) for axis in (0, 1))
    return None if x is None or y is None else (x, y)


def _agreed(values: list[float], *, largest: float) -> float | None:
    """The first of `values`, where all are alike and possible."""
    if not values or not all(0 < value <= largest for value in values):
        return None
    return values[0] if max(values) <= min(values) * (1 + _SAME_WITHIN) else None


def _numbers(text: str, *, count: int) -> list[float]:
    """`count` finite numbers separated by spaces, or none."""
    try:
        values = [float(part) for part in text[:256].split()]
    except ValueError:
        return []
    return values if len(values) == count and all(map(math.isfinite, values)) else []
