"""What the operator knows of a probe and the wire does not say, or says wrongly."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

from echonode.probe.kinematics import Kinematics


class SampleMode(StrEnum):
    """How samples are to be read, whatever the probe's `mode` byte says of them."""

    AUTO = "auto"  # by what the samples look like (frames/imaging/sample_content.py)
    RF = "rf"
    ENVELOPE = "envelope"


@dataclass(frozen=True, kw_only=True)
class ProbeProfile:
    """Values that override the probe's own header; None leaves the header's or the default.

    They change what an image measures, never how bytes are cut into lines: the probe cuts by its
    own numbers. Only `samples_per_line` (without the line number) changes the cutting, for a probe
    whose header does not fit its lines, and `lines`, for a probe that says nowhere how many it has.

    mode: see SampleMode. r0_mm, rf_mm: first and last range from the apex. sector_deg: angle
    between the first and the last line. sampling_rate_hz: of the converter, before decimation.
    sound_speed_m_s: in the medium that is scanned. transducer_frequency_khz: centre frequency; no
    echOpen header carries it. kinematics: how the transducer moves; AUTO is the dialect's own.
    """

    mode: SampleMode = SampleMode.AUTO
    r0_mm: float | None = None
    rf_mm: float | None = None
    sector_deg: float | None = None
    sampling_rate_hz: float | None = None
    decimation: float | None = None
    sound_speed_m_s: float | None = None
    transducer_frequency_khz: float | None = None
    samples_per_line: int | None = None
    lines: int | None = None
    kinematics: Kinematics = Kinematics.AUTO

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("mode", "kinematics", "r0_mm") or value is None:
                continue
            if not value > 0:
                raise ValueError(f"{field.name} must be above 0, not {value}")
        if self.r0_mm is not None and not self.r0_mm >= 0:
            raise ValueError(f"r0_mm must not be negative: {self.r0_mm}")
        if self.sector_deg is not None and self.sector_deg > 180:
            raise ValueError(f"sector_deg must be at most 180, not {self.sector_deg}")
        if self.rf_mm is not None and self.r0_mm is not None and self.rf_mm <= self.r0_mm:
            raise ValueError(f"rf_mm {self.rf_mm} must be above r0_mm {self.r0_mm}")


NO_PROFILE = ProbeProfile()
"""Nothing is known: the header is believed, the mode is found out."""
