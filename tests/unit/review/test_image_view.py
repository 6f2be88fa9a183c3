"""What a viewer gets of an image: true times, true scale, and nothing that is guessed."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from echonode.model.us_region import WhyNot
from echonode.review.image_view import Timing, image_view, us_regions
from tests.unit.store.samples import US_MULTI_FRAME, dataset

POINTER = 0x00181063
VECTOR = 0x00181065


def cine(frames: int, **more: Any) -> Dataset:
    return dataset(1, SOPClassUID=US_MULTI_FRAME, NumberOfFrames=frames, **more)


def region(**more: Any) -> Dataset:
    item = Dataset()
    values = {
        "RegionSpatialFormat": 1,
        "RegionDataType": 1,
        "RegionFlags": 0,
        "RegionLocationMinX0": 10,
        "RegionLocationMinY0": 20,
        "RegionLocationMaxX1": 109,
        "RegionLocationMaxY1": 219,
        "PhysicalUnitsXDirection": 3,
        "PhysicalUnitsYDirection": 3,
        "PhysicalDeltaX": 0.02,
        "PhysicalDeltaY": 0.05,
        **more,
    }
    for keyword, value in values.items():
        if value is not None:
            setattr(item, keyword, value)
    return item


def regions_of(*items: Dataset) -> Any:
    return us_regions(dataset(1, SequenceOfUltrasoundRegions=Sequence(items)))


def test_a_frame_time_holds_for_every_frame() -> None:
    """Each is shown as long; the first begins at 0."""
    view = image_view(cine(3, FrameIncrementPointer=POINTER, FrameTime="40.5"))
    assert view.timing is Timing.FRAME_TIME
    assert view.durations_ms == (40.5, 40.5, 40.5)
    assert view.times_ms == (0, 40.5, 81)


def test_a_vector_says_how_long_after_the_frame_before() -> None:
    """Its first value is of no frame before; the last frame is shown as long as the mean."""
    view = image_view(
        cine(4, FrameIncrementPointer=VECTOR, FrameTimeVector=["0", "10", "30", "20"])
    )
    assert view.timing is Timing.VECTOR
    assert view.durations_ms == (10, 30, 20, 20)
    assert view.times_ms == (0, 10, 40, 60)


@pytest.mark.parametrize(
    ("more", "timing", "first"),
    [
        ({"FrameTime": "25", "FrameTimeVector": ["0", "10", "10"]}, Timing.VECTOR, 10),
        (
            {
                "FrameTime": "25",
                "FrameTimeVector": ["0", "1", "1"],
                "FrameIncrementPointer": POINTER,
            },
            Timing.FRAME_TIME,
            25,
        ),
        ({"FrameTimeVector": ["0", "10"], "CineRate": "20"}, Timing.RATE, 50),
        ({"FrameTimeVector": ["0", "-5", "10"], "CineRate": "20"}, Timing.RATE, 50),
        ({"FrameTime": "0", "RecommendedDisplayFrameRate": "10"}, Timing.RATE, 100),
    ],
)
def test_what_decides_where_several_are_there(
    more: dict[str, Any], timing: Timing, first: float
) -> None:
    """What the pointer names; a vector of another length, or that goes back, does not count."""
    view = image_view(cine(3, **more))
    assert (view.timing, view.durations_ms[0]) == (timing, first)


def test_without_times_there_are_none() -> None:
    """They are not guessed; a still has none either."""
    assert image_view(cine(3)).durations_ms == ()
    assert image_view(cine(3)).timing is Timing.NONE
    assert image_view(dataset(1)).times_ms == ()


def test_a_region_in_millimetres_with_both_its_deltas() -> None:
    """Centimetres a pixel in the file; a negative delta is a direction."""
    (found,) = regions_of(region(PhysicalDeltaY=-0.05))
    assert (found.x0, found.y0, found.x1, found.y1) == (10, 20, 109, 219)
    assert (found.delta_x_mm, found.delta_y_mm) == (pytest.approx(0.2), pytest.approx(0.5))
    assert found.why_not is None
    assert not found.low_priority


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"RegionSpatialFormat": 2}, WhyNot.TRACE),
        ({"RegionSpatialFormat": 3}, WhyNot.SPECTRUM),
        ({"RegionSpatialFormat": 4}, WhyNot.WAVE_FORM),
        ({"RegionSpatialFormat": 5}, WhyNot.GRAPHICS),
        ({"RegionSpatialFormat": 0}, WhyNot.UNKNOWN),
        ({"PhysicalUnitsYDirection": 4}, WhyNot.UNIT),
        ({"PhysicalUnitsXDirection": None}, WhyNot.UNIT),
        ({"PhysicalDeltaX": 0.0}, WhyNot.SCALE),
        ({"PhysicalDeltaX": float("nan")}, WhyNot.SCALE),
        ({"PhysicalDeltaX": None}, WhyNot.SCALE),
    ],
)
def test_a_region_that_is_not_measured_in_says_why(more: dict[str, Any], why: WhyNot) -> None:
    """And has no scale that someone could use by mistake."""
    (found,) = regions_of(region(**more))
    assert (found.why_not, found.delta_x_mm, found.delta_y_mm) == (why, 0, 0)


def test_a_region_without_a_place_is_none() -> None:
    """A missing or a turned edge."""
    assert regions_of(region(RegionLocationMinX0=None)) == ()
    assert regions_of(region(RegionLocationMaxX1=9)) == ()
    assert us_regions(dataset(1)) == ()
    assert regions_of(region(RegionFlags=1))[0].low_priority


def test_pixels_that_are_not_square() -> None:
    """Pixel Spacing is row spacing first (PS3.3 10.7.1.3), and so is the aspect ratio."""
    assert image_view(dataset(1, PixelSpacing=["0.5", "0.2"])).pixel_ratio == 2.5
    assert image_view(dataset(1, PixelAspectRatio=["5", "2"])).pixel_ratio == 2.5
    assert image_view(dataset(1, PixelSpacing=["0", "0.2"])).pixel_ratio == 1
    assert image_view(dataset(1)).pixel_ratio == 1


def test_the_rest() -> None:
    """Window, depth, loss, side."""
    view = image_view(
        dataset(
            1,
            WindowCenter=["100", "5"],
            WindowWidth=["80", "6"],
            LossyImageCompression="01",
            DepthOfScanField="160",
            BurnedInAnnotation="NO",
            Laterality="L",
        )
    )
    assert view.window == (100, 80)
    assert (view.lossy, view.depth_mm, view.burned_in, view.laterality) == (True, 160, "NO", "L")
    assert image_view(dataset(1, WindowCenter="1", WindowWidth="0")).window is None


def test_an_empty_dataset_is_no_error() -> None:
    """Nothing is known of it, and that is what is said."""
    view = image_view(Dataset())
    assert (view.rows, view.columns, view.frames) == (0, 0, 1)
