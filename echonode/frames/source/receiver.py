"""The link thread's side of a probe: bytes to whole frames, into the backlog, all losses counted.

Nothing here waits: while it runs, the probe is not read.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from echonode.frames.frame import Played
from echonode.frames.source.drop_log import DropLog
from echonode.frames.source.source_counts import DropReason, SourceCounts, stream_sum
from echonode.frames.streams.stream import (
    Conversation,
    CountsMessages,
    DatagramStream,
    FrameStream,
    Pending,
    PendingCommand,
    PendingFrame,
    ReportsDevice,
    StreamCounts,
)
from echonode.log import get_logger
from echonode.probe.link.connection import LossReason, OpenConnection
from echonode.probe.link.frame_queue import FrameQueue

log = get_logger(__name__)

# A probe that is switched off for the night is logged once an hour, not at each attempt.
UNREACHABLE_LOG_INTERVAL_S = 3600.0
# A sender whose imaging has begun sends its first frame well within this.
NO_FRAMES_S = 15.0
# So many openings differ in more than the wall clock; a storm makes a few a second.
REMEMBERED_OPENINGS = 1000


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A connection opened: `at` by the wall clock, `monotonic` by the other.

    played: of a recording, whose frames have their own time; None for a live source.
    """

    connection_id: str
    at: datetime
    monotonic: float
    played: Played | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrived:
    """A frame is whole; elapsed_s: as in frame.Frame, by its last byte."""

    frame: PendingFrame
    elapsed_s: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """The sender wants a capture; its place among the frames says of what. send: to that sender."""

    command: PendingCommand
    send: Callable[[bytes], None]


@dataclass(frozen=True, kw_only=True)
class Lost:
    """The connection ended; no frame of it follows."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ExamChanged:
    """Frames behind this one are of another exam, '' of none. done: set once that is so.

    on_request: no clip is made of them that was not asked for.
    """

    exam_id: str
    on_request: bool = False
    done: threading.Event = field(default_factory=threading.Event)


Item = Opened | Arrived | Asked | ExamChanged | Lost


class ProbeReceiver:
    """Feeds the backlog from a link's callbacks; one stream a connection."""

    def __init__(
        self,
        *,
        name: str,
        new_stream: Callable[[], FrameStream],
        backlog: FrameQueue[Item],
        monotonic: Callable[[], float],
    ) -> None:
        self._name, self._new_stream = name, new_stream
        self._backlog, self._monotonic = backlog, monotonic
        self._lock = threading.Lock()
        self._stream: FrameStream | None = None
        self._conversation: Conversation | None = None
        self._datagrams: DatagramStream | None = None
        self._reports: ReportsDevice | None = None
        self._send: Callable[[bytes], None] = lambda _: None
        self._opened: Opened | None = None
        self._opened_at: deque[datetime] = deque(maxlen=REMEMBERED_OPENINGS)
        self._before = StreamCounts()  # of the connections that are over
        self._connections = 0
        self._pushed_out = 0
        self._faults = 0
        self._unreachable = ""
        self._unreachable_logged_at: float | None = None
        self._is_frameless_logged = False
        self._drops = DropLog(name)
        self._logged_device: tuple[object, ...] | None = None

    def on_connected(
        self,
        connection: OpenConnection,
        stream: FrameStream | None = None,
        played: Played | None = None,
    ) -> None:
        """A new stream for a new connection; its greeting goes out. Raises OSError."""
        stream = stream or self._new_stream()
        opened = Opened(
            connection_id=self._new_id(connection.opened_at),
            at=connection.opened_at,
            monotonic=connection.opened_monotonic,
            played=played,
        )
        with self._lock:
            self._stream, self._opened = stream, opened
            self._conversation = stream if isinstance(stream, Conversation) else None
            self._datagrams = stream if isinstance(stream, DatagramStream) else None
            self._reports = stream if isinstance(stream, ReportsDevice) else None
            self._send = connection.send
            self._connections += 1
            self._unreachable, self._unreachable_logged_at = "", None
            self._is_frameless_logged = False
        self._backlog.put(opened)
        log.info("probe_connected", probe=self._name, connection_id=opened.connection_id)
        if greeting := stream.greeting():
            connection.send(greeting)

    def on_bytes(self, data: bytes) -> None:
        """Frames that are whole now; ProtocolError from the stream ends the connection.

        At once, and not with the next bytes, which may never come.
        """
        stream = self._stream
        assert stream is not None
        self.on_frames(stream.receive(data), self._elapsed_s())
        self._log_device()
        self._log_frameless()
        self._answer()
        if stream.failure is not None:
            raise stream.failure

    def on_unreachable(self, detail: str) -> None:
        """An attempt to connect failed: logged at the first, and once an hour while it lasts."""
        now = self._monotonic()
        with self._lock:
            self._unreachable = detail
            last = self._unreachable_logged_at
            if last is not None and now - last < UNREACHABLE_LOG_INTERVAL_S:
                return
            self._unreachable_logged_at = now
        log.warning("probe_unreachable", probe=self._name, reason=detail)

    def has_frames(self) -> bool:
        """Whether the connection that is open has brought a frame."""
        stream = self._stream
        return stream is not None and stream.counts.frames > 0

    def on_datagram(self, data: bytes) -> None:
        """The same for a datagram; a stream that knows of none is not sent any."""
        assert self._datagrams is not None
        if frames := self._datagrams.receive_datagram(data):  # few datagrams complete a frame
            self.on_frames(frames, self._elapsed_s())

    def on_tick(self) -> None:
        """Time went by: a stream that keeps a conversation may have something to ask."""
        if self._conversation is not None:
            elapsed_s = self._elapsed_s()
            self.on_frames(self._conversation.tick(elapsed_s), elapsed_s)
            self._answer()

    def on_frames(self, frames: Sequence[Pending], elapsed_s: float) -> None:
        """Frames that are whole, `elapsed_s` after the connection opened; commands among them."""
        for frame in frames:
            if isinstance(frame, PendingCommand):  # the stream lets few wait
                self._backlog.put(Asked(command=frame, send=self._send))
                continue
            dropped = self._backlog.put_droppable(Arrived(frame=frame, elapsed_s=elapsed_s))
            if dropped is not None:
                with self._lock:
                    self._pushed_out += 1
        self._drops.tell(self.counts(acquisitions=0), elapsed_s)

    def has_room(self, wait_s: float) -> bool:
        """Whether a frame would push out no other, waiting for it at most wait_s.

        For a player of recordings: a file can wait for the disk, a live probe cannot.
        """
        return self._backlog.wait_for_room(wait_s)

    def farewell(self) -> bytes:
        """What the stream says before we hang up; from any thread."""
        conversation = self._conversation
        return b"" if conversation is None else conversation.farewell()

    def on_lost(self, reason: LossReason, detail: str) -> None:
        """The last whole frames, then the end of the connection."""
        assert self._stream is not None
        assert self._opened is not None
        self.on_frames(self._stream.finish(), self._elapsed_s())
        self._backlog.put(Lost())
        counts = self._stream.counts
        with self._lock:
            self._before = stream_sum(self._before, counts)
            self._stream = self._conversation = self._datagrams = self._reports = None
        self._drops.tell(self.counts(acquisitions=0), None)
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
            total = self._before if stream is None else stream_sum(self._before, stream.counts)
            return SourceCounts(
                connected=stream is not None,
                connections=self._connections,
                frames_received=total.frames,
                dropped={
                    DropReason.TOO_SLOW: self._pushed_out,
                    DropReason.INCOMPLETE: total.incomplete,
                    DropReason.NO_IMAGE: self._faults,
                },
                frames_partial=total.partial,
                lines_missing=total.lines_missing,
                bytes_skipped=total.bytes_skipped,
                acquisitions=acquisitions,
                device=None if self._reports is None else self._reports.device,
                problem=self._unreachable if stream is None else self._frameless(),
            )

    def _frameless(self) -> str:
        """Why the open connection brings no frame, once it has had the time for one."""
        stream, opened = self._stream, self._opened
        if stream is None or opened is None or stream.counts.frames:
            return ""
        elapsed_s = self._monotonic() - opened.monotonic
        if elapsed_s < NO_FRAMES_S:
            return ""
        came = stream.messages if isinstance(stream, CountsMessages) else {}
        kinds = ", ".join(f"{kind} ({count})" for kind, count in sorted(came.items())[:8])
        what = f"what came: {kinds}" if kinds else "nothing that belongs to a frame came"
        return f"connected for {elapsed_s:.0f} s, and no image came; {what}"

    def _log_frameless(self) -> None:
        """Log once a connection that it brings no frame."""
        if not self._is_frameless_logged and (problem := self._frameless()):
            self._is_frameless_logged = True
            log.warning("probe_sends_no_images", probe=self._name, reason=problem)

    def _answer(self) -> None:
        """Send what the stream has to say."""
        if self._conversation is not None and (data := self._conversation.outgoing()):
            self._send(data)

    def _log_device(self) -> None:
        """Log what the probe says of itself where it matters and is new."""
        device = None if self._reports is None else self._reports.device
        if device is None or device.matters == self._logged_device:
            return
        self._logged_device = device.matters
        log.info(
            "probe_status",
            probe=self._name,
            state=device.state,
            battery_percent=device.battery_percent,
            temperature_c=device.temperature_c,
            last_error=device.last_error,
        )

    def _elapsed_s(self) -> float:
        assert self._opened is not None
        return self._monotonic() - self._opened.monotonic

    def _new_id(self, opened_at: datetime) -> str:
        """The probe's name and when the connection opened, to the microsecond; never one twice.

        The wall clock may be set back under us: two connections are two studies all the same.
        """
        at = opened_at.astimezone(UTC)
        while at in self._opened_at:
            at += timedelta(microseconds=1)
        self._opened_at.append(at)
        return f"{self._name}-{at:%Y%m%dT%H%M%S.%f}"
