"""What a frame's pixels measure, in the units of a viewer. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from echonode.frames.frame import Calibration, Frame, NoScale
from echonode.model.live_picture import PictureGeometry, PictureRegion

_MM_A_CM = 10.0


def geometry_of(frame: Frame, gain_curve: Sequence[tuple[float, float]] = ()) -> PictureGeometry:
    """gain_curve: (depth mm, dB) that the frames are made with; empty where there is none."""
    height, width = frame.pixels.shape[:2]
    calibration, why = frame.calibration, frame.facts.no_scale
    if calibration is not None and not calibration.is_of_a_body:  # as in the stored object
        calibration, why = None, NoScale.TOO_LARGE
    return PictureGeometry(
        width=width,
        height=height,
        regions=() if calibration is None else (_region(calibration),),
        no_scale=why.value if why and calibration is None else "",
        depth_mm=frame.facts.depth_mm,
        gain_curve=tuple(gain_curve) or None,
    )


def _region(calibration: Calibration) -> PictureRegion:
    x0, y0, x1, y1 = calibration.region
    return PictureRegion(
        x0=x0,
        y0=y0,
        x1=x1,
        y1=y1,
        physical_delta_x_mm=calibration.physical_delta_x_cm * _MM_A_CM,
        physical_delta_y_mm=calibration.physical_delta_y_cm * _MM_A_CM,
    )
