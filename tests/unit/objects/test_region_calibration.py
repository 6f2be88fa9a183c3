"""A distance measured in a viewer is the distance in the body, or none can be measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom import Dataset

from echonode.errors import InvalidObject
from echonode.frames.frame import Calibration
from echonode.objects.region_calibration import set_region, usable
from tests.unit.objects.acquisitions import sector

ROWS, COLUMNS = 24, 32
PARTLY = replace(sector(ROWS, COLUMNS), region=(4, 2, 27, 21))


def region(calibration: Calibration, center_khz: float | None = None) -> Dataset:
    dataset = Dataset()
    set_region(dataset, calibration, rows=ROWS, columns=COLUMNS, center_khz=center_khz)
    return dataset


def test_a_region_tells_both_deltas_in_centimetres() -> None:
    """2D tissue, centimetres, with X and Y apart, at its place in the image (PS3.3 C.8.5.5)."""
    (item,) = region(PARTLY).SequenceOfUltrasoundRegions
    assert (item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags) == (1, 1, 0)
    assert (item.PhysicalUnitsXDirection, item.PhysicalUnitsYDirection) == (3, 3)
    assert (item.PhysicalDeltaX, item.PhysicalDeltaY) == (0.0299, 0.0176)
    assert (item.RegionLocationMinX0, item.RegionLocationMinY0) == (4, 2)
    assert (item.RegionLocationMaxX1, item.RegionLocationMaxY1) == (27, 21)


def test_the_reference_pixel_is_told_where_it_is_known() -> None:
    """The apex of a sector may lie above the image; physical values count from it."""
    (item,) = region(PARTLY).SequenceOfUltrasoundRegions
    assert (item.ReferencePixelX0, item.ReferencePixelY0) == (16, -10)
    assert (item.ReferencePixelPhysicalValueX, item.ReferencePixelPhysicalValueY) == (0, 0)


def test_an_apex_between_two_pixels_is_told_to_its_place() -> None:
    """The reference pixel is a whole one; how far it lies from the apex is its physical value."""
    known = replace(PARTLY, reference_physical_cm=(0.01495, -0.004))
    (item,) = region(known).SequenceOfUltrasoundRegions
    assert (item.ReferencePixelX0, item.ReferencePixelY0) == (16, -10)
    assert item.ReferencePixelPhysicalValueX == 0.01495
    assert item.ReferencePixelPhysicalValueY == -0.004


def test_an_unknown_reference_pixel_is_not_invented() -> None:
    """Without one from the sender, none of the four attributes is written."""
    (item,) = region(replace(PARTLY, reference_pixel=None)).SequenceOfUltrasoundRegions
    assert not any(keyword.startswith("Reference") for keyword in item.dir())


def test_the_frequency_is_the_calibrations_or_else_the_probes() -> None:
    """In kHz; left out where neither knows it."""
    known = replace(PARTLY, transducer_frequency_khz=5000.4)
    assert region(known, 3500.0).SequenceOfUltrasoundRegions[0].TransducerFrequency == 5000
    assert region(PARTLY, 3500.0).SequenceOfUltrasoundRegions[0].TransducerFrequency == 3500
    assert "TransducerFrequency" not in region(PARTLY).SequenceOfUltrasoundRegions[0]


@pytest.mark.parametrize("frequency", [float("inf"), -1.0, 0.1])
def test_a_nonsense_frequency_is_not_written(frequency: float) -> None:
    """What a sender says need not make sense; the image is kept without it."""
    item = region(replace(PARTLY, transducer_frequency_khz=frequency))
    assert "TransducerFrequency" not in item.SequenceOfUltrasoundRegions[0]


def test_an_apex_at_infinity_is_not_written() -> None:
    """A nearly straight array has its virtual apex further away than the attribute can say."""
    item = region(replace(PARTLY, reference_pixel=(16, -(2**40)))).SequenceOfUltrasoundRegions[0]
    assert "ReferencePixelY0" not in item


def test_pixel_spacing_is_written_only_where_it_holds_for_the_whole_image() -> None:
    """Row spacing first, in millimetres, equal to the region; with a smaller region, none."""
    whole = region(sector(ROWS, COLUMNS))
    assert [str(value) for value in whole.PixelSpacing] == ["0.176", "0.299"]
    assert "PixelAspectRatio" not in whole
    assert "PixelSpacing" not in region(PARTLY)


def test_non_square_pixels_without_pixel_spacing_tell_their_shape() -> None:
    """Pixel Aspect Ratio is type 1C then (PS3.3 C.7.6.3): vertical size to horizontal size."""
    vertical, horizontal = region(PARTLY).PixelAspectRatio
    assert vertical / horizontal == pytest.approx(0.0176 / 0.0299, rel=1e-4)
    square = replace(PARTLY, physical_delta_x_cm=0.02, physical_delta_y_cm=0.02)
    assert "PixelAspectRatio" not in region(square)


@pytest.mark.parametrize("corner", [(32, 21), (27, 24)])
def test_a_region_outside_the_image_refuses_the_object(corner: tuple[int, int]) -> None:
    """Both corners are pixels of the image."""
    with pytest.raises(InvalidObject, match=r"SequenceOfUltrasoundRegions \(0018,6011\)"):
        region(replace(PARTLY, region=(0, 0, *corner)))


def test_a_calibration_that_cannot_be_of_a_body_is_not_used() -> None:
    """A sender's default of 1.0 would make metres of a picture: it counts as uncalibrated."""
    default = replace(sector(640, 480), physical_delta_x_cm=1.0, physical_delta_y_cm=1.0)
    assert usable(default) is None
    assert usable(None) is None
    assert usable(PARTLY) is PARTLY
