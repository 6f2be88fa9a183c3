"""Frames to acquisitions: where a clip begins and where it ends. Pure: time is an argument.

Rules
- Time is seconds since the connection opened, monotonic: a frame's own `elapsed_s`, and `now_s`.
- A clip ends when no frame came for gap_s; before a frame that does not fit with it, such as one of
  another size or calibration; before the frame that would make it longer than max_clip_s, or larger
  than max_clip_bytes; when another exam begins; and when the connection ends. A frame that ends a
  clip begins the next: none is lost between two.
- One frame alone is a still. No acquisition is empty.
- Gaps in the sequence show frames that never came. They belong to the clip that follows them.
"""

from __future__ import annotations

from echonode.frames.frame import Acquisition, Frame, ProbeIdentity
from echonode.frames.settings import CaptureSettings


class AcquisitionBuilder:
    """The clips of one connection, numbered from 1."""

    def __init__(
        self,
        *,
        probe: ProbeIdentity,
        connection_id: str,
        settings: CaptureSettings,
        first_sequence: int = 0,
        exam_id: str = "",
    ) -> None:
        """first_sequence: of the first frame that was wanted; those missing after it are lost."""
        self._exam_id = exam_id
        self._probe, self._connection_id, self._settings = probe, connection_id, settings
        self._frames: list[Frame] = []
        self._bytes = 0
        self._number = 0
        self._next_sequence = first_sequence  # of the first frame not yet in a finished acquisition

    @property
    def due_s(self) -> float | None:
        """When the clip under way ends unless a frame comes; None: nothing is under way."""
        return self._frames[-1].elapsed_s + self._settings.gap_s if self._frames else None

    def take(self, frame: Frame) -> list[Acquisition]:
        """Add a frame; the clip that it ends, if it ends one."""
        done = self._close() if self._frames and self._ends_before(frame) else []
        self._frames.append(frame)
        self._bytes += frame.nbytes
        return done

    def pass_over(self, frame: Frame) -> None:
        """A frame that is not wanted, and not lost: no clip is under way."""
        self._next_sequence = frame.sequence + 1

    def tick(self, now_s: float) -> list[Acquisition]:
        """The clip under way, if its time is over."""
        return self._close() if self.due_s is not None and now_s >= self.due_s else []

    def flush(self) -> list[Acquisition]:
        """The clip under way: the connection ended, or we stop."""
        return self._close() if self._frames else []

    def change_exam(self, exam_id: str) -> list[Acquisition]:
        """What comes from here on is of another exam, '' of none; the clip under way ends."""
        done = self.flush()
        self._exam_id = exam_id
        return done

    def _ends_before(self, frame: Frame) -> bool:
        first, last, limits = self._frames[0], self._frames[-1], self._settings
        return (
            frame.elapsed_s - last.elapsed_s >= limits.gap_s
            or frame.elapsed_s - first.elapsed_s > limits.max_clip_s
            or self._bytes + frame.nbytes > limits.max_clip_bytes
            or not frame.fits_with(first)
        )

    def _close(self) -> list[Acquisition]:
        frames, self._frames, self._bytes = tuple(self._frames), [], 0
        self._number += 1
        expected = frames[-1].sequence + 1 - self._next_sequence
        self._next_sequence = frames[-1].sequence + 1
        return [
            Acquisition(
                probe=self._probe,
                connection_id=self._connection_id,
                number=self._number,
                frames=frames,
                dropped=expected - len(frames),
                partial=sum(1 for frame in frames if frame.missing_lines),
                exam_id=self._exam_id,
            )
        ]
