"""A probe's section of the configuration as the settings of its source."""

from __future__ import annotations

from echonode.config import Probe
from echonode.frames.frame import ProbeIdentity
from echonode.frames.settings import (
    CaptureMode,
    CaptureSettings,
    CompressionLaw,
    ImageSettings,
    StreamSettings,
)
from echonode.frames.source import SourceSettings
from echonode.probe.profile import ProbeProfile, SampleMode


def source_settings(probe: Probe) -> SourceSettings:
    """What `probe` says, in the units of the rooms that do the work (Hz, kHz)."""
    host, _, port = (probe.connect or "").rpartition(":")
    return SourceSettings(
        identity=_identity(probe),
        protocol=probe.protocol,
        dialect=probe.dialect or "",
        host=host.strip("[]"),
        port=int(port),
        stream=StreamSettings(profile=_profile(probe), image=_image(probe)),
        capture=CaptureSettings(
            mode=CaptureMode(probe.capture.mode),
            gap_s=probe.capture.gap_s,
            max_clip_s=probe.capture.max_clip_s,
        ),
    )


def _identity(probe: Probe) -> ProbeIdentity:
    frequency = probe.profile.center_frequency_mhz
    return ProbeIdentity(
        name=probe.name,
        manufacturer=probe.profile.manufacturer,
        model=probe.profile.model,
        serial=probe.profile.serial,
        center_frequency_khz=None if frequency is None else frequency * 1e3,
    )


def _profile(probe: Probe) -> ProbeProfile:
    known = probe.profile
    return ProbeProfile(
        mode=SampleMode(known.mode),
        r0_mm=known.r0_mm,
        rf_mm=known.rf_mm,
        sector_deg=known.sector_deg,
        sampling_rate_hz=None if known.sampling_mhz is None else known.sampling_mhz * 1e6,
        decimation=known.decimation,
        sound_speed_m_s=known.sound_speed_m_s,
        transducer_frequency_khz=(
            None if known.center_frequency_mhz is None else known.center_frequency_mhz * 1e3
        ),
        samples_per_line=known.samples_per_line,
    )


def _image(probe: Probe) -> ImageSettings:
    image = probe.image
    low, high = image.band_mhz
    return ImageSettings(
        columns=image.columns,
        rows=image.rows,
        compression=CompressionLaw(image.compression),
        dynamic_range_db=image.dynamic_range_db,
        gain_db=image.gain_db,
        full_scale=image.full_scale,
        band_hz=(low * 1e6, high * 1e6),
        largest_gap=image.largest_gap,
    )
