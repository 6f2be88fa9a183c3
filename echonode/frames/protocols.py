"""Which protocol and dialect is read by what: the one table that a new protocol adds a line to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from echonode.frames.sector_stream import SectorStream
from echonode.frames.settings import StreamSettings
from echonode.frames.stream import FrameStream
from echonode.probe.echopen import KitDecoder

StreamFactory = Callable[[StreamSettings], FrameStream]

PROTOCOLS: Mapping[tuple[str, str], StreamFactory] = MappingProxyType(
    {
        ("echopen", "kit"): lambda s: SectorStream(KitDecoder(s.profile), s),
    }
)
"""(protocol, dialect) as in the configuration -> the stream of a new connection."""
