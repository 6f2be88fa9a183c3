"""The `epf` dialect as a stream: asks the probe to scan, listens to how it is, and makes frames.

    we                          the probe
    STATUS            ------->
                      <-------  battery, temperature, state
    SCANNING          ------->
                      <-------  error 0
                      <.......  one datagram a line, for as long as it scans
    STATUS            ------->  every STATUS_EVERY_S
    STOP_SCANNING     ------->  when we stop

Rules
- A refusal to scan ends the connection: the next one asks again, after a pause.
- A datagram that is no line, or one that lies outside of the profile's geometry, is counted as
  bytes skipped; it never ends the connection, since any host may send one.
- How many samples a line has, the datagrams say. Another count than before, in two that follow each
  other, is another depth: what is open is over, and a new geometry begins.
- What the wire does not say is the profile's, else the app's defaults for the 3.5 MHz probe
  (DeviceConfiguration): 100 lines, 10 to 180 mm, 57 degrees, decimation 27, 80 MHz.
- The app hands samples on as magnitudes (0..1000 to grey), so they are taken for an envelope unless
  they prove otherwise.
- Channels are not distinguished: the probe that is known has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from echonode.errors import ProtocolError
from echonode.frames.imaging.image_chain import ImageChain
from echonode.frames.imaging.sweep import Sweep
from echonode.frames.settings import StreamSettings
from echonode.frames.streams.numbered_frames import NumberedFrames
from echonode.frames.streams.stream import PendingFrame, StreamCounts
from echonode.log import get_logger
from echonode.probe.echopen.epf import (
    Command,
    LineDatagram,
    Reply,
    ReplyReader,
    encode_line,
    encode_request,
    parse_line,
)
from echonode.probe.echopen.epf_geometry import geometry_of, lines_of
from echonode.probe.echopen.scanner import echopen_scanner
from echonode.probe.messages import DeviceStatus, GeometryReceived, SampleContent

log = get_logger(__name__)

STATUS_EVERY_S = 5.0
# A probe that scans sends a line every 30 ms at the slowest that is known.
NO_LINES_AFTER_S = 5.0


class EpfStream:
    """One connection of such a probe: stream.Conversation, DatagramStream and ReportsDevice."""

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._replies = ReplyReader()
        self._outgoing = b""
        self._asked_to_scan = False
        self._scanning_since_s: float | None = None
        self._silence_is_said = False
        self._asked_at_s = 0.0
        self._lines_since_tick = 0
        self._device: DeviceStatus | None = None
        self._lines = lines_of(settings.profile)
        self._samples = 0  # a line; 0: no line yet
        self._frames: NumberedFrames | None = None
        self._chain: ImageChain | None = None
        self._first_of_other: LineDatagram | None = None  # a line of another count of samples
        self._sequence = 0  # of the first frame of this geometry
        self._before = StreamCounts()  # of the geometries before, and of what fits none

    @property
    def counts(self) -> StreamCounts:
        if self._frames is None:
            return self._before
        now = self._frames.counts
        return self._before.plus(
            frames=now.frames,
            partial=now.partial,
            incomplete=now.incomplete,
            lines_missing=now.lines_missing,
            bytes_skipped=now.bytes_skipped,
        )

    @property
    def failure(self) -> ProtocolError | None:
        return self._replies.failure

    @property
    def device(self) -> DeviceStatus | None:
        return self._device

    def greeting(self) -> bytes:
        return encode_request(Command.STATUS)

    def outgoing(self) -> bytes:
        data, self._outgoing = self._outgoing, b""
        return data

    def farewell(self) -> bytes:
        return encode_request(Command.STOP_SCANNING) if self._asked_to_scan else b""

    def receive(self, data: bytes) -> Sequence[PendingFrame]:
        """Answers. ProtocolError where they are not answers, or where the probe will not scan."""
        for reply in self._replies.receive(data):
            self._heed(reply)
        return []

    def receive_datagram(self, data: bytes) -> Sequence[PendingFrame]:
        """A line; any other datagram is counted."""
        try:
            line = parse_line(data)
        except ProtocolError:
            return self._skip(data)
        if line.number > self._lines:
            if not self._before.bytes_skipped:
                log.warning("probe_line_outside", line=line.number, configured_lines=self._lines)
            return self._skip(data)
        self._lines_since_tick += 1
        if self._frames is None:
            self._begin(line)
        elif len(line.samples) != self._samples:
            return self._other_depth(line, data)
        self._skip_first_of_other()
        return self._pending_of([line])

    def tick(self, elapsed_s: float) -> Sequence[PendingFrame]:
        """Ask how the probe is; frames that wait for lines of a probe that pauses are over."""
        if elapsed_s - self._asked_at_s >= STATUS_EVERY_S:
            self._asked_at_s = elapsed_s
            self._outgoing += encode_request(Command.STATUS)
        self._warn_of_silence(elapsed_s)
        quiet, self._lines_since_tick = not self._lines_since_tick, 0
        return self._pending(self._frames.flush()) if quiet and self._frames is not None else []

    def finish(self) -> Sequence[PendingFrame]:
        self._skip_first_of_other()
        return self._flushed()

    def _flushed(self) -> list[PendingFrame]:
        return [] if self._frames is None else self._pending(self._frames.flush())

    def _heed(self, reply: Reply) -> None:
        """What an answer means for us."""
        if reply.status is not None:
            self._device = reply.status
        if reply.command == Command.SCANNING and reply.error:
            raise ProtocolError(f"the probe will not scan: error {reply.error}")
        if reply.command == Command.STATUS and not self._asked_to_scan:
            self._asked_to_scan = True
            self._outgoing += encode_request(Command.SCANNING)

    def _other_depth(self, line: LineDatagram, data: bytes) -> list[PendingFrame]:
        """A line of another count of samples: a new geometry once a second one bears it out."""
        assert self._frames is not None
        if not self._frames.is_newer(line.frame):
            return self._skip(data)  # a straggler of the geometry before
        first = self._first_of_other
        if first is None or len(first.samples) != len(line.samples):
            self._skip_first_of_other()
            self._first_of_other = line
            return []
        done = self._flushed()
        self._begin(line)
        return [*done, *self._pending_of([first, line])]

    def _begin(self, line: LineDatagram) -> None:
        """A new geometry, from the first line that has it."""
        self._before = self.counts
        self._sequence = self._before.frames + self._before.incomplete
        self._samples = len(line.samples)
        geometry = geometry_of(self._settings.profile, samples=self._samples)
        source = GeometryReceived(
            geometry=geometry,
            content=SampleContent.ENVELOPE,
            bits=16,
            scanner=echopen_scanner("epf"),
        )
        self._frames = NumberedFrames(
            lines=self._lines,
            samples=self._samples,
            largest_gap=self._settings.image.largest_gap,
        )
        self._chain = ImageChain(source, self._settings)
        self._first_of_other = None

    def _pending_of(self, lines: Iterable[LineDatagram]) -> list[PendingFrame]:
        assert self._frames is not None
        return [frame for line in lines for frame in self._pending(self._frames.take(line))]

    def _pending(self, sweeps: Iterable[Sweep]) -> list[PendingFrame]:
        assert self._chain is not None
        return [
            PendingFrame(
                sequence=self._sequence + sweep.sequence,
                missing_lines=sweep.missing_lines,
                source_timestamp_s=sweep.source_timestamp_s,
                develop=partial(self._chain.develop, sweep),
            )
            for sweep in sweeps
        ]

    def _skip_first_of_other(self) -> None:
        """A line of another depth that no second line confirmed is skipped."""
        if self._first_of_other is not None:
            self._skip(encode_line(self._first_of_other))
            self._first_of_other = None

    def _skip(self, data: bytes) -> list[PendingFrame]:
        self._before = self._before.plus(bytes_skipped=len(data))
        return []

    def _warn_of_silence(self, elapsed_s: float) -> None:
        """Say once that the probe scans and no line arrives: a firewall, or the wrong address."""
        if not self._asked_to_scan or self._samples or self._silence_is_said:
            return
        if self._scanning_since_s is None:
            self._scanning_since_s = elapsed_s
        elif elapsed_s - self._scanning_since_s >= NO_LINES_AFTER_S:
            self._silence_is_said = True
            log.warning("probe_lines_absent", seconds=round(elapsed_s))
