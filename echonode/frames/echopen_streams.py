"""The streams of echOpen's probes that send scan lines over TCP, as protocols.py names them."""

from __future__ import annotations

from echonode.frames.seams import SeamAssembler
from echonode.frames.sector_stream import SectorStream
from echonode.frames.settings import StreamSettings
from echonode.frames.stream import FrameStream
from echonode.probe.echopen import KitDecoder
from echonode.probe.lounger import LoungerDecoder
from echonode.probe.sweeping import SweepingDecoder


def sweeping(settings: StreamSettings) -> FrameStream:
    """2016: lines without a header."""
    return SectorStream(SweepingDecoder(settings.profile), settings, SeamAssembler)


def kit(settings: StreamSettings) -> FrameStream:
    """2017: a header of 6 bytes."""
    return SectorStream(KitDecoder(settings.profile), settings)


def lounger(settings: StreamSettings) -> FrameStream:
    """2019: a header with the probe's name."""
    return SectorStream(LoungerDecoder(settings.profile), settings)
