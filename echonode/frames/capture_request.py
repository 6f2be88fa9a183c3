"""What an operator, or the sender itself, may ask of a probe's capture, as values; and the port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from echonode.frames.frame import Frame

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

    sequence: of a still: the frame that is wanted, by its number (Frame.number); None the latest.
    last_sequence: of a clip of the past: its last frame, likewise.
    freeze: the freeze whose frames are meant; '' those that are kept now.
    exam_id: the exam that it must be of; None whichever is open.
    """

    action: CaptureAction
    seconds: float = 0.0
    past: bool = True
    sequence: int | None = None
    last_sequence: int | None = None
    freeze: str = ""
    exam_id: str | None = None

    def __post_init__(self) -> None:
        clip = self.action is CaptureAction.CAPTURE_CLIP
        if clip and not 0 < self.seconds <= CLIP_SECONDS_LIMIT:
            raise ValueError(f"a clip has more than 0 and at most {CLIP_SECONDS_LIMIT:g} seconds")
        if clip and not self.past and (self.freeze or self.last_sequence is not None):
            raise ValueError("a clip that begins now has no frames of the past")


@dataclass(frozen=True, kw_only=True)
class CaptureResult:
    """What came of it. done: it is durable. exam: the capture's name, '' where unknown."""

    done: bool
    message: str = ""
    exam: str = ""
    sop_instance_uids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class FrozenFrames:
    """A freeze of a probe: its name, and its frames, the oldest first; never empty."""

    probe: str
    freeze: str
    frames: tuple[Frame, ...]


class CaptureCommands(Protocol):
    """A probe's captures on request; each call returns once what it asks for is durable.

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

    def freeze(self, exam_id: str) -> FrozenFrames:
        """Keep the frames of the last seconds as they are now, until `unfreeze` or its expiry.

        Raises CaptureRefused where the exam is not open at the probe, or no frame has come.
        """
        ...

    def unfreeze(self, exam_id: str, freeze: str) -> None:
        """End a freeze; one that is over already raises nothing."""
        ...

    def frozen_frame(self, exam_id: str, freeze: str, number: int) -> Frame:
        """A frame of a freeze. Raises CaptureRefused where the freeze, or the frame, is gone."""
        ...
