"""Planes whose rows are scan lines (FM, FU, NM, NU) as pictures: fanned out where they fan out.

Rules
- Grey lines are shown as they are, RF and IQ through envelope and compression, as a probe's own
  lines are (envelope.py, compression.py).
- Lines fan out where the profile gives `sector_deg`, or the recording gives an angle to its lines;
  the profile overrides it. Then the radius of the array (`r0_mm`) must be known as well, and the
  distance of the samples: from the sampling rate and the speed of sound, or from `rf_mm`. Without
  them no picture can be made that is true in shape, so none is made.
- Lines that do not fan out need the distance of two lines and of two samples: the operator's
  `spacing_mm`, or the source's own where the operator says that it is calibrated. Without it the
  picture's shape would be false, so none is made: no recording tells the pitch of its elements.
- N is turned to F and U to M first: sample 0 is near, line 0 is at the unmarked side, the left.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.frames.frame import Calibration, ImageFacts, Picture
from echonode.frames.imaging.compression import Compression
from echonode.frames.imaging.envelope import EnvelopeDetector
from echonode.frames.imaging.image_grid import image_grid
from echonode.frames.imaging.parallel_lines import ParallelConverter
from echonode.frames.imaging.planes import believed_spacing, plane_calibration, to_bytes
from echonode.frames.imaging.scan_conversion import ScanConverter
from echonode.frames.imaging.window import ChosenWindow
from echonode.frames.picture_settings import Orientation
from echonode.frames.settings import StreamSettings
from echonode.probe.messages import Scanner, SectorGeometry
from echonode.probe.recordings.image_sequence import Content, SequenceInfo

SOUND_SPEED_M_S = 1540.0  # in soft tissue; what scanners with arrays assume
Floats = NDArray[np.float32]


def frequency_khz(info: SequenceInfo, settings: StreamSettings) -> float | None:
    """Of the transducer: the operator's word, else the source's."""
    if settings.profile.transducer_frequency_khz is not None:
        return settings.profile.transducer_frequency_khz
    return None if info.device.frequency_mhz is None else info.device.frequency_mhz * 1e3


class LinePictures:
    """Pictures of scan line planes of one shape. For one thread: it keeps scratch.

    Raises ProtocolError where the geometry does not suffice, or the values are no lines.
    """

    def __init__(
        self, info: SequenceInfo, orientation: Orientation, settings: StreamSettings
    ) -> None:
        self._orientation, self._settings = orientation, settings
        self._content = info.content
        self._name = info.name
        if info.components != (2 if info.content is Content.IQ else 1):
            raise ProtocolError(f"{info.name}: scan lines in colour are not read")
        profile = settings.profile
        self._sampling_rate_hz = profile.sampling_rate_hz or info.sampling_rate_hz
        self._detector = self._new_detector(info.columns, info.kind)
        self._compression = Compression(settings.image, bits=16)
        self._converter, self._calibration, depth_mm = self._conversion(info)
        self._facts = ImageFacts(
            # Lines hold nothing but echoes, unless the operator knows better.
            burned_in=settings.picture.burned_in_or(default=False),
            depth_mm=depth_mm,
            scanner=Scanner(transducer_type=info.device.transducer_type),
        )
        self._window = ChosenWindow()

    def develop(self, plane: NDArray[np.generic]) -> Picture:
        """The picture of a plane: (lines, samples), or (lines, samples, 2) of IQ."""
        grey = self._grey(self._turned(plane))
        return Picture(
            pixels=self._converter.image(grey),
            calibration=self._calibration,
            facts=replace(self._facts, window=self._window.window),
        )

    def _conversion(
        self, info: SequenceInfo
    ) -> tuple[ScanConverter | ParallelConverter, Calibration | None, float]:
        """What makes rows and columns, what they measure, and how deep in mm they go."""
        image, frequency = self._settings.image, frequency_khz(info, self._settings)
        geometry = self._sector(info)
        if geometry is not None:
            grid = image_grid(geometry, columns=image.columns, rows=image.rows)
            depth_mm = geometry.rf_mm - geometry.r0_mm
            return ScanConverter(grid), grid.calibration(frequency), depth_mm
        spacing_mm = self._parallel_spacing(info)
        try:
            converter = ParallelConverter(
                lines=info.rows,
                samples=info.columns,
                spacing_mm=spacing_mm,
                columns=image.columns,
                rows=image.rows,
            )
        except ValueError as error:
            raise ProtocolError(f"{info.name}: {error}") from None
        calibration = plane_calibration(
            converter.delta_mm,
            rows=converter.rows,
            columns=converter.columns,
            transducer_frequency_khz=frequency,
            sound_speed_m_s=self._settings.profile.sound_speed_m_s,
        )
        return converter, calibration, spacing_mm[1] * (info.columns - 1)

    def _parallel_spacing(self, info: SequenceInfo) -> tuple[float, float]:
        """(between lines, between samples) in mm."""
        sent = info.spacing_mm and (info.spacing_mm[1], info.spacing_mm[0])  # a row is a line
        spacing_mm = believed_spacing(self._settings.picture, sent)
        if spacing_mm is None:
            known = ""
            if (rate := self._sampling_rate_hz) is not None:
                known = f"; samples are {self._sound_speed() / (2 * rate) * 1e3:.4g} mm apart"
            raise ProtocolError(
                f"{info.name}: its lines are parallel; give profile.spacing_mm, from line to line "
                f"and from sample to sample{known}"
            )
        return spacing_mm

    def _turned(self, plane: NDArray[np.generic]) -> NDArray[np.generic]:
        """Line 0 left, sample 0 near."""
        along, across = self._orientation.value
        plane = plane[:, ::-1] if along == "N" else plane
        return plane[::-1] if across == "U" else plane

    def _grey(self, plane: NDArray[np.generic]) -> Floats:
        """Grey levels 0..255 of the lines."""
        if self._content is Content.PICTURE:
            window = self._settings.picture.window or self._window.of(plane)
            return np.ascontiguousarray(to_bytes(plane, window)).astype(np.float32)
        if self._content is Content.IQ:
            parts = plane.astype(np.float32)
            return self._compression.of_magnitudes(np.hypot(parts[..., 0], parts[..., 1]))
        assert self._detector is not None
        return self._compression.of_magnitudes(
            self._detector.envelope(np.ascontiguousarray(plane, dtype=np.int16))
        )

    def _new_detector(self, samples: int, kind: np.dtype[Any]) -> EnvelopeDetector | None:
        if self._content is not Content.RF:
            return None
        if kind.kind == "f" or kind.itemsize > 2 or kind == np.uint16:
            raise ProtocolError(f"{self._name}: RF that does not fit into int16 is not read")
        if self._sampling_rate_hz is None:
            raise ProtocolError(f"{self._name}: is RF; give profile.sampling_mhz")
        return EnvelopeDetector(
            samples=samples,
            sampling_rate_hz=self._sampling_rate_hz,
            band_hz=self._settings.image.band_hz,
        )

    def _sound_speed(self) -> float:
        return self._settings.profile.sound_speed_m_s or SOUND_SPEED_M_S

    def _sector(self, info: SequenceInfo) -> SectorGeometry | None:
        """Where the samples lie; None where the lines are parallel."""
        profile = self._settings.profile
        sector_deg = profile.sector_deg or info.sector_deg
        if not sector_deg:
            return None
        if profile.r0_mm is None:
            raise ProtocolError(f"{info.name}: its lines fan out; give profile.r0_mm, the radius")
        speed = self._sound_speed()
        rate = self._sampling_rate_hz
        if rate is not None:
            spacing_mm = speed / (2 * rate) * 1e3
        elif profile.rf_mm is not None:
            spacing_mm = (profile.rf_mm - profile.r0_mm) / (info.columns - 1 or 1)
        else:
            raise ProtocolError(
                f"{info.name}: its lines fan out; give profile.sampling_mhz, or profile.rf_mm"
            )
        try:
            return SectorGeometry(
                lines=info.rows,
                samples=info.columns,
                r0_mm=profile.r0_mm,
                rf_mm=profile.rf_mm or profile.r0_mm + spacing_mm * (info.columns - 1),
                sector_deg=sector_deg,
                sample_spacing_mm=spacing_mm,
                sampling_rate_hz=rate or speed * 1e3 / (2 * spacing_mm),
                sound_speed_m_s=speed,
            )
        except ValueError as error:
            raise ProtocolError(f"{info.name}: {error}") from None
