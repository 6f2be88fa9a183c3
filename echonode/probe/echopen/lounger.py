"""echOpen dialect `lounger` (E2, 2019): a big-endian header with a name, little-endian scan lines.

Source: echOpen android-app, ProcessTCPTask.java @ceb1f80f, and the Java emulator of the same month;
TCP 7538, the probe listens.

Rules
- Header, once, 27 + L bytes, big-endian: f32 r0 mm, f32 rf mm, f32 decimation, i16 lines, f32
  sector in degrees, i8 mode, i32 L, L bytes of name, f32 echo delay. No version and no magic:
  nothing tells it from a `kit` header, so the dialect is configuration.
- Lines: little-endian int16 number and samples, in zig-zag, as the kit's mode 0; no other mode is
  known, so none is read.
- Samples a line: int(2 * (rf - r0) * 94.6 MHz / (1480 m/s * decimation)), so 217 for 10..180 mm at
  decimation 100.
- Mode 0 stands for RF in the kit, but the app of that time draws these samples without detection:
  they are taken for magnitudes unless they prove otherwise (frames/imaging/sample_content.py).
- The name says how the transducer moves (kinematics.py). An unknown name is refused, unless the
  profile says it: an image drawn by the wrong movement measures wrong, and looks right.

Choices, where the sources contradict each other
- Sampling rate: the count of samples is computed with 94.6 MHz, the image with 80 MHz
  (ProbeCinematicProvider: nsr). At 80 MHz a sample of the line above is 0.925 mm, and the synthetic
  target is the rectangle of 25 x 45 mm that it was made as; at 94.6 MHz it is 20.6 x 38.0 mm. So 80
  MHz places the samples. A probe that was measured otherwise has `sampling_mhz` in its profile.
- Echo delay: the app adds 2 * c * delay to each range; the way there and back makes it c * delay/2,
  and that is what is done here. The unit is taken to be a microsecond. All recordings have 0.
- Sound speed: 1480 m/s (water), as in all of the sources; tissue is the profile's to say.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np

from echonode.errors import ProtocolError
from echonode.probe.echopen.line_reader import HeadedDecoder, LineReader
from echonode.probe.echopen.scanner import echopen_scanner
from echonode.probe.kinematics import BY_NAME, Kinematics, rays_of
from echonode.probe.messages import GeometryReceived, SampleContent, Samples, SectorGeometry
from echonode.probe.profile import NO_PROFILE, ProbeProfile

LOUNGER_PORT = 7538
COUNTING_RATE_HZ = 94.6e6  # the rate the probe computes its sample count with
SAMPLING_RATE_HZ = 80e6  # the rate that gives the samples' distance
SOUND_SPEED_M_S = 1480.0
MAX_SAMPLES = 16384  # as the kit's converter; the app's buffers are of that size
MAX_LINES = 1024  # real probes have 64 to 128; the field has room for 32767
MAX_NAME_BYTES = 255  # real names have 13 to 16
_FIXED = struct.Struct(">fffhfbi")
_DELAY = struct.Struct(">f")
_WIRE_TYPE = np.dtype("<i2")


@dataclass(frozen=True, kw_only=True)
class LoungerHeader:
    """The header's values, in wire order; ProtocolError names the field that cannot be."""

    r0_mm: float
    rf_mm: float
    decimation: float
    lines: int
    sector_deg: float
    mode: int = 0
    name: str = ""
    delay_us: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.r0_mm, self.rf_mm, self.decimation, self.sector_deg, self.delay_us)
        if not all(math.isfinite(number) for number in numbers):
            raise ProtocolError("the header has a value that is no number")
        if not 0 <= self.r0_mm < self.rf_mm <= 1000:
            raise ProtocolError(f"r0 {self.r0_mm} mm and rf {self.rf_mm} mm are no depths")
        if not 0 < self.decimation <= 65536:
            raise ProtocolError(f"decimation {self.decimation} is not in 0..65536")
        if not 2 <= self.lines <= MAX_LINES:
            raise ProtocolError(f"line count {self.lines} is not in 2..{MAX_LINES}")
        if not 0 < self.sector_deg <= 180:
            raise ProtocolError(f"sector {self.sector_deg} degrees is not in 0..180")
        if self.mode != 0:
            raise ProtocolError(f"mode {self.mode} is unknown; only 0 is")
        if not 0 <= self.delay_us <= 10_000:
            raise ProtocolError(f"echo delay {self.delay_us} us is not in 0..10000")
        if self.samples < 2:
            raise ProtocolError(f"decimation {self.decimation} leaves {self.samples} samples")

    @property
    def samples(self) -> int:
        """Samples a line, as the probe computes them."""
        metres = (self.rf_mm - self.r0_mm) / 1e3
        count = int(2 * metres * COUNTING_RATE_HZ / (SOUND_SPEED_M_S * self.decimation))
        return min(MAX_SAMPLES, count)


def parse_header(data: bytes | bytearray) -> tuple[LoungerHeader, int] | None:
    """The header at the front of `data` and its length; None: not whole yet."""
    if len(data) < _FIXED.size:
        return None
    r0, rf, decimation, lines, sector, mode, name_bytes = _FIXED.unpack_from(data)
    if not 0 <= name_bytes <= MAX_NAME_BYTES:
        raise ProtocolError(f"a name of {name_bytes} bytes is not in 0..{MAX_NAME_BYTES}")
    length = _FIXED.size + name_bytes + _DELAY.size
    if len(data) < length:
        return None
    name = bytes(data[_FIXED.size : _FIXED.size + name_bytes])
    if not all(0x20 < byte < 0x7F for byte in name):
        raise ProtocolError("the probe's name is not printable ASCII")
    (delay,) = _DELAY.unpack_from(data, length - _DELAY.size)
    header = LoungerHeader(
        r0_mm=r0,
        rf_mm=rf,
        decimation=decimation,
        lines=lines,
        sector_deg=sector,
        mode=mode,
        name=name.decode("ascii"),
        delay_us=delay,
    )
    return header, length


def encode_header(header: LoungerHeader) -> bytes:
    """The bytes a probe sends first."""
    name = header.name.encode("ascii")
    fixed = _FIXED.pack(
        header.r0_mm,
        header.rf_mm,
        header.decimation,
        header.lines,
        header.sector_deg,
        header.mode,
        len(name),
    )
    return fixed + name + _DELAY.pack(header.delay_us)


def encode_line(number: int, samples: Samples) -> bytes:
    """One line as the probe sends it, clipped to the wire."""
    limits = np.iinfo(_WIRE_TYPE)
    line = np.empty(len(samples) + 1, dtype=_WIRE_TYPE)
    line[0] = number
    line[1:] = np.clip(samples, limits.min, limits.max)
    return line.tobytes()


def geometry_of(header: LoungerHeader, profile: ProbeProfile) -> SectorGeometry:
    """Where the samples lie: the header's numbers, and the profile's where it has them.

    ProtocolError where the probe's movement is unknown, or profile and header do not fit together.
    """
    rate_hz = (profile.sampling_rate_hz or SAMPLING_RATE_HZ) / (
        profile.decimation or header.decimation
    )
    sound_speed = profile.sound_speed_m_s or SOUND_SPEED_M_S
    r0_mm = header.r0_mm if profile.r0_mm is None else profile.r0_mm
    sector_deg = profile.sector_deg or header.sector_deg
    try:
        return SectorGeometry(
            lines=header.lines,
            samples=profile.samples_per_line or header.samples,
            r0_mm=r0_mm,
            rf_mm=profile.rf_mm or header.rf_mm,
            sector_deg=sector_deg,
            sample_spacing_mm=sound_speed * 1e3 / (2 * rate_hz),  # there and back
            sampling_rate_hz=rate_hz,
            sound_speed_m_s=sound_speed,
            rays=rays_of(
                _kinematics(header, profile),
                lines=header.lines,
                sector_deg=sector_deg,
                r0_mm=r0_mm,
                delay_mm=sound_speed * header.delay_us / 2 / 1e3,
            ),
        )
    except ValueError as error:
        raise ProtocolError(f"the header does not fit the configured profile: {error}") from None


def _kinematics(header: LoungerHeader, profile: ProbeProfile) -> Kinematics:
    if profile.kinematics is not Kinematics.AUTO:
        return profile.kinematics
    if header.name not in BY_NAME:
        raise ProtocolError(f"how {header.name!r} moves is unknown; set profile.kinematics")
    return BY_NAME[header.name]


class LoungerDecoder(HeadedDecoder):
    """The `lounger` dialect of one connection; the form is probe.messages.Decoder."""

    def __init__(self, profile: ProbeProfile = NO_PROFILE) -> None:
        super().__init__()
        self._profile = profile

    def _begin(self, buffer: bytearray) -> tuple[GeometryReceived, LineReader] | None:
        parsed = parse_header(buffer)
        if parsed is None:
            return None
        header, length = parsed
        del buffer[:length]
        geometry = geometry_of(header, self._profile)
        received = GeometryReceived(
            geometry=geometry,
            content=SampleContent.ENVELOPE,
            bits=16,
            scanner=echopen_scanner("lounger", transducer=header.name),
        )
        reader = LineReader(lines=header.lines, samples=geometry.samples, wire_type=_WIRE_TYPE)
        return received, reader
