"""A probe's section of the configuration as the settings of its source."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import partial

from echonode.config import Image, Probe
from echonode.dimse.upper_layer.tls_context import FollowedContext, server_context
from echonode.frames.frame import ProbeIdentity
from echonode.frames.imaging.image_grid import PIXELS
from echonode.frames.picture_settings import BurnedIn, ColourOrder, Orientation, PictureSettings
from echonode.frames.settings import (
    CaptureMode,
    CaptureSettings,
    CompressionLaw,
    ImageSettings,
    StreamSettings,
)
from echonode.frames.source.file_player import PlayFile
from echonode.frames.source.source import SourceSettings
from echonode.frames.source.transport import CommandAndBind, ConnectTo, ListenAt, TransportConfig
from echonode.frames.streams.protocol_table import find_protocol
from echonode.frames.streams.protocols import Wire
from echonode.probe.echopen.epf import LINE_PORT
from echonode.probe.kinematics import Kinematics
from echonode.probe.link.tcp_listener import CurrentTLS
from echonode.probe.profile import ProbeProfile, SampleMode

# Of a probe that scans; echOpen's make 10 to 20.
FRAMES_PER_S = 20.0


def source_settings(probe: Probe) -> SourceSettings:
    """What `probe` says, in the units of the packages that do the work (Hz, kHz)."""
    stream = StreamSettings(
        profile=_profile(probe),
        image=_image(probe),
        picture=_picture(probe),
        keep_lines=probe.capture.keep_rf,
    )
    return SourceSettings(
        identity=_identity(probe),
        protocol=probe.protocol,
        dialect=probe.dialect or "",
        way=_way(probe, stream),
        stream=stream,
        capture=CaptureSettings(
            mode=CaptureMode(probe.capture.mode),
            gap_s=probe.capture.gap_s,
            max_clip_s=probe.capture.max_clip_s,
        ),
    )


def cine_bytes_per_s(probes: Sequence[Probe]) -> float:
    """What the probes write while all of them scan, for the minutes of cine that are shown.

    By the size of the images that are built and a usual rate: 8 bit, FRAMES_PER_S.
    """
    return FRAMES_PER_S * (sum(_pixels(probe.image) for probe in probes) or PIXELS)


def _pixels(image: Image) -> int:
    """How many an image has, as far as the configuration says; one side alone is nearly a square's.

    The other follows from a geometry that only the connected probe knows.
    """
    rows, columns = image.rows or image.columns, image.columns or image.rows
    return PIXELS if rows is None or columns is None else rows * columns


def _way(probe: Probe, stream: StreamSettings) -> TransportConfig:
    """How the probe's data reach us; checks.py saw to it that one way is given."""
    if probe.path is not None:
        return PlayFile(path=probe.path, loop=probe.loop, fps=probe.fps, stream=stream)
    protocol = find_protocol(probe.protocol, probe.dialect or "")
    if protocol is not None and protocol.wire is Wire.COMMANDS:
        host, port = _host_and_port(probe.connect or "")
        local = (None, LINE_PORT) if probe.listen is None else _host_and_port(probe.listen)
        return CommandAndBind(host=host, port=port, local_host=local[0], local_port=local[1])
    host, port = _host_and_port(probe.listen or probe.connect or "")
    if probe.listen is None:
        return ConnectTo(host=host, port=port)
    addresses = tuple(ipaddress.ip_network(text) for text in probe.addresses)
    return ListenAt(host=host, port=port, addresses=addresses, tls=_tls(probe))


def _tls(probe: Probe) -> CurrentTLS | None:
    """What a sender must prove, by files that may be renewed while the node runs."""
    if probe.tls is None:
        return None
    make = partial(server_context, require_client_cert=probe.tls.require_client_cert)
    return FollowedContext(probe.tls.value(), make).current


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _picture(probe: Probe) -> PictureSettings:
    image, known = probe.image, probe.profile
    return PictureSettings(
        device=probe.device or "",
        calibrated=known.calibrated,
        spacing_mm=known.spacing_mm,
        colour_order=None if image.colour_order is None else ColourOrder(image.colour_order),
        orientation=None if image.orientation is None else Orientation(image.orientation),
        window=image.window,
        burned_in=None if image.burned_in is None else BurnedIn(image.burned_in),
    )


def _identity(probe: Probe) -> ProbeIdentity:
    """The operator's words; what the protocol tells comes with the frames."""
    known, frequency = probe.profile, probe.profile.center_frequency_mhz
    return ProbeIdentity(
        name=probe.name,
        manufacturer=known.manufacturer,
        model=known.model,
        serial=known.serial,
        transducer=known.transducer,
        transducer_type=known.transducer_type,
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
        lines=known.lines,
        kinematics=Kinematics(known.kinematics),
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
        tgc=image.tgc,
        persistence=image.persistence,
    )
