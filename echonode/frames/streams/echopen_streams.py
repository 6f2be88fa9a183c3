"""The streams of echOpen's probes that send scan lines over TCP, as protocols.py names them."""

from __future__ import annotations

from echonode.frames.settings import StreamSettings
from echonode.frames.streams.sector_stream import SectorStream
from echonode.frames.streams.stream import FrameStream
from echonode.frames.streams.unordered_sweep import UnorderedSweepAssembler
from echonode.probe.echopen.kit import KitDecoder
from echonode.probe.echopen.lounger import LoungerDecoder
from echonode.probe.echopen.sweeping import SweepingDecoder


def sweeping(settings: StreamSettings) -> FrameStream:
    """2016: lines without a header."""
    return SectorStream(SweepingDecoder(settings.profile), settings, UnorderedSweepAssembler)


def kit(settings: StreamSettings) -> FrameStream:
    """2017: a header of 6 bytes."""
    return SectorStream(KitDecoder(settings.profile), settings)


def lounger(settings: StreamSettings) -> FrameStream:
    """2019: a header with the probe's name."""
    return SectorStream(LoungerDecoder(settings.profile), settings)
