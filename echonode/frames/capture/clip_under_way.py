"""A clip that takes the frames that come, and what is found among frames that came. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from echonode.errors import CaptureRefused
from echonode.frames.frame import Acquisition, Frame
from echonode.frames.settings import CaptureSettings


class ClipUnderWay:
    """A clip that began at a request and takes the frames that follow."""

    def __init__(self, *, exam: str, seconds: float, settings: CaptureSettings) -> None:
        self.exam, self.seconds, self._settings = exam, seconds, settings
        self.frames: list[Frame] = []
        self.acquisitions: list[Acquisition] = []
        self.over = False
        self._bytes = 0

    def take(self, frame: Frame) -> None:
        if self.over:
            return
        first = self.frames[0] if self.frames else frame
        self._bytes += frame.nbytes
        lasts_s = min(self.seconds, self._settings.max_clip_s)
        if frame.elapsed_s - first.elapsed_s > lasts_s or (
            self.frames and self._bytes > self._settings.max_clip_bytes
        ):
            self.over = True
        else:
            self.frames.append(frame)


def numbered(frames: Sequence[Frame], number: int) -> Frame:
    """The frame of that number. Raises CaptureRefused."""
    for frame in reversed(frames):
        if frame.number == number:
            return frame
    raise CaptureRefused(f"frame {number} is not kept: it is of before, or has not come")


def pieces(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Runs of frames that fit with each other."""
    piece: list[Frame] = []
    for frame in frames:
        if piece and not frame.fits_with(piece[0]):
            yield piece
            piece = []
        piece.append(frame)
    if piece:
        yield piece
