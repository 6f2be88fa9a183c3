"""What every decoder of scan lines yields, whatever its wire looks like.

A protocol for scan lines is one module with a class that has the form of `Decoder`, and one line
in frames/streams/protocols.py. Nothing behind the decoder knows which wire the lines came over.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.probe.kinematics import Rays

Samples = NDArray[np.integer[Any]]  # int16 or uint8


class SampleContent(StrEnum):
    """What a sample is."""

    RF = "rf"  # the echo's voltage: oscillates at the transducer's frequency about an offset
    ENVELOPE = "envelope"  # its magnitude: never negative


@dataclass(frozen=True, kw_only=True)
class SectorGeometry:
    """Where the samples of one sweep lie, and what part of them is shown.

    Shown is the sector about the apex: sector_deg wide, from r0_mm to rf_mm. Sample j of line k
    lies j * sample_spacing_mm behind the start of ray k of `rays` (kinematics.py); None: the lines
    are a rotation about the apex, at even angles over the sector, and start at r0_mm.
    sampling_rate_hz: of the samples, after decimation.
    """

    lines: int
    samples: int
    r0_mm: float
    rf_mm: float
    sector_deg: float
    sample_spacing_mm: float
    sampling_rate_hz: float
    sound_speed_m_s: float
    rays: Rays | None = None

    def __post_init__(self) -> None:
        if self.lines < 2 or self.samples < 2:
            raise ValueError(f"no sector: {self.lines} lines of {self.samples} samples")
        if not 0 <= self.r0_mm < self.rf_mm:
            raise ValueError(f"no depth: r0 {self.r0_mm} mm, rf {self.rf_mm} mm")
        if not 0 < self.sector_deg <= 180:
            raise ValueError(f"no sector: {self.sector_deg} degrees")
        if not (self.sample_spacing_mm > 0 and self.sampling_rate_hz > 0):
            raise ValueError("sample spacing and sampling rate are positive")
        if self.rays is not None and len(self.rays.angles_deg) != self.lines:
            raise ValueError(f"{len(self.rays.angles_deg)} rays for {self.lines} lines")


@dataclass(frozen=True, kw_only=True)
class Scanner:
    """Who made the probe and what it is, as far as its protocol tells; '' is unknown.

    transducer_type: a defined term of Transducer Type (0018,6031, PS3.3 C.8.5.6).
    """

    manufacturer: str = ""
    model: str = ""
    transducer: str = ""
    transducer_type: str = ""


UNKNOWN_SCANNER = Scanner()


@dataclass(frozen=True, kw_only=True)
class GeometryReceived:
    """The probe said how it scans. content: what it says its samples are. bits: 8 or 16 each."""

    geometry: SectorGeometry
    content: SampleContent
    bits: int
    scanner: Scanner = UNKNOWN_SCANNER


@dataclass(frozen=True, kw_only=True, eq=False)
class LineReceived:
    """One scan line. number: from 1. ascending: whether the sweep runs towards the last line."""

    number: int
    ascending: bool
    samples: Samples


@dataclass(frozen=True, kw_only=True)
class Resynchronised:
    """The lines did not follow each other; this is where they do again.

    lines_missing: how many between the last line and the next. last_line_suspect: bytes were lost
    or gained inside the line before, so its samples are not to be trusted.
    """

    bytes_skipped: int
    lines_missing: int
    last_line_suspect: bool


@dataclass(frozen=True, kw_only=True)
class DeviceStatus:
    """How the probe itself is, in its own words; None where it does not say.

    state: of its own state machine, "scanning" and the like. last_error: its number, 0 for none.
    """

    state: str
    battery_percent: int | None = None
    temperature_c: float | None = None
    last_error: int | None = None

    @property
    def matters(self) -> tuple[object, ...]:
        """What is worth a line of log when it changes: state, error, each tenth of the battery."""
        tenth = None if self.battery_percent is None else self.battery_percent // 10
        return self.state, self.last_error, tenth


Message = GeometryReceived | LineReceived | Resynchronised


class Decoder(Protocol):
    """Bytes of one connection in, messages out; no I/O, no clock, no thread.

    failure: what `receive` raises from now on, since the bytes cannot be of this protocol.
    unread: bytes that no line was made of, and that no Resynchronised has told.
    """

    @property
    def failure(self) -> ProtocolError | None: ...

    @property
    def unread(self) -> int: ...

    def receive(self, data: bytes) -> list[Message]:
        """Take the next bytes; ProtocolError where they cannot be of this protocol."""
        ...

    def finish(self) -> list[Message]:
        """The connection has ended: what can still be read of the bytes kept back."""
        ...
