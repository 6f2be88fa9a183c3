"""One probe, from its socket or file to finished acquisitions: what node.py starts and stops.

    link thread      transport.py: recv -> decoder -> whole frames as they came      (never waits)
       | backlog: bounded; the oldest frame goes, and is counted
    frames thread    pixels -> on_frame -> clips
       | hand-over: bounded; the frames thread waits
    handover thread  on_acquisition                                    (may wait for the disk)
    commands thread  what the sender itself asks for: capture, answer  (may wait for the disk)

Rules
- A loss anywhere is counted and logged with its reason (`frame_dropped`, at most once a second a
  connection).
- A clip of a live source is handed over at the moment it ends, not when the next frame comes.
- Whether there is room for an exam is asked before it begins (admission.py); frames of one that was
  refused are shown and not captured.
- One connection is one `connection_id`: the probe's name and when the connection opened.
- An exam begins and ends at a place among the frames: what had arrived before is of the one before.
- A frame's number is never another frame's: a connection's numbers begin at the milliseconds since
  1970 when it opened, and no probe sends a thousand frames a second for long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import random as random_number

from echonode.frames.capture.acquisition import AcquisitionBuilder
from echonode.frames.capture.acquisition_queue import AcquisitionQueue
from echonode.frames.capture.capture_gate import Admit, CaptureGate
from echonode.frames.capture.command_queue import CommandQueue
from echonode.frames.capture.manual_capture import ManualCapture
from echonode.frames.capture_request import CaptureCommands
from echonode.frames.frame import Acquisition, Frame, ProbeIdentity
from echonode.frames.settings import CaptureMode, CaptureSettings, StreamSettings
from echonode.frames.source.receiver import (
    Arrived,
    Asked,
    ExamChanged,
    Item,
    Lost,
    Opened,
    ProbeReceiver,
)
from echonode.frames.source.source_counts import SourceCounts
from echonode.frames.source.transport import TransportConfig, TransportContext
from echonode.frames.streams.protocol_table import find_protocol
from echonode.frames.streams.protocols import Protocol
from echonode.log import get_logger
from echonode.model.backoff import Random
from echonode.probe.link.frame_queue import FrameQueue
from echonode.probe.link.reconnecting import LinkSettings

log = get_logger(__name__)

# The frames that wait become pixels within it; while the disk is busy they may take longer.
EXAM_CHANGE_S = 5.0
_NO_COMMANDS = (
    "capture.mode is manual, and such a probe cannot ask for captures: set capture.mode to auto"
)


@dataclass(frozen=True, kw_only=True)
class SourceSettings:
    """A configured probe.

    way: how its data reach us. backlog_frames: how many frames may wait to become pixels.
    """

    identity: ProbeIdentity
    protocol: str
    dialect: str
    way: TransportConfig
    stream: StreamSettings = field(default_factory=StreamSettings)
    capture: CaptureSettings = field(default_factory=CaptureSettings)
    link: LinkSettings = field(default_factory=LinkSettings)
    backlog_frames: int = 32

    def __post_init__(self) -> None:
        if find_protocol(self.protocol, self.dialect) is None:
            raise ValueError(f"no protocol {self.protocol!r} with dialect {self.dialect!r}")
        if self.backlog_frames < 1:
            raise ValueError("backlog_frames is at least 1")


def _protocol_of(settings: SourceSettings) -> Protocol:
    protocol = find_protocol(settings.protocol, settings.dialect)
    assert protocol is not None  # its settings were checked
    return protocol


class ProbeSource:
    """A probe that is kept connected, and the acquisitions that come of it.

    on_acquisition: called for each, in order, on a thread of this source; may raise OutOfSpace and
        is then asked again.
    store: keeps a capture that was asked for, and returns its SOP Instance UID once it is durable;
        without it none can be asked for.
    admit: asked before an exam begins; '' or why its captures cannot be kept.
    asked_elsewhere: captures may be asked for otherwise than by the probe's own sender.
    on_frame: called for each frame on the thread that makes them; it must be quick, and must not
        change the frame. on_lost: the same at the end of a connection.
    """

    def __init__(
        self,
        settings: SourceSettings,
        *,
        on_acquisition: Callable[[Acquisition], None],
        store: Callable[[Acquisition], str] | None = None,
        on_frame: Callable[[Frame], None] | None = None,
        on_lost: Callable[[], None] = lambda: None,
        admit: Admit = lambda: "",
        asked_elsewhere: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        random: Random = random_number,
    ) -> None:
        name = settings.identity.name
        self._settings, self._monotonic = settings, monotonic
        self._on_frame, self._on_lost = on_frame, on_lost
        self._protocol = _protocol_of(settings)
        self._backlog: FrameQueue[Item] = FrameQueue(limit=settings.backlog_frames)
        self._reception = ProbeReceiver(
            name=name,
            new_stream=lambda: self._protocol.new_stream(settings.stream),
            backlog=self._backlog,
            monotonic=monotonic,
        )
        self._transport = settings.way.transport(
            TransportContext(
                name=name,
                reception=self._reception,
                link=settings.link,
                now=now,
                monotonic=monotonic,
                random=random,
            )
        )
        self._handover = AcquisitionQueue(name, on_acquisition)
        self._admission = CaptureGate(name, admit)
        is_automatic = settings.capture.mode is CaptureMode.AUTO
        self._manual = None
        if store is not None:
            self._manual = ManualCapture(
                settings.identity,
                settings.capture,
                store,
                admission=self._admission,
                beside_automatic=is_automatic,
                monotonic=monotonic,
            )
        self._desk = CommandQueue(name, None if is_automatic else self._manual)
        self._frames_thread = threading.Thread(
            target=self._run, name=f"probe-{name}-frames", daemon=True
        )
        self._opened: Opened | None = None
        self._builder: AcquisitionBuilder | None = None
        self._exam_id, self._on_request = "", False
        self._first_number = self._next_number = 0
        self._asked_elsewhere = asked_elsewhere

    @property
    def name(self) -> str:
        return self._settings.identity.name

    @property
    def capture_mode(self) -> CaptureMode:
        """Who decides when a still or a clip is taken, while no exam says otherwise."""
        return self._settings.capture.mode

    @property
    def exam_id(self) -> str:
        """Of the node's exams, whose the frames are now; '' of none."""
        return self._exam_id

    @property
    def capture(self) -> CaptureCommands | None:
        """Stills and clips on request (manual_capture.py); None without a `store`."""
        return self._manual

    @property
    def refusal(self) -> str:
        """Why nothing is captured just now, for the operator; '' when it is."""
        can_be_asked = self._protocol.asks or self._asked_elsewhere
        if self._settings.capture.mode is CaptureMode.MANUAL and not can_be_asked:
            return _NO_COMMANDS
        return self._admission.refusal

    @property
    def counts(self) -> SourceCounts:
        """A snapshot; may be read from any thread."""
        return self._reception.counts(acquisitions=self._handover.taken)

    @property
    def frames_waiting(self) -> int:
        """How many were received and are no pixels yet."""
        return self._backlog.waiting

    def start(self) -> None:
        """Begin; returns at once. Raises OSError where an address of ours cannot be bound."""
        self._transport.start()
        self._handover.start()
        self._desk.start()
        self._frames_thread.start()

    def change_exam(
        self, exam_id: str, *, on_request: bool = False, deadline_s: float = EXAM_CHANGE_S
    ) -> bool:
        """Every frame that arrives from here on is of this exam, '' of none; clips under way end.

        on_request: no automatic clip is made of them.
        Waits until what arrived before has come to its end; whether that was in time. If not, it
        holds all the same, only later.
        """
        changed = ExamChanged(exam_id=exam_id, on_request=on_request)
        if self._frames_thread.ident is None:
            self._change_exam(changed)  # not started yet
        else:
            self._backlog.put(changed)
        return changed.done.wait(deadline_s)

    def stop(self, deadline_s: float) -> bool:
        """Close the clip under way, hand it over, end the threads; whether all was in time."""
        if self._frames_thread.ident is None:
            return True  # never started
        ends = time.monotonic() + deadline_s
        self._handover.stop_retrying()
        in_time = self._transport.stop(deadline_s)
        self._backlog.close()
        self._frames_thread.join(max(0.0, ends - time.monotonic()))
        in_time &= not self._frames_thread.is_alive()
        in_time &= self._desk.stop(max(0.0, ends - time.monotonic()))
        return self._handover.stop(max(0.0, ends - time.monotonic())) and in_time

    def _run(self) -> None:
        while not self._backlog.finished:
            item = self._backlog.get(self._patience_s())
            try:
                self._handle(item)
            except Exception:  # the thread's top: one bad frame must not end the probe's day
                log.exception("frame_fault", probe=self.name)
                if isinstance(item, Arrived):
                    self._reception.count_fault()
        self._finish_clip()  # the transport did not end in time to say that its connection is over

    def _handle(self, item: Item | None) -> None:
        match item:
            case Opened():
                self._begin(item)
            case Arrived():
                self._develop(item)
            case Asked():
                self._desk.ask(item.command, item.send)
            case ExamChanged():
                self._change_exam(item)
            case Lost():
                self._finish_clip()
                self._on_lost()
            case None:
                self._tick()

    def _begin(self, opened: Opened) -> None:
        self._finish_clip()
        self._opened, self._builder = opened, None
        # A viewer may name a frame that it saw before the connection, or the node, began again.
        self._first_number = max(self._next_number, int(opened.at.timestamp() * 1000))
        self._admission.begin(opened.connection_id)
        if self._manual is not None:
            self._manual.begin(opened.connection_id)
        if self._settings.capture.mode is CaptureMode.AUTO and not self._admission.refusal:
            self._builder = self._new_builder(opened, first_sequence=0)

    def _new_builder(self, opened: Opened, *, first_sequence: int) -> AcquisitionBuilder:
        return AcquisitionBuilder(
            probe=self._settings.identity,
            connection_id=opened.connection_id,
            settings=self._settings.capture,
            first_sequence=first_sequence,
            exam_id=self._exam_id,
        )

    def _change_exam(self, changed: ExamChanged) -> None:
        self._exam_id, self._on_request = changed.exam_id, changed.on_request
        if self._manual is not None:
            self._manual.change_exam(changed.exam_id)
        if self._builder is not None:
            self._hand_over(self._builder.change_exam(changed.exam_id))
        changed.done.set()

    def _develop(self, arrived: Arrived) -> None:
        assert self._opened is not None  # the reception sends Opened first
        picture = arrived.frame.develop()
        frame = Frame(
            pixels=picture.pixels,
            calibration=picture.calibration,
            acquired_at=self._opened.at + timedelta(seconds=arrived.elapsed_s),
            elapsed_s=arrived.elapsed_s,
            sequence=arrived.frame.sequence,
            first_number=self._first_number,
            missing_lines=arrived.frame.missing_lines,
            source_timestamp_s=arrived.frame.source_timestamp_s,
            recorded_at=arrived.frame.recorded_at,
            transforms=arrived.frame.transforms,
            facts=picture.facts,
            played=self._opened.played,
            lines=picture.lines,
        )
        self._next_number = frame.number + 1
        if self._admission.admits(frame.elapsed_s):
            self._capture(self._opened, frame)
        if self._on_frame is not None:
            self._on_frame(frame)

    def _capture(self, opened: Opened, frame: Frame) -> None:
        if self._manual is not None:
            self._manual.take(frame)
        if self._settings.capture.mode is CaptureMode.AUTO:
            if self._builder is None:  # room came only now
                self._builder = self._new_builder(opened, first_sequence=frame.sequence)
            if self._on_request:
                self._builder.pass_over(frame)
            else:
                self._hand_over(self._builder.take(frame))

    def _tick(self) -> None:
        if self._builder is not None and self._opened is not None:
            self._hand_over(self._builder.tick(self._monotonic() - self._opened.monotonic))

    def _finish_clip(self) -> None:
        if self._manual is not None:
            self._manual.lost()
        if self._builder is not None:
            self._hand_over(self._builder.flush())

    def _hand_over(self, acquisitions: list[Acquisition]) -> None:
        for acquisition in acquisitions:
            self._handover.put(acquisition)

    def _patience_s(self) -> float | None:
        """How long the next frame may take before the clip under way is over; None: any time.

        A recording has its own time, which does not pass while it waits for us: its next frame or
        its end closes the clip.
        """
        if self._builder is None or self._opened is None or self._builder.due_s is None:
            return None
        if self._opened.played is not None:
            return None
        return max(0.0, self._builder.due_s - (self._monotonic() - self._opened.monotonic))
