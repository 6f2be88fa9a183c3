"""Recordings as streams of frames: each kind of file gives a reel, which the player plays.

For authors of a file format: write a reader of images for probe/recordings/image_file.py; nothing
here changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from echonode.errors import ProtocolError
from echonode.frames.frame import Played
from echonode.frames.imaging.plane_pictures import developer
from echonode.frames.settings import StreamSettings
from echonode.frames.streams.sector_stream import SectorStream
from echonode.frames.streams.stream import FrameStream, Pending, PendingFrame, StreamCounts
from echonode.probe.echopen.kit import KitDecoder
from echonode.probe.echopen.lounger import LoungerDecoder
from echonode.probe.recordings.echopen_text import KitRecording, LineRecording, read_lines
from echonode.probe.recordings.image_file import is_image_file, open_image_sequence
from echonode.probe.recordings.image_sequence import ImageSequence
from echonode.probe.simulation.simulated_lines import line_wire

# The pace of a recording that does not say; its objects say that it is assumed.
ASSUMED = Played(interval_s=1 / 20.0, assumed=True)


class RecordingReader(Protocol):
    """A recording that is ready to be played once."""

    @property
    def stream(self) -> FrameStream:
        """What counts its frames; it is sent no bytes."""
        ...

    @property
    def played(self) -> Played:
        """How far its frames are apart where they have no time of their own."""
        ...

    def frames(self) -> Iterator[tuple[float | None, Sequence[Pending]]]:
        """(seconds of the recorder's clock, frames), in order. Raises ProtocolError, OSError."""
        ...


def open_recording_reader(path: Path, settings: StreamSettings) -> RecordingReader:
    """The recording at `path`. Raises ProtocolError, OSError."""
    if is_image_file(path):
        return SequenceReader(open_image_sequence(path), settings)
    return LineRecordingReader(read_lines(path), settings)


class SequenceReader:
    """A recording of images; it is its own stream."""

    def __init__(self, sequence: ImageSequence, settings: StreamSettings) -> None:
        self._sequence = sequence
        self._develop = developer(sequence.info, settings)
        self._frames = self._left_out = 0

    @property
    def stream(self) -> FrameStream:
        return self

    @property
    def played(self) -> Played:
        rate_hz = self._sequence.info.frame_rate_hz
        return Played(interval_s=1 / rate_hz, assumed=False) if rate_hz else ASSUMED

    @property
    def counts(self) -> StreamCounts:
        return StreamCounts(frames=self._frames, incomplete=self._left_out)

    def greeting(self) -> bytes:
        return b""

    def receive(self, data: bytes) -> Sequence[Pending]:
        return ()

    def finish(self) -> Sequence[Pending]:
        return ()

    @property
    def failure(self) -> ProtocolError | None:
        return None  # `frames` raises it

    def frames(self) -> Iterator[tuple[float | None, Sequence[Pending]]]:
        try:
            yield from self._shown()
        except (ProtocolError, OSError):
            self._left_out = self._sequence.info.frames - self._frames
            raise
        self._left_out = self._sequence.info.frames - self._frames

    def _shown(self) -> Iterator[tuple[float | None, Sequence[Pending]]]:
        for frame in self._sequence.frames():
            yield (
                frame.timestamp_s,
                [
                    PendingFrame(
                        sequence=frame.index,
                        develop=partial(self._develop, frame.pixels),
                        source_timestamp_s=frame.timestamp_s,
                        transforms=frame.transforms,
                    )
                ],
            )
            self._frames += 1  # it has been shown
            self._left_out = frame.index + 1 - self._frames


class LineRecordingReader:
    """A recording of an echOpen probe's lines, through that probe's own decoder."""

    played = ASSUMED

    def __init__(self, recording: LineRecording, settings: StreamSettings) -> None:
        kit = isinstance(recording, KitRecording)
        self._recorded_at = recording.recorded_at
        frequency = settings.profile.transducer_frequency_khz or recording.transducer_frequency_khz
        profile = replace(settings.profile, transducer_frequency_khz=frequency)
        settings = replace(settings, profile=profile)
        self._wire = line_wire(recording, "kit" if kit else "lounger")
        decoder = KitDecoder(settings.profile) if kit else LoungerDecoder(settings.profile)
        self._stream = SectorStream(decoder, settings)

    @property
    def stream(self) -> FrameStream:
        return self._stream

    def frames(self) -> Iterator[tuple[float | None, Sequence[Pending]]]:
        wire = self._wire
        self._stream.receive(wire.preamble)
        for turn in range(len(wire.frames)):
            ((lines, _),) = wire.bursts(wire.samples(turn), turn, wire.lines)
            yield None, [self._dated(frame, turn) for frame in self._stream.receive(lines)]

    def _dated(self, pending: Pending, turn: int) -> Pending:
        """With the recorder's time of frame `turn`, where it has one."""
        if not isinstance(pending, PendingFrame) or turn >= len(self._recorded_at):
            return pending
        return replace(pending, recorded_at=self._recorded_at[turn])
