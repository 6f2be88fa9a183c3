"""How a probe's data reach the node: over which sockets, or out of a file.

For authors: a way in is a frozen value (what the configuration says) whose `transport` gives
something that starts and stops, and that tells a ProbeReceiver what comes:

    on_connected(connection, stream=None)   a connection opened; None takes the protocol's stream;
                                            a player of recordings says how it is `played`
    on_bytes(data) / on_datagram(data)      what came, for a stream that decodes
    on_frames(frames, elapsed_s)            frames as they are, for a player that decodes by itself
    has_room(wait_s)                        whether a frame would push out another: a file can wait
    on_tick()                               time went by
    on_lost(reason, detail)                 it ended; exactly once for each on_connected

all on one thread of the transport's own. For anything that opens and reads a line, write an
`Endpoint` (probe/link/connection.py) and return `kept_open(endpoint, context)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from echonode.frames.source.receiver import ProbeReceiver
from echonode.model.backoff import Random
from echonode.probe.link.connection import Callbacks, Endpoint, TcpClient
from echonode.probe.link.reconnecting import Link, LinkSettings
from echonode.probe.link.tcp_and_udp import CommandsAndDatagrams
from echonode.probe.link.tcp_listener import CurrentTLS, Network, TcpListener


@dataclass(frozen=True, kw_only=True)
class TransportContext:
    """What a transport is given: a name for threads and log, callbacks, and the clocks."""

    name: str
    reception: ProbeReceiver
    link: LinkSettings
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    random: Random


class Transport(Protocol):
    """Brings one probe's data."""

    def start(self) -> None:
        """Begin; returns at once. Raises OSError where an address of ours cannot be bound."""
        ...

    def stop(self, deadline_s: float) -> bool:
        """End; whether it was in time. After it no callback is called."""
        ...


class TransportConfig(Protocol):
    """A way in, as a frozen value."""

    def transport(self, context: TransportContext) -> Transport:
        """What brings the data this way."""
        ...


@dataclass(frozen=True, kw_only=True)
class ConnectTo:
    """The probe listens at host:port."""

    host: str
    port: int

    def transport(self, context: TransportContext) -> Transport:
        return kept_open(TcpClient(self.host, self.port, context.link.connection), context)


@dataclass(frozen=True, kw_only=True)
class ListenAt:
    """The sender connects to us at host:port.

    addresses: it may come from; none is any. tls: gives the context in force; None is plain.
    """

    host: str
    port: int
    addresses: tuple[Network, ...] = ()
    tls: CurrentTLS | None = None

    def transport(self, context: TransportContext) -> Transport:
        # A sender that comes back is let in again at once: it is the one that has to pause.
        link = replace(context.link, longest_pause_s=context.link.first_pause_s)
        endpoint = TcpListener(
            self.host,
            self.port,
            context.link.connection,
            name=context.name,
            addresses=self.addresses,
            tls=self.tls,
            monotonic=context.monotonic,
        )
        return kept_open(endpoint, replace(context, link=link))


@dataclass(frozen=True, kw_only=True)
class CommandAndBind:
    """Commands over TCP to host:port; lines come as datagrams to local_host:local_port.

    local_host: None is the address of ours that faces the probe.
    """

    host: str
    port: int
    local_host: str | None
    local_port: int

    def transport(self, context: TransportContext) -> Transport:
        endpoint = CommandsAndDatagrams(
            (self.host, self.port), (self.local_host, self.local_port), context.link.connection
        )
        return kept_open(endpoint, context)


def kept_open(endpoint: Endpoint, context: TransportContext) -> Link:
    """A link that opens lines of `endpoint`, one after the other, and tells the reception."""
    reception = context.reception
    return Link(
        name=context.name,
        endpoint=endpoint,
        callbacks=Callbacks(
            on_connected=reception.on_connected,
            on_bytes=reception.on_bytes,
            on_lost=reception.on_lost,
            on_datagram=reception.on_datagram,
            on_tick=reception.on_tick,
            farewell=reception.farewell,
            on_unreachable=reception.on_unreachable,
            has_frames=reception.has_frames,
        ),
        settings=context.link,
        now=context.now,
        monotonic=context.monotonic,
        random=context.random,
    )
