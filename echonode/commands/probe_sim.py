"""`echonode probe-sim`: a probe on the wire until it has sent everything, or is stopped."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from echonode.errors import UsageError
from echonode.frames.imaging.plane_pictures import orientation_of
from echonode.frames.imaging.planes import turned_to_mf
from echonode.frames.picture_settings import Orientation
from echonode.frames.settings import StreamSettings
from echonode.frames.source.recordings import LineRecordingReader, RecordingReader, SequenceReader
from echonode.frames.streams.stream import PendingFrame
from echonode.probe.echopen.epf import LINE_PORT
from echonode.probe.echopen.kit import KitMode
from echonode.probe.recordings.echopen_text import KitRecording, LineRecording, read_lines
from echonode.probe.recordings.image_file import is_image_file, open_image_sequence
from echonode.probe.recordings.image_sequence import ImageSequence
from echonode.probe.simulation.epf_probe import EpfSimulator
from echonode.probe.simulation.lounger_phantom import lounger_phantom
from echonode.probe.simulation.openigtlink_sender import Images, OpenIGTLinkSender, OutgoingImage
from echonode.probe.simulation.phantom import DEFAULT_HEADER, phantom
from echonode.probe.simulation.simulated_lines import line_wire
from echonode.probe.simulation.tcp_probe import ProbeSimulator

REPORT_EVERY_S = 1.0
KIT_FPS = 20.0
PHANTOMS: dict[str, Callable[[], LineRecording]] = {
    "sweeping": lambda: phantom(header=replace(DEFAULT_HEADER, mode=KitMode.ENVELOPE_U8)),
    "kit": phantom,
    "lounger": lounger_phantom,
    "epf": lounger_phantom,
}


class Simulated(Protocol):
    """A probe that sends until it is finished."""

    finished: threading.Event

    @property
    def address(self) -> tuple[str, int]: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def simulate(
    *,
    protocol: str,
    dialect: str,
    host: str,
    port: int,
    recording: Path | None,
    fps: float | None,
    frames: int | None,
    loop: bool,
    connect: bool = False,
    line_port: int = LINE_PORT,
) -> None:
    """Serve the recording, or the phantom without end; returns when it ends or on a signal.

    fps: None takes the recording's own times, where it has any. connect: out to the address,
    instead of listening there; OpenIGTLink only. line_port: where `epf` sends its lines.
    Raises UsageError for a protocol that is not simulated, an address that cannot be bound or a
    recording that cannot be read.
    """
    loop = loop or recording is None
    try:
        if protocol == "openigtlink":
            images = outgoing_images(recording)
            sender = OpenIGTLinkSender(
                images, host=host, port=port, connect=connect, fps=fps, frames=frames, loop=loop
            )
            _serve(sender, protocol, lambda: sender.sent)
        elif protocol != "echopen":
            raise UsageError(f"--protocol {protocol} is not simulated; use echopen or openigtlink")
        elif connect:
            raise UsageError("--connect is for openigtlink: an echOpen probe listens")
        elif dialect in PHANTOMS:
            probe = echopen_probe(
                dialect,
                load_lines(recording, dialect),
                host=host,
                port=port,
                line_port=line_port,
                fps=fps or KIT_FPS,
                frames=frames,
                loop=loop,
            )
            _serve(probe, f"{protocol} {dialect}", lambda: len(probe.sent))
        else:
            raise UsageError(f"--dialect {dialect} is not simulated; use {', '.join(PHANTOMS)}")
    except OSError as error:
        raise UsageError(f"{host}:{port} cannot be listened on: {error.strerror}") from None


def echopen_probe(
    dialect: str,
    recording: LineRecording,
    *,
    host: str,
    port: int,
    line_port: int,
    fps: float,
    frames: int | None,
    loop: bool,
) -> ProbeSimulator | EpfSimulator:
    """A probe of `dialect` that sends the recording. Raises OSError, ProtocolError."""
    if dialect == "epf":
        return EpfSimulator(
            recording.frames,
            host=host,
            port=port,
            line_port=line_port,
            fps=fps,
            count=frames,
            loop=loop,
        )
    wire = line_wire(recording, dialect)
    return ProbeSimulator(wire, host=host, port=port, fps=fps, frames=frames, loop=loop)


def _serve(probe: Simulated, what: str, sent: Callable[[], int]) -> None:
    """Until it is finished, or a signal comes."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with probe:
        _say("probe-sim: {} on {}:{}".format(what, *probe.address))
        while not stopped.is_set() and not probe.finished.wait(REPORT_EVERY_S):
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{sent()} frames sent")
                sys.stderr.flush()
    _say(f"probe-sim: {sent()} frames sent")


def outgoing_images(path: Path | None) -> Images:
    """The images of a recording as PLUS would send them; of lines, what EchoNode makes of them.

    Raises UsageError, ProtocolError.
    """
    settings = StreamSettings()
    if path is None or not is_image_file(path):
        recording = load_lines(path, "kit")
        return lambda: _developed(LineRecordingReader(recording, settings))
    try:
        sequence = open_image_sequence(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    orientation = orientation_of(sequence.info)
    if orientation.rows_are_lines:
        return lambda: _developed(SequenceReader(sequence, settings))
    return lambda: _as_they_are(sequence, orientation)


def _as_they_are(sequence: ImageSequence, orientation: Orientation) -> Iterator[OutgoingImage]:
    """In MF, as PLUS always sends; scalar types and spacing as recorded."""
    for frame in sequence.frames():
        yield OutgoingImage(
            pixels=np.ascontiguousarray(turned_to_mf(frame.pixels, orientation)),
            timestamp_s=frame.timestamp_s,
            spacing_mm=sequence.info.spacing_mm or (1.0, 1.0),
            transforms=frame.transforms,
        )


def _developed(reel: RecordingReader) -> Iterator[OutgoingImage]:
    for at, frames in reel.frames():
        for frame in frames:
            if not isinstance(frame, PendingFrame):
                continue
            picture = frame.develop()
            known = picture.calibration
            yield OutgoingImage(
                pixels=picture.pixels,
                timestamp_s=at,
                spacing_mm=(1.0, 1.0)
                if known is None
                else (10 * known.physical_delta_x_cm, 10 * known.physical_delta_y_cm),
            )


def load_recording(path: Path | None) -> KitRecording:
    """The kit's recording at `path`, or the phantom. Raises UsageError, ProtocolError."""
    recording = load_lines(path, "kit")
    if not isinstance(recording, KitRecording):
        raise UsageError(f"{path} is not a recording of the kit")
    return recording


def load_lines(path: Path | None, dialect: str) -> LineRecording:
    """The recording at `path`, or a phantom that suits `dialect`. Raises UsageError, ProtocolError.

    The sweeping probe sends magnitudes, and the later ones along rays of their own.
    """
    if path is None:
        return PHANTOMS[dialect]()
    try:
        return read_lines(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
