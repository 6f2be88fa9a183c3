"""Planes whose rows are scan lines (FM, FU, NM, NU) as pictures: fanned out where they fan out.

Rules
- Grey lines are shown as they are, RF and IQ through envelope and compression, as a probe's own
  lines are (envelope.py, compression.py).
- Lines fan out where the profile gives `sector_deg`, or the recording gives an angle to its lines;
  the profile stands above. Then the radius of the array (`r0_mm`) must be known as well, and the
  distance of the samples: from the sampling rate and the speed of sound, or from `rf_mm`. Without
  them no picture can be made that is true in shape, so none is made.
- Lines that do not fan out are put side by side, each a column. What a pixel measures is only the
  operator's `spacing_mm` to say: no recording tells the pitch of its elements.
- N is turned to F and U to M first: sample 0 is near, line 0 is at the unmarked side, the left.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.frames.compression import Compression
from echonode.frames.envelope import EnvelopeDetector
from echonode.frames.image_grid import image_grid
from echonode.frames.picture_settings import Orientation
from echonode.frames.planes import believed_spacing, plane_calibration, to_bytes
from echonode.frames.scan_conversion import ScanConverter
from echonode.frames.settings import StreamSettings
from echonode.frames.stream import Picture
from echonode.probe.image_sequence import Content, SequenceInfo
from echonode.probe.messages import SectorGeometry

SOUND_SPEED_M_S = 1540.0  # in soft tissue; what scanners with arrays reckon with
Floats = NDArray[np.float32]


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
        geometry = self._geometry(info)
        self._converter = None
        if geometry is not None:
            image = settings.image
            grid = image_grid(geometry, columns=image.columns, rows=image.rows)
            self._converter = ScanConverter(grid)

    def develop(self, plane: NDArray[np.generic]) -> Picture:
        """The picture of a plane: (lines, samples), or (lines, samples, 2) of IQ."""
        grey = self._grey(self._turned(plane))
        frequency_khz = self._settings.profile.transducer_frequency_khz
        if self._converter is not None:
            return Picture(
                pixels=self._converter.image(grey),
                calibration=self._converter.grid.calibration(frequency_khz),
            )
        pixels = np.ascontiguousarray((grey.T + np.float32(0.5)).astype(np.uint8))
        return Picture(
            pixels=pixels,
            calibration=plane_calibration(
                believed_spacing(self._settings.picture, None),
                rows=pixels.shape[0],
                columns=pixels.shape[1],
                transducer_frequency_khz=frequency_khz,
                sound_speed_m_s=self._settings.profile.sound_speed_m_s,
            ),
        )

    def _turned(self, plane: NDArray[np.generic]) -> NDArray[np.generic]:
        """Line 0 left, sample 0 near."""
        along, across = self._orientation.value
        plane = plane[:, ::-1] if along == "N" else plane
        return plane[::-1] if across == "U" else plane

    def _grey(self, plane: NDArray[np.generic]) -> Floats:
        """Grey levels 0..255 of the lines."""
        if self._content is Content.PICTURE:
            window = self._settings.picture.window
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

    def _geometry(self, info: SequenceInfo) -> SectorGeometry | None:
        """Where the samples lie; None where the lines are parallel."""
        profile = self._settings.profile
        sector_deg = profile.sector_deg or info.sector_deg
        if not sector_deg:
            return None
        if profile.r0_mm is None:
            raise ProtocolError(f"{info.name}: its lines fan out; give profile.r0_mm, the radius")
        speed = profile.sound_speed_m_s or SOUND_SPEED_M_S
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
