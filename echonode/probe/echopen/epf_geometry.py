"""Where the lines of an `epf` probe lie: the wire says no more than how many samples a line has.

The defaults are those of echOpen's app (DeviceConfiguration, ProbeCinematicProvider); each may be
set in the profile. As for the `lounger`, 80 MHz places the samples: see lounger.py.
"""

from __future__ import annotations

from echonode.errors import ProtocolError
from echonode.probe.kinematics import Kinematics, rays_of
from echonode.probe.messages import SectorGeometry
from echonode.probe.profile import ProbeProfile

LINES = 100
R0_MM, RF_MM = 10.0, 180.0
SECTOR_DEG = 57.0
DECIMATION = 27.0
SAMPLING_RATE_HZ = 80e6
SOUND_SPEED_M_S = 1480.0
KINEMATICS = Kinematics.PROBE_V1_3_5MHZ


def lines_of(profile: ProbeProfile) -> int:
    """Lines a frame: nothing on the wire tells."""
    return profile.lines or LINES


def geometry_of(profile: ProbeProfile, *, samples: int) -> SectorGeometry:
    """The geometry of lines of `samples` samples. ProtocolError where the profile fits none."""
    rate_hz = (profile.sampling_rate_hz or SAMPLING_RATE_HZ) / (profile.decimation or DECIMATION)
    sound_speed = profile.sound_speed_m_s or SOUND_SPEED_M_S
    r0_mm = R0_MM if profile.r0_mm is None else profile.r0_mm
    sector_deg = profile.sector_deg or SECTOR_DEG
    kinematics = KINEMATICS if profile.kinematics is Kinematics.AUTO else profile.kinematics
    lines = lines_of(profile)
    try:
        return SectorGeometry(
            lines=lines,
            samples=samples,
            r0_mm=r0_mm,
            rf_mm=profile.rf_mm or RF_MM,
            sector_deg=sector_deg,
            sample_spacing_mm=sound_speed * 1e3 / (2 * rate_hz),  # there and back
            sampling_rate_hz=rate_hz,
            sound_speed_m_s=sound_speed,
            rays=rays_of(kinematics, lines=lines, sector_deg=sector_deg, r0_mm=r0_mm),
        )
    except ValueError as error:
        raise ProtocolError(f"the configured profile is no geometry: {error}") from None
