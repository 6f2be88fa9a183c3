"""The link thread's side of a probe: bytes to whole frames, into the backlog, all losses counted.

Nothing here waits: while it runs, the probe is not read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from echonode.frames.stream import FrameStream, PendingFrame, StreamCounts
from echonode.log import get_logger
from echonode.probe.backlog import Backlog
from echonode.probe.link import Connection, LossReason

log = get_logger(__name__)

# A probe faster than its node drops dozens a second; one line a second says as much.
DROP_LOG_INTERVAL_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A connection opened: `at` by the wall clock, `monotonic` by the other."""

    connection_id: str
    at: datetime
    monotonic: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrived:
    """A frame is whole; elapsed_s: since the connection opened, when its last byte was here."""

    frame: PendingFrame
    elapsed_s: float


@dataclass(frozen=True, kw_only=True)
class Lost:
    """The connection ended; no frame of it follows."""


Item = Opened | Arrived | Lost


@dataclass(frozen=True, kw_only=True)
class SourceCounts:
    """What a probe brought since the start, over all its connections.

    frames_received: whole or partial frames off the wire. frames_dropped: of these and of those
    that never became whole, how many did not become an image. frames_partial: used with lines
    missing. acquisitions: taken by whoever keeps them.
    """

    connected: bool
    connections: int
    frames_received: int
    frames_dropped: int
    frames_partial: int
    lines_missing: int
    bytes_skipped: int
    acquisitions: int


class Reception:
    """Feeds the backlog from a link's callbacks; one stream a connection."""

    def __init__(
        self,
        *,
        name: str,
        new_stream: Callable[[], FrameStream],
        backlog: Backlog[Item],
        monotonic: Callable[[], float],
    ) -> None:
        self._name, self._new_stream = name, new_stream
        self._backlog, self._monotonic = backlog, monotonic
        self._lock = threading.Lock()
        self._stream: FrameStream | None = None
        self._opened: Opened | None = None
        self._before = StreamCounts()  # of the connections that are over
        self._connections = 0
        self._pushed_out = 0
        self._faults = 0
        self._logged_drops = 0
        self._logged_at: float | None = None

    def on_connected(self, connection: Connection) -> None:
        """A new stream for a new connection."""
        at = connection.opened_at.astimezone(UTC)
        opened = Opened(
            connection_id=f"{self._name}-{at:%Y%m%dT%H%M%S.%f}",
            at=connection.opened_at,
            monotonic=connection.opened_monotonic,
        )
        stream = self._new_stream()
        with self._lock:
            self._stream, self._opened = stream, opened
            self._connections += 1
        self._backlog.put(opened)
        log.info("probe_connected", probe=self._name, connection_id=opened.connection_id)
        if greeting := stream.greeting():
            connection.send(greeting)

    def on_bytes(self, data: bytes) -> None:
        """Frames that are whole now; ProtocolError from the stream ends the connection."""
        assert self._stream is not None
        assert self._opened is not None
        elapsed_s = self._monotonic() - self._opened.monotonic
        self._queue(self._stream.receive(data), elapsed_s)
        self._log_drops(elapsed_s)

    def on_lost(self, reason: LossReason, detail: str) -> None:
        """The last whole frames, then the end of the connection."""
        assert self._stream is not None
        assert self._opened is not None
        elapsed_s = self._monotonic() - self._opened.monotonic
        self._queue(self._stream.finish(), elapsed_s)
        self._backlog.put(Lost())
        counts = self._stream.counts
        with self._lock:
            self._before = _sum(self._before, counts)
            self._stream = None
        self._log_drops(None)
        log.info(
            "probe_lost",
            probe=self._name,
            connection_id=self._opened.connection_id,
            reason=reason.value,
            detail=detail,
            frames=counts.frames,
            incomplete=counts.incomplete,
            partial=counts.partial,
        )

    def count_fault(self) -> None:
        """A frame could not be made into an image."""
        with self._lock:
            self._faults += 1

    def counts(self, *, acquisitions: int) -> SourceCounts:
        """A snapshot; may be read from any thread."""
        with self._lock:
            stream = self._stream
            total = self._before if stream is None else _sum(self._before, stream.counts)
            return SourceCounts(
                connected=stream is not None,
                connections=self._connections,
                frames_received=total.frames,
                frames_dropped=total.incomplete + self._pushed_out + self._faults,
                frames_partial=total.partial,
                lines_missing=total.lines_missing,
                bytes_skipped=total.bytes_skipped,
                acquisitions=acquisitions,
            )

    def _queue(self, frames: Sequence[PendingFrame], elapsed_s: float) -> None:
        for frame in frames:
            pushed_out = self._backlog.put_droppable(Arrived(frame=frame, elapsed_s=elapsed_s))
            if pushed_out is not None:
                with self._lock:
                    self._pushed_out += 1

    def _log_drops(self, elapsed_s: float | None) -> None:
        """Log what was dropped since last time; None: now, whenever last time was."""
        dropped = self.counts(acquisitions=0).frames_dropped
        if dropped == self._logged_drops:
            return
        last = self._logged_at
        since_s = None if elapsed_s is None or last is None else elapsed_s - last
        if since_s is not None and 0 <= since_s < DROP_LOG_INTERVAL_S:
            return
        log.warning(
            "frame_dropped", probe=self._name, frames=dropped - self._logged_drops, total=dropped
        )
        self._logged_drops, self._logged_at = dropped, elapsed_s


def _sum(one: StreamCounts, other: StreamCounts) -> StreamCounts:
    return StreamCounts(
        frames=one.frames + other.frames,
        partial=one.partial + other.partial,
        incomplete=one.incomplete + other.incomplete,
        lines_missing=one.lines_missing + other.lines_missing,
        bytes_skipped=one.bytes_skipped + other.bytes_skipped,
    )
