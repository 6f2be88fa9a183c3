"""What a pixel measures (PS3.3 C.8.5.5 US Region Calibration).

Rules
- One 2D tissue region, in centimetres, with its own delta in X and in Y: they differ where the
  operator wants a size that makes pixels oblong, and in images of others.
- The reference pixel is a whole pixel, and seldom the apex itself: what lies between them is in its
  physical value, so that absolute positions are as right as distances (C.8.5.5.1.16).
- No calibration, no region: a viewer that knows nothing measures nothing. The same for deltas that
  cannot be of a body (a sender's default of 1.0 makes metres of a picture).
- Pixel Spacing is written where it holds for every pixel, that is where the region is the whole
  image, and says the same as the region: many viewers know only that, and they need it to show
  non-square pixels in their true shape. It makes the object a Standard Extended one (PS3.2 3.11).
- Elsewhere Pixel Aspect Ratio says that pixels are not square (PS3.3 C.7.6.3, type 1C).
"""

from __future__ import annotations

from fractions import Fraction

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from echonode.frames.frame import Calibration
from echonode.objects.values import refusal

_FORMAT_2D, _DATA_TISSUE, _UNITS_CM = 1, 1, 3  # C.8.5.5.1.1, C.8.5.5.1.2, C.8.5.5.1.15
_FLAGS = 0  # C.8.5.5.1.3: bit 0 high priority, bit 1 may be scaled, bits 2 to 4 Doppler only
_LARGEST_SL, _LARGEST_UL = 2**31 - 1, 2**32 - 1
_RATIO_LIMIT = 10_000  # keeps the ratio within 0.01%, in small integers


def usable(calibration: Calibration | None) -> Calibration | None:
    """The calibration, or None where its region would be larger than any body part."""
    return calibration if calibration is not None and calibration.is_of_a_body else None


def set_region(
    dataset: Dataset, calibration: Calibration, *, rows: int, columns: int, center_khz: float | None
) -> None:
    """Set the region, and Pixel Spacing or Pixel Aspect Ratio with it.

    center_khz: the probe's own centre frequency, for a calibration that names none.
    Raises InvalidObject where the region is not within the image.
    """
    x0, y0, x1, y1 = calibration.region
    if x1 >= columns or y1 >= rows:
        raise refusal(
            "SequenceOfUltrasoundRegions", "a region lies within the image (C.8.5.5.1.14)"
        )
    dataset.SequenceOfUltrasoundRegions = Sequence([_item(calibration, center_khz)])
    delta_x, delta_y = calibration.physical_delta_x_cm, calibration.physical_delta_y_cm
    if (x0, y0, x1, y1) == (0, 0, columns - 1, rows - 1):
        # PS3.3 10.7.1.3: row spacing (downwards) first, then column spacing, in mm.
        dataset.PixelSpacing = [f"{10.0 * delta:.10g}" for delta in (delta_y, delta_x)]
    elif delta_x != delta_y:
        ratio = Fraction(delta_y / delta_x).limit_denominator(_RATIO_LIMIT)
        dataset.PixelAspectRatio = [
            ratio.numerator,
            ratio.denominator,
        ]  # C.7.6.3.1.7: vertical first


def _item(calibration: Calibration, center_khz: float | None) -> Dataset:
    """The one item of Sequence of Ultrasound Regions (table C.8-17)."""
    x0, y0, x1, y1 = calibration.region
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType = _FORMAT_2D, _DATA_TISSUE
    item.RegionFlags = _FLAGS
    item.RegionLocationMinX0, item.RegionLocationMinY0 = x0, y0
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = x1, y1
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = _UNITS_CM
    item.PhysicalDeltaX = calibration.physical_delta_x_cm
    item.PhysicalDeltaY = calibration.physical_delta_y_cm
    if calibration.reference_pixel is not None and _fits_sl(calibration.reference_pixel):
        # C.8.5.5.1.16: relative to the region, and it may lie outside; distances count from it.
        item.ReferencePixelX0, item.ReferencePixelY0 = calibration.reference_pixel
        x_cm, y_cm = calibration.reference_physical_cm
        item.ReferencePixelPhysicalValueX, item.ReferencePixelPhysicalValueY = x_cm, y_cm
    frequency = calibration.transducer_frequency_khz or center_khz
    if frequency and 0.5 < frequency <= _LARGEST_UL:  # a sender's nonsense is no frequency
        item.TransducerFrequency = round(frequency)
    return item


def _fits_sl(pixel: tuple[int, int]) -> bool:
    """Whether SL can hold it: the virtual apex of a nearly straight array is almost at infinity."""
    return all(-_LARGEST_SL <= coordinate <= _LARGEST_SL for coordinate in pixel)
