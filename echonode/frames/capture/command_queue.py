"""What a sender asks for is done in order, on a thread of its own, and answered when durable."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from echonode.errors import CaptureRefused, EchoNodeError
from echonode.frames.capture.manual_capture import ManualCapture
from echonode.frames.capture_request import CaptureResult
from echonode.frames.streams.stream import PendingCommand
from echonode.log import get_logger

log = get_logger(__name__)

# More than any stream lets wait at once (openigtlink_stream.py).
WAITING_LIMIT = 64
Job = Callable[[], None]


class CommandQueue:
    """name: of the probe. capture: None where captures are automatic, or cannot be stored."""

    def __init__(self, name: str, capture: ManualCapture | None) -> None:
        self._name, self._capture = name, capture
        self._jobs: queue.Queue[Job | None] = queue.Queue(WAITING_LIMIT)
        self._thread = threading.Thread(
            target=self._run, name=f"probe-{name}-commands", daemon=True
        )

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def ask(self, command: PendingCommand, send: Callable[[bytes], None]) -> None:
        """Fix what is asked for now; the work and the answer come on the desk's own thread."""
        finish = self._prepared(command)

        def job() -> None:
            self._answer(command, finish, send)

        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            log.error("command_unanswered", probe=self._name, action=command.request.action.value)

    def stop(self, deadline_s: float) -> bool:
        """Do what waits, then end; whether all of it was in time."""
        if self._thread.ident is None:
            return True  # never started
        ends = time.monotonic() + deadline_s
        try:
            self._jobs.put(None, timeout=deadline_s)
        except queue.Full:
            return False
        self._thread.join(max(0.0, ends - time.monotonic()))
        return not self._thread.is_alive()

    def _prepared(self, command: PendingCommand) -> Callable[[], CaptureResult]:
        if self._capture is None:
            refused = CaptureResult(done=False, message="captures of this probe are automatic")
            return lambda: refused
        try:
            return self._capture.prepare(command.request)
        except CaptureRefused as error:
            not_now = CaptureResult(done=False, message=str(error))
            return lambda: not_now

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:  # the thread's top: the next command must still be done
                log.exception("command_fault", probe=self._name)

    def _answer(
        self,
        command: PendingCommand,
        finish: Callable[[], CaptureResult],
        send: Callable[[bytes], None],
    ) -> None:
        try:
            result = finish()
        except EchoNodeError as error:  # refused, or not durable: the sender must know
            kind = type(error).__name__  # the text may name what must not go on the wire
            words = str(error) if isinstance(error, CaptureRefused) else f"not kept: {kind}"
            result = CaptureResult(done=False, message=words)
        except Exception as error:  # a defect of ours: the sender must not wait for its answer
            log.exception("command_fault", probe=self._name)
            result = CaptureResult(done=False, message=f"not kept: {type(error).__name__}")
        log.info(
            "command_answered",
            probe=self._name,
            action=command.request.action.value,
            done=result.done,
            sop_instance_uids=list(result.sop_instance_uids),
        )
        try:
            send(command.answer(result))
        except OSError as error:
            log.info("answer_unsent", probe=self._name, error=str(error))
