"""Planes of a recording or a sender to pictures: B-mode as it lies, scan lines fanned out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.frames.frame import ImageFacts, NoScale, Picture
from echonode.frames.imaging.line_pictures import LinePictures, frequency_khz
from echonode.frames.imaging.planes import (
    believed_spacing,
    check_components,
    develop_plane,
    no_scale,
    plane_calibration,
)
from echonode.frames.imaging.window import ChosenWindow
from echonode.frames.picture_settings import Orientation
from echonode.frames.settings import StreamSettings
from echonode.probe.messages import Scanner
from echonode.probe.recordings.image_sequence import Content, SequenceInfo

Developer = Callable[[NDArray[np.generic]], Picture]


def developer(info: SequenceInfo, settings: StreamSettings) -> Developer:
    """What makes pictures of the planes of `info`. Raises ProtocolError where there can be none."""
    orientation = settings.picture.orientation or orientation_of(info)
    if orientation.rows_are_lines:
        return LinePictures(info, orientation, settings).develop
    if info.content is not Content.PICTURE:
        raise ProtocolError(f"{info.name}: {info.content} in a B-mode orientation is not read")
    check_components(info.components)
    sent = info.sent_spacing_mm
    no_scale_by = no_scale(settings.picture, sent, is_skewed=info.is_skewed)
    calibration = plane_calibration(
        None if no_scale_by else believed_spacing(settings.picture, sent),
        rows=info.rows,
        columns=info.columns,
        transducer_frequency_khz=frequency_khz(info, settings),
        sound_speed_m_s=settings.profile.sound_speed_m_s,
    )
    if calibration is not None and not calibration.is_of_a_body:
        calibration, no_scale_by = None, NoScale.TOO_LARGE
    facts = ImageFacts(
        # A picture that others made may show a name.
        burned_in=settings.picture.burned_in_or(default=None),
        depth_mm=info.device.depth_mm,
        scanner=Scanner(transducer_type=info.device.transducer_type),
        no_scale=no_scale_by,
    )
    window = ChosenWindow()

    def develop(plane: NDArray[np.generic]) -> Picture:
        pixels = develop_plane(plane, settings.picture, orientation=orientation, chosen=window)
        return Picture(
            pixels=pixels, calibration=calibration, facts=replace(facts, window=window.window)
        )

    return develop


def orientation_of(info: SequenceInfo) -> Orientation:
    """What the source says, else PLUS's own defaults: FM for RF, MF for what is seen."""
    said = info.orientation[:2]
    if said in ("", "XX"):
        return Orientation.MF if info.content is Content.PICTURE else Orientation.FM
    try:
        return Orientation(said)
    except ValueError:
        raise ProtocolError(f"{info.name}: there is no orientation {said!r}") from None
