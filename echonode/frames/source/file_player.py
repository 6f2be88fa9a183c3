"""A recording as a source: its frames come as they once came, and then the probe is gone.

Rules
- Frames come at the times that the recording has of them; `fps` overrides them (probe/pace.py).
  Frames keep the recorded times as their source's own: a recording played faster still tells when
  each frame was taken.
- A frame's elapsed time is when it was due, never when it was shown: the same recording gives the
  same clips and times on a busy machine.
- A file can wait: where frames pile up, the player waits for room and none is dropped.
- The end of the recording is the end of the connection, so that its clip closes. Where it loops,
  each turn is a connection of its own.
- A recording that cannot be read is an error in the log, and is not tried again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from echonode.errors import ProtocolError
from echonode.frames.settings import StreamSettings
from echonode.frames.source.recordings import RecordingReader, open_recording_reader
from echonode.frames.source.transport import Transport, TransportContext
from echonode.log import get_logger
from echonode.probe.link.connection import LossReason, OpenConnection
from echonode.probe.pace import Pace

log = get_logger(__name__)

ROOM_WAIT_S = 0.1  # between two looks whether we are to stop


@dataclass(frozen=True, kw_only=True)
class PlayFile:
    """A way in: the recording at `path`. fps: frames a second instead of the recorded times."""

    path: Path
    loop: bool = False
    fps: float | None = None
    stream: StreamSettings = field(default_factory=StreamSettings)

    def __post_init__(self) -> None:
        if self.fps is not None and not self.fps > 0:
            raise ValueError("fps is above 0")

    def transport(self, context: TransportContext) -> Transport:
        return FilePlayer(self, context)


class FilePlayer:
    """Plays on a thread of its own; the form is transport.Transport."""

    def __init__(self, way: PlayFile, context: TransportContext) -> None:
        self._way, self._context = way, context
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"probe-{context.name}-file", daemon=True
        )

    def start(self) -> None:
        """Begin to play; returns at once."""
        self._thread.start()

    def stop(self, deadline_s: float) -> bool:
        """Stop where it is; whether it was in time."""
        self._stopping.set()
        if self._thread.ident is None:
            return True  # never started
        self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while self._play_once() and self._way.loop:
                if self._stopping.wait(self._context.link.first_pause_s):
                    break
        except (ProtocolError, OSError) as error:
            log.error("recording_refused", probe=self._context.name, reason=str(error))
        except Exception:  # the thread's top
            log.exception("recording_fault", probe=self._context.name)

    def _play_once(self) -> bool:
        """From its first frame to its last; whether it came to its end."""
        reel = open_recording_reader(self._way.path, self._way.stream)
        connection = OpenConnection(
            opened_at=self._context.now(),
            opened_monotonic=self._context.monotonic(),
            send=lambda _: None,  # a file takes no commands
        )
        reception = self._context.reception
        reception.on_connected(connection, reel.stream, reel.played)
        reason, detail = LossReason.BROKEN, "fault"
        try:
            whole = self._show(reel, connection.opened_monotonic)
            reason, detail = (LossReason.CLOSED if whole else LossReason.STOPPED), ""
        except ProtocolError as error:
            reason, detail = LossReason.PROTOCOL, str(error)
        except OSError as error:
            reason, detail = LossReason.BROKEN, str(error)
        finally:
            reception.on_lost(reason, detail)
        return reason is LossReason.CLOSED

    def _show(self, reel: RecordingReader, began_s: float) -> bool:
        """Each frame at its time; whether all were shown."""
        pace = Pace(self._way.fps, reel.played.interval_s)
        reception, monotonic = self._context.reception, self._context.monotonic
        for at, frames in reel.frames():
            due_s = pace.due_s(at)
            if self._stopping.wait(max(0.0, began_s + due_s - monotonic())):
                return False
            while not reception.has_room(ROOM_WAIT_S):
                if self._stopping.is_set():
                    return False
            reception.on_frames(frames, due_s)
        return True
