"""echOpen dialect `kit` (E1, 2016-2018): a header of six bytes, then scan lines without end.

Source: echOpen kit, probe.c and probe_mode_B.c; TCP 7538, the probe listens.

Rules
- Header, once after the connection opens, six unsigned bytes: r0 mm, rf mm, decimation, lines,
  sector in degrees, mode. Every later byte belongs to a line.
- Mode 0: int16 little-endian line number, then int16 samples. Mode 1: a byte of line number, then
  bytes. `mode` fixes the width and no more: envelopes sent as mode 0 exist.
- Samples a line: int(2*(rf-r0)*125/1.48/decimation), 16384 at most (the converter's buffer). A line
  carries no length, checksum, time or frame number; zigzag.py is how its beginning is known.
- A client that joins a running probe starts at any line, but at the beginning of that line.
- How lines are read, and found again: line_reader.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from echonode.errors import ProtocolError
from echonode.probe.echopen.line_reader import HeadedDecoder, LineReader
from echonode.probe.echopen.scanner import echopen_scanner
from echonode.probe.kinematics import Kinematics, Rays, rays_of
from echonode.probe.messages import GeometryReceived, SampleContent, Samples, SectorGeometry
from echonode.probe.profile import NO_PROFILE, ProbeProfile

KIT_PORT = 7538
HEADER_BYTES = 6
ADC_RATE_HZ = 125e6
SOUND_SPEED_M_S = 1480.0  # water, as the kit assumes
MAX_SAMPLES = 16384  # the converter's buffer; probe and reference client both stop there


class KitMode(IntEnum):
    """The last byte of the header, which fixes the width of a sample."""

    RF_INT16 = 0
    ENVELOPE_U8 = 1


_WIRE_TYPE: dict[KitMode, np.dtype[np.integer[Any]]] = {
    KitMode.RF_INT16: np.dtype("<i2"),
    KitMode.ENVELOPE_U8: np.dtype("u1"),
}


@dataclass(frozen=True, kw_only=True)
class KitHeader:
    """The six bytes, in wire order; ProtocolError names the field that cannot be."""

    r0_mm: int
    rf_mm: int
    decimation: int
    lines: int
    sector_deg: int
    mode: KitMode

    def __post_init__(self) -> None:
        if self.rf_mm <= self.r0_mm:
            raise ProtocolError(f"rf {self.rf_mm} mm is not beyond r0 {self.r0_mm} mm")
        if self.decimation == 0:
            raise ProtocolError("decimation is 0")
        if self.lines < 2:
            raise ProtocolError(f"line count {self.lines} makes no sector")
        if not 0 < self.sector_deg <= 180:
            raise ProtocolError(f"sector {self.sector_deg} degrees is not in 1..180")
        if self.samples < 2:
            raise ProtocolError(
                f"decimation {self.decimation} leaves {self.samples} samples a line"
            )

    @property
    def samples(self) -> int:
        """Samples a line, as the probe computes them."""
        return min(
            MAX_SAMPLES, int(2.0 * (self.rf_mm - self.r0_mm) * 125.0 / 1.48 / self.decimation)
        )

    @property
    def wire_type(self) -> np.dtype[np.integer[Any]]:
        """The type of a sample, and of the line number before it."""
        return _WIRE_TYPE[self.mode]


def parse_header(data: bytes) -> KitHeader:
    """The header from its six bytes; ProtocolError names the field that cannot be."""
    r0, rf, decimation, lines, sector, mode = data[:HEADER_BYTES]
    if mode not in tuple(KitMode):
        raise ProtocolError(f"mode {mode} is neither 0 nor 1")
    return KitHeader(
        r0_mm=r0,
        rf_mm=rf,
        decimation=decimation,
        lines=lines,
        sector_deg=sector,
        mode=KitMode(mode),
    )


def encode_header(header: KitHeader) -> bytes:
    """The six bytes a probe sends first; ValueError where a field does not fit its byte."""
    return bytes(
        (
            header.r0_mm,
            header.rf_mm,
            header.decimation,
            header.lines,
            header.sector_deg,
            header.mode,
        )
    )


def encode_line(header: KitHeader, number: int, samples: Samples) -> bytes:
    """One line as the probe sends it; `samples` of shape (header.samples,), clipped to the wire."""
    limits = np.iinfo(header.wire_type)
    line = np.empty(len(samples) + 1, dtype=header.wire_type)
    line[0] = number
    line[1:] = np.clip(samples, limits.min, limits.max)
    return line.tobytes()


def geometry_of(header: KitHeader, profile: ProbeProfile) -> SectorGeometry:
    """Where the samples lie: the header's numbers, and the profile's where it has them.

    A sample's depth comes from sound speed and sampling rate, unless the profile gives rf: then the
    samples are spread from r0 to rf. ProtocolError where profile and header do not fit together.
    """
    samples = profile.samples_per_line or header.samples
    r0_mm = float(header.r0_mm) if profile.r0_mm is None else profile.r0_mm
    rate_hz = (profile.sampling_rate_hz or ADC_RATE_HZ) / (profile.decimation or header.decimation)
    sound_speed = profile.sound_speed_m_s or SOUND_SPEED_M_S
    spacing_mm = sound_speed * 1e3 / (2 * rate_hz)  # there and back
    if profile.rf_mm is not None:
        rf_mm = profile.rf_mm
        spacing_mm = (rf_mm - r0_mm) / samples
    elif _as_the_probe_computes(header, profile):
        rf_mm = float(header.rf_mm)
    else:
        rf_mm = r0_mm + samples * spacing_mm
    try:
        return SectorGeometry(
            lines=header.lines,
            samples=samples,
            r0_mm=r0_mm,
            rf_mm=rf_mm,
            sector_deg=profile.sector_deg or float(header.sector_deg),
            sample_spacing_mm=spacing_mm,
            sampling_rate_hz=rate_hz,
            sound_speed_m_s=sound_speed,
            rays=_rays(header, profile, r0_mm),
        )
    except ValueError as error:
        raise ProtocolError(f"the header does not fit the configured profile: {error}") from None


def _rays(header: KitHeader, profile: ProbeProfile, r0_mm: float) -> Rays | None:
    """The profile's movement, or None: the kit turns about a point."""
    if profile.kinematics in (Kinematics.AUTO, Kinematics.ROTATION):
        return None
    sector_deg = profile.sector_deg or float(header.sector_deg)
    return rays_of(profile.kinematics, lines=header.lines, sector_deg=sector_deg, r0_mm=r0_mm)


def _as_the_probe_computes(header: KitHeader, profile: ProbeProfile) -> bool:
    """Whether nothing moves the last sample away from the header's rf."""
    moved = (
        profile.r0_mm,
        profile.samples_per_line,
        profile.sampling_rate_hz,
        profile.decimation,
        profile.sound_speed_m_s,
    )
    return header.samples < MAX_SAMPLES and all(value is None for value in moved)


class KitDecoder(HeadedDecoder):
    """The `kit` dialect of one connection; the form is probe.messages.Decoder."""

    def __init__(self, profile: ProbeProfile = NO_PROFILE) -> None:
        super().__init__()
        self._profile = profile

    def _begin(self, buffer: bytearray) -> tuple[GeometryReceived, LineReader] | None:
        if len(buffer) < HEADER_BYTES:
            return None
        header = parse_header(bytes(buffer[:HEADER_BYTES]))
        del buffer[:HEADER_BYTES]
        geometry = geometry_of(header, self._profile)
        mode_0 = header.mode is KitMode.RF_INT16
        received = GeometryReceived(
            geometry=geometry,
            content=SampleContent.RF if mode_0 else SampleContent.ENVELOPE,
            bits=16 if mode_0 else 8,
            scanner=echopen_scanner("kit"),
        )
        reader = LineReader(
            lines=header.lines, samples=geometry.samples, wire_type=header.wire_type
        )
        return received, reader
