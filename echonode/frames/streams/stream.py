"""What a protocol is to the rest of the node: bytes of one connection in, frames out.

For authors of a probe protocol: write one module with a class of the form of `FrameStream`, and
give it one line in protocols.py; docs/writing-a-protocol.md has an example. For a wire of scan
lines there is less to do: write a decoder (probe/messages.py) and let SectorStream make the frames.
A stream that answers its probe, or takes datagrams, also has the form of `Conversation` or of
`DatagramStream`.

Two threads meet here, and only here: `receive` runs where the socket is read, and must be quick;
`PendingFrame.develop` runs where pixels are made, one call at a time and in order. A frame that is
dropped between the two is never developed, so it costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, runtime_checkable

from echonode.errors import ProtocolError
from echonode.frames.capture_request import CaptureRequest, CaptureResult
from echonode.frames.frame import NO_TRANSFORMS, Picture, Transforms
from echonode.probe.messages import DeviceStatus


@dataclass(frozen=True, kw_only=True, eq=False)
class PendingFrame:
    """A whole frame as it came off the wire, not yet pixels; fields as in frame.Frame."""

    sequence: int
    develop: Callable[[], Picture]
    missing_lines: int = 0
    source_timestamp_s: float | None = None
    recorded_at: datetime | None = None
    transforms: Transforms = field(default_factory=lambda: NO_TRANSFORMS)


@dataclass(frozen=True, kw_only=True, eq=False)
class PendingCommand:
    """What the sender asks of us, in its place among the frames.

    answer: the bytes to send for a result; sent only when what was asked for is durable.
    """

    request: CaptureRequest
    answer: Callable[[CaptureResult], bytes]


Pending = PendingFrame | PendingCommand


@dataclass(frozen=True, kw_only=True)
class StreamCounts:
    """What one connection brought so far, and what it did not.

    frames: whole frames and partial ones. partial: those with lines missing. incomplete: frames
    given up since too much of them never came. The rest counts lines and bytes.
    """

    frames: int = 0
    partial: int = 0
    incomplete: int = 0
    lines_missing: int = 0
    bytes_skipped: int = 0

    def plus(self, **more: int) -> StreamCounts:
        """The same with some counts raised: a reader sees the one or the other, never half."""
        return replace(self, **{name: getattr(self, name) + value for name, value in more.items()})


class FrameStream(Protocol):
    """One connection of one probe."""

    @property
    def counts(self) -> StreamCounts:
        """A snapshot; may be read from any thread."""
        ...

    @property
    def failure(self) -> ProtocolError | None:
        """Why nothing more can be read, once all that was good is out; `receive` raises it then."""
        ...

    def greeting(self) -> bytes:
        """What to send as soon as the connection is open; empty for a probe that only talks."""
        ...

    def receive(self, data: bytes) -> Sequence[Pending]:
        """The frames that `data` completes.

        ProtocolError where it is not of the protocol, and no frame was completed before that.
        """
        ...

    def finish(self) -> Sequence[Pending]:
        """The connection ended: frames that were whole; what was cut is counted. Never raises."""
        ...


@runtime_checkable
class Conversation(FrameStream, Protocol):
    """A stream that also answers, asks, or says goodbye; the reception asks it after each call."""

    def outgoing(self) -> bytes:
        """What is to be sent now, once; empty for nothing."""
        ...

    def tick(self, elapsed_s: float) -> Sequence[Pending]:
        """It is now elapsed_s after the opening; for transports that have a pulse."""
        ...

    def farewell(self) -> bytes:
        """What to send before we hang up. May be called from any thread; changes nothing."""
        ...


@runtime_checkable
class DatagramStream(FrameStream, Protocol):
    """A stream part of which comes as datagrams, each whole, in any order, or not at all."""

    def receive_datagram(self, data: bytes) -> Sequence[Pending]:
        """The frames that one datagram completes. A bad datagram is counted, and raises nothing."""
        ...


@runtime_checkable
class ReportsDevice(FrameStream, Protocol):
    """A stream of a probe that says how it is."""

    @property
    def device(self) -> DeviceStatus | None:
        """The latest word of the probe on itself; None: none yet. May be read from any thread."""
        ...


@runtime_checkable
class CountsMessages(FrameStream, Protocol):
    """A stream whose connection carries messages of several types."""

    @property
    def messages(self) -> Mapping[str, int]:
        """How many of each type came. May be read from any thread."""
        ...
