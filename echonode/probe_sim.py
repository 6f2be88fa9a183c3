"""`echonode probe-sim`: a probe on the wire until it has sent everything, or is stopped."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from echonode.errors import UsageError
from echonode.probe.phantom import phantom
from echonode.probe.recording import KitRecording, read_recording
from echonode.probe.simulator import ProbeSimulator

REPORT_EVERY_S = 1.0


def simulate(
    *,
    protocol: str,
    dialect: str,
    host: str,
    port: int,
    recording: Path | None,
    fps: float,
    frames: int | None,
    loop: bool,
) -> None:
    """Serve the recording, or the phantom without end; returns when it ends or on a signal.

    Raises UsageError for a protocol that is not simulated, an address that cannot be bound or a
    recording that cannot be read.
    """
    if (protocol, dialect) != ("echopen", "kit"):
        raise UsageError(
            f"{protocol} {dialect} is not simulated; use --protocol echopen --dialect kit"
        )
    source = load_recording(recording)
    try:
        probe = ProbeSimulator(
            source, host=host, port=port, fps=fps, frames=frames, loop=loop or recording is None
        )
    except OSError as error:
        raise UsageError(f"{host}:{port} cannot be listened on: {error.strerror}") from None
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with probe:
        _say(f"probe-sim: {protocol} {dialect} on {probe.address[0]}:{probe.address[1]}")
        while not stopped.is_set() and not probe.finished.wait(REPORT_EVERY_S):
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{len(probe.sent)} frames sent")
                sys.stderr.flush()
    _say(f"probe-sim: {len(probe.sent)} frames sent")


def load_recording(path: Path | None) -> KitRecording:
    """The recording at `path`, or the phantom. Raises UsageError, ProtocolError."""
    if path is None:
        return phantom()
    try:
        return read_recording(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
