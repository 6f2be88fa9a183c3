"""What a viewer measures by is the frame's own calibration, in millimetres."""

from __future__ import annotations

from dataclasses import replace

import pytest

from echonode.frames.frame import Calibration, ImageFacts
from echonode.frames.live.picture_geometry import geometry_of
from tests.unit.frames.igtl_messages import taken

FRAME = taken(0, 0.0, side=8)


def test_a_calibrated_frame_has_its_region_in_millimetres() -> None:
    """Both deltas, for pixels need not be square."""
    calibration = Calibration(
        region=(1, 2, 6, 7), physical_delta_x_cm=0.02, physical_delta_y_cm=0.03
    )
    (region,) = geometry_of(replace(FRAME, calibration=calibration)).regions
    assert (region.x0, region.y0, region.x1, region.y1) == (1, 2, 6, 7)
    assert region.physical_delta_x_mm == pytest.approx(0.2)
    assert region.physical_delta_y_mm == pytest.approx(0.3)


def test_an_uncalibrated_frame_has_no_region() -> None:
    """Nothing is measured in it, by no default."""
    assert geometry_of(FRAME).regions == ()


def test_depth_and_gain_curve_are_told_where_they_are_known() -> None:
    """And not known where they are not."""
    deep = replace(FRAME, facts=ImageFacts(depth_mm=120.0))
    geometry = geometry_of(deep, [(0.0, 0.0), (100.0, 20.0)])
    assert (geometry.depth_mm, geometry.gain_curve) == (120.0, ((0.0, 0.0), (100.0, 20.0)))
    assert (geometry.width, geometry.height) == (8, 8)
    assert geometry_of(FRAME).depth_mm is None
    assert geometry_of(FRAME).gain_curve is None
