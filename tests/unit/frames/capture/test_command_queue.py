"""Commands of a sender: each is answered, whatever becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from echonode.frames.capture.command_queue import CommandQueue
from echonode.frames.capture_request import CaptureAction, CaptureRequest, CaptureResult
from echonode.frames.streams.stream import PendingCommand


class Faulty:
    """Manual captures whose work fails as no capture should."""

    def prepare(self, request: CaptureRequest) -> Callable[[], CaptureResult]:
        def finish() -> CaptureResult:
            raise RuntimeError("a defect")

        return finish


def test_a_command_whose_work_fails_is_answered_and_the_next_is_done() -> None:
    """A defect of ours is no reason to leave a sender waiting: its place is free again."""
    faulty: Any = Faulty()
    commands = CommandQueue("probe", faulty)
    commands.start()
    answers: list[bytes] = []
    command = PendingCommand(
        request=CaptureRequest(action=CaptureAction.CAPTURE_STILL),
        answer=lambda result: f"{result.done}: {result.message}".encode(),
    )
    commands.ask(command, answers.append)
    commands.ask(command, answers.append)
    assert commands.stop(10)
    assert answers == [b"False: not kept: RuntimeError"] * 2
