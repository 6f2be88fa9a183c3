"""What a protocol is to the rest of the node, and the table of EchoNode's own.

A protocol of this repository adds a line to the table; an installed distribution adds its own by an
entry point (protocol_table.py, where all of them are looked up). The configuration's checks, the
transport and the stream of a connection are all taken from there.
A stream is named and not imported: reading a configuration loads no decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from echonode.frames.settings import StreamSettings
    from echonode.frames.streams.stream import FrameStream

    StreamFactory = Callable[[StreamSettings], FrameStream]


class Wire(StrEnum):
    """How the data come, and so which keys of a probe say from where."""

    CONNECT = "connect"  # the probe listens; we connect
    EITHER = "either"  # we connect, or we listen and the sender connects
    COMMANDS = "commands"  # commands go to `connect`, lines arrive as datagrams at `listen`
    FILE = "file"  # a recording at `path`


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What the rest of the node must know of a protocol.

    stream: MODULE:NAME of a StreamFactory; '' for `file`, where a recording brings its own.
    usual_port: for the operator's help. keys: those of a probe that mean something to this protocol
    alone. needs: keys of `profile` that nothing on the wire says. asks: its sender can ask for
    stills and clips (capture mode `manual`).
    """

    stream: str
    wire: Wire = Wire.EITHER
    usual_port: int | None = None
    keys: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    asks: bool = False

    def factory(self) -> StreamFactory:
        """What makes streams, imported. Raises what its module raises."""
        module, _, name = self.stream.partition(":")
        return cast("StreamFactory", getattr(import_module(module), name))

    def new_stream(self, settings: StreamSettings) -> FrameStream:
        """The stream of a new connection."""
        return self.factory()(settings)


_ECHOPEN = "echonode.frames.streams.echopen_streams"

# (protocol, dialect) as in the configuration; '' where a protocol has no dialects.
PROTOCOLS: Mapping[tuple[str, str], Protocol] = MappingProxyType(
    {
        ("openigtlink", ""): Protocol(
            stream="echonode.frames.streams.openigtlink_stream:OpenIGTLinkStream",
            usual_port=18944,
            keys=frozenset({"device"}),
            asks=True,
        ),
        ("file", ""): Protocol(stream="", wire=Wire.FILE, keys=frozenset({"path", "loop", "fps"})),
        # A sweeping probe sends lines and nothing else.
        ("echopen", "sweeping"): Protocol(
            stream=f"{_ECHOPEN}:sweeping",
            wire=Wire.CONNECT,
            usual_port=7538,
            needs=("r0_mm", "rf_mm", "sector_deg"),
        ),
        ("echopen", "kit"): Protocol(stream=f"{_ECHOPEN}:kit", wire=Wire.CONNECT, usual_port=7538),
        ("echopen", "lounger"): Protocol(
            stream=f"{_ECHOPEN}:lounger", wire=Wire.CONNECT, usual_port=7538
        ),
        ("echopen", "epf"): Protocol(
            stream="echonode.frames.streams.epf_stream:EpfStream",
            wire=Wire.COMMANDS,
            usual_port=50000,
        ),
    }
)
