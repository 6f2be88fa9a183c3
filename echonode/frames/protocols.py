"""Which protocol and dialect is read by what: the one table that a new protocol adds a line to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from echonode.frames.epf_stream import EpfStream
from echonode.frames.openigtlink_stream import OpenIGTLinkStream
from echonode.frames.seams import SeamAssembler
from echonode.frames.sector_stream import SectorStream
from echonode.frames.settings import StreamSettings
from echonode.frames.stream import FrameStream
from echonode.probe.echopen import KitDecoder
from echonode.probe.lounger import LoungerDecoder
from echonode.probe.sweeping import SweepingDecoder

StreamFactory = Callable[[StreamSettings], FrameStream]


def _of_the_player(settings: StreamSettings) -> FrameStream:
    """A recording brings its own stream: frames/file_player.py."""
    raise NotImplementedError


# Whose sender can ask for a still or a clip; of the others nothing is captured in mode `manual`.
ASKING = frozenset({("openigtlink", "")})

PROTOCOLS: Mapping[tuple[str, str], StreamFactory] = MappingProxyType(
    {
        ("openigtlink", ""): OpenIGTLinkStream,
        ("file", ""): _of_the_player,
        ("echopen", "sweeping"): lambda s: SectorStream(
            SweepingDecoder(s.profile), s, SeamAssembler
        ),
        ("echopen", "kit"): lambda s: SectorStream(KitDecoder(s.profile), s),
        ("echopen", "lounger"): lambda s: SectorStream(LoungerDecoder(s.profile), s),
        ("echopen", "epf"): EpfStream,
    }
)
"""(protocol, dialect) as in the configuration -> the stream of a new connection."""
