"""What an operator, or the sender itself, may ask of a probe's capture, as values; and the port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

CLIP_SECONDS_LIMIT = 600.0


class CaptureAction(StrEnum):
    """Names as in the COMMAND messages of OpenIGTLink."""

    START_EXAM = "StartExam"
    CAPTURE_STILL = "CaptureStill"
    CAPTURE_CLIP = "CaptureClip"
    END_EXAM = "EndExam"


@dataclass(frozen=True, kw_only=True)
class CaptureRequest:
    """seconds, past: of a clip only: how long, and whether it ends or begins now.

    sequence: of a still: the frame that is wanted, by its number; None the latest.
    exam_id: the exam that it must be of; None whichever is open.
    """

    action: CaptureAction
    seconds: float = 0.0
    past: bool = True
    sequence: int | None = None
    exam_id: str | None = None

    def __post_init__(self) -> None:
        clip = self.action is CaptureAction.CAPTURE_CLIP
        if clip and not 0 < self.seconds <= CLIP_SECONDS_LIMIT:
            raise ValueError(f"a clip has more than 0 and at most {CLIP_SECONDS_LIMIT:g} seconds")


@dataclass(frozen=True, kw_only=True)
class CaptureResult:
    """What came of it. done: it is durable. exam: the capture's name, '' where unknown."""

    done: bool
    message: str = ""
    exam: str = ""
    sop_instance_uids: tuple[str, ...] = ()


class CaptureCommands(Protocol):
    """A probe in capture mode `manual`; each call returns once what it asks for is durable.

    From any thread. Raises CaptureRefused where there is nothing to capture, StoreError and
    InvalidObject where it could not be kept.
    """

    def start_exam(self) -> str:
        """From here on all captures are of one new exam; its name within the node."""
        ...

    def capture_still(self, sequence: int | None = None) -> tuple[str, ...]:
        """The latest frame, or the one of that number; its SOP Instance UID."""
        ...

    def capture_clip(self, seconds: float, *, past: bool) -> tuple[str, ...]:
        """The last seconds, or the next; a UID for each piece of one size and calibration."""
        ...

    def end_exam(self) -> None:
        """No capture after this is of the exam."""
        ...

    def prepare(self, request: CaptureRequest) -> Callable[[], CaptureResult]:
        """Fix what is asked for, and return what makes it durable, which may take its time.

        Raises CaptureRefused at once where there is nothing to capture.
        """
        ...
