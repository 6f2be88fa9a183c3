"""Stills and clips on request: in capture mode `manual` at any time, in `auto` in an open exam.

Rules
- The frames thread calls `begin`, `take` and `lost`; requests may come from any thread. A request
  is answered when everything it made is durable, and raises where it is not.
- `prepare` fixes at once what is captured, and gives the rest of the work: so that a request which
  came between two frames captures what was there between them, however long the disk takes.
- The last max_clip_s seconds are kept, at most max_clip_bytes of them.
- An exam begins and ends between two frames. What was seen before it is forgotten: no capture ever
  shows frames of two exams. Captures outside an exam are of the connection; each exam that ends
  begins another such.
- `change_exam` says which exam of the node's captures are of; it stays so over connections. The
  sender's own StartExam and EndExam divide captures, and do not end that exam.
- The frame of a number is there for as long as it is among the last seconds that are kept.
- A change of size or calibration divides a clip into pieces, each an instance of its own.
- A freeze keeps the last seconds as they are when it is asked for (freezes.py). It is over when
  what was seen is forgotten: no freeze of one exam gives frames of another.
- Where automatic clips are made as well, frames are kept only while an exam of the node is open.
- Times in a capture count from where its exam began, as they would in a connection of its own.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from echonode.errors import CaptureRefused
from echonode.frames.capture.capture_gate import CaptureGate
from echonode.frames.capture.clip_under_way import ClipUnderWay, numbered, pieces
from echonode.frames.capture.freezes import Freezes
from echonode.frames.capture_request import (
    CaptureAction,
    CaptureRequest,
    CaptureResult,
    FrozenFrames,
)
from echonode.frames.frame import Acquisition, Frame, ProbeIdentity
from echonode.frames.settings import CaptureSettings

Store = Callable[[Acquisition], str]
"""Returns its SOP Instance UID once the acquisition is durable; raises where it is not."""


class ManualCapture:
    """The form is capture_request.CaptureCommands. monotonic: ends clips that begin now.

    beside_automatic: another makes automatic clips of the same connection, and numbers them.
    """

    def __init__(
        self,
        probe: ProbeIdentity,
        settings: CaptureSettings,
        store: Store,
        *,
        admission: CaptureGate | None = None,
        beside_automatic: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._beside_automatic = beside_automatic
        self._admission = admission or CaptureGate(probe.name, lambda: "")
        self._probe, self._settings, self._store = probe, settings, store
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._connection_id = ""  # '' while there is no connection
        self._exam = ""
        self._exam_id = ""  # of the node's exams; '' while none is open
        self._exams = 0  # begun in this connection, its own included
        self._number = 0  # of acquisitions in this exam
        self._began_s: float | None = None  # elapsed_s of the exam's first frame
        self._recent: deque[Frame] = deque()
        self._recent_bytes = 0
        self._clips: list[ClipUnderWay] = []
        self._freezes = Freezes(most_bytes=settings.max_clip_bytes)

    # --- the frames thread ---

    def begin(self, connection_id: str) -> None:
        """A connection opened."""
        with self._changed:
            # The automatic captures are numbered under the connection's own name.
            self._connection_id, self._exams = connection_id, int(self._beside_automatic)
            self._new_exam()

    def change_exam(self, exam_id: str) -> None:
        """What comes from here on is of another exam, '' of none; clips under way end."""
        with self._changed:
            self._end_clips()
            self._exam_id = exam_id
            if self._connection_id:
                self._new_exam()

    def take(self, frame: Frame) -> None:
        """The next frame."""
        with self._changed:
            if self._beside_automatic and not self._exam_id:
                return
            if self._began_s is None:
                self._began_s = frame.elapsed_s
            self._recent.append(frame)
            self._recent_bytes += frame.nbytes
            self._forget_old(frame)
            self._freezes.expire(self._monotonic())
            for clip in self._clips:
                clip.take(frame)
            self._changed.notify_all()

    def lost(self) -> None:
        """The connection ended; clips under way end with it."""
        with self._changed:
            self._end_clips()
            self._connection_id = ""
            self._forget()
            self._changed.notify_all()

    # --- any thread ---

    def start_exam(self) -> str:
        return self.prepare(CaptureRequest(action=CaptureAction.START_EXAM))().exam

    def end_exam(self) -> None:
        self.prepare(CaptureRequest(action=CaptureAction.END_EXAM))()

    def capture_still(self, sequence: int | None = None) -> tuple[str, ...]:
        request = CaptureRequest(action=CaptureAction.CAPTURE_STILL, sequence=sequence)
        return self.prepare(request)().sop_instance_uids

    def capture_clip(self, seconds: float, *, past: bool) -> tuple[str, ...]:
        request = CaptureRequest(action=CaptureAction.CAPTURE_CLIP, seconds=seconds, past=past)
        return self.prepare(request)().sop_instance_uids

    def prepare(self, request: CaptureRequest) -> Callable[[], CaptureResult]:
        """Fix what is asked for, and return what makes it durable, which may take its time.

        Raises CaptureRefused at once where there is nothing to capture.
        """
        with self._changed:
            self._require_exam(request.exam_id)
            self._require_room(request)
            match request.action:
                case CaptureAction.START_EXAM | CaptureAction.END_EXAM:
                    self._new_exam()
                    result = CaptureResult(done=True, exam=self._exam)
                    return lambda: result
                case CaptureAction.CAPTURE_STILL:
                    return self._keeping(self._still(request))
                case CaptureAction.CAPTURE_CLIP if request.past:
                    return self._keeping(self._past(request))
                case CaptureAction.CAPTURE_CLIP:
                    clip = ClipUnderWay(
                        exam=self._exam, seconds=request.seconds, settings=self._settings
                    )
                    self._clips.append(clip)
                    return lambda: self._wait_for(clip)

    def freeze(self, exam_id: str) -> FrozenFrames:
        with self._changed:
            self._require_exam(exam_id)
            if not self._recent:
                raise CaptureRefused("no frame has come yet")
            name = secrets.token_hex(8)
            self._freezes.add(name, self._recent, self._monotonic())
            frames = tuple(self._recent)
            return FrozenFrames(probe=self._probe.name, freeze=name, frames=frames)

    def unfreeze(self, exam_id: str, freeze: str) -> None:
        with self._changed:
            if exam_id == self._exam_id:
                self._freezes.release(freeze)

    def frozen_frame(self, exam_id: str, freeze: str, number: int) -> Frame:
        with self._changed:
            self._require_exam(exam_id)
            return numbered(self._frozen(freeze), number)

    # --- with the lock held ---

    def _require_exam(self, exam_id: str | None) -> None:
        """Raises CaptureRefused where the probe, or the exam that is meant, is not there."""
        if not self._connection_id:
            raise CaptureRefused("the probe is not connected")
        if exam_id not in (None, self._exam_id):
            raise CaptureRefused(f"the exam {exam_id} is not open at the probe")
        if self._beside_automatic and not self._exam_id:
            raise CaptureRefused("no exam is open at the probe, and its captures are automatic")

    def _require_room(self, request: CaptureRequest) -> None:
        """Raises CaptureRefused where an exam may not begin, or was not admitted."""
        match request.action:
            case CaptureAction.START_EXAM:
                refusal = self._admission.new_exam()
            case CaptureAction.END_EXAM:
                refusal = ""
            case _:
                refusal = self._admission.refusal
        if refusal:
            raise CaptureRefused(refusal)

    def _new_exam(self) -> None:
        self._end_clips()
        self._exams += 1
        first = self._exams == 1
        self._exam = self._connection_id if first else f"{self._connection_id}-{self._exams}"
        self._number, self._began_s = 0, None
        self._forget()

    def _forget(self) -> None:
        self._recent.clear()
        self._recent_bytes = 0
        self._freezes.clear()

    def _forget_old(self, latest: Frame) -> None:
        while (
            self._recent_bytes > self._settings.max_clip_bytes
            or latest.elapsed_s - self._recent[0].elapsed_s > self._settings.max_clip_s
        ) and len(self._recent) > 1:
            self._recent_bytes -= self._recent.popleft().nbytes

    def _still(self, request: CaptureRequest) -> Sequence[Frame]:
        """The latest frame, or the one of that number. Raises CaptureRefused where it is gone."""
        frames = self._meant(request)
        if request.sequence is None:
            return list(frames)[-1:]
        return [numbered(frames, request.sequence)]

    def _past(self, request: CaptureRequest) -> Sequence[Frame]:
        """The seconds that end with the latest frame, or with the one of that number."""
        frames = self._meant(request)
        if not frames:
            return []
        last = frames[-1]
        if request.last_sequence is not None:
            last = numbered(frames, request.last_sequence)
        since_s = last.elapsed_s - request.seconds
        return [f for f in frames if f.elapsed_s >= since_s and f.number <= last.number]

    def _meant(self, request: CaptureRequest) -> Sequence[Frame]:
        """The frames that a request is about, the oldest first."""
        return self._frozen(request.freeze) if request.freeze else self._recent

    def _frozen(self, freeze: str) -> Sequence[Frame]:
        frames = self._freezes.frames(freeze, self._monotonic())
        if not frames:
            raise CaptureRefused("the freeze is over: freeze again")
        return frames

    def _end_clips(self) -> None:
        for clip in self._clips:
            clip.over = True
            clip.acquisitions = self._acquisitions(clip.frames)
        self._clips.clear()
        self._changed.notify_all()

    def _keeping(self, frames: Sequence[Frame]) -> Callable[[], CaptureResult]:
        if not frames:
            raise CaptureRefused("no frame has come yet")
        exam, acquisitions = self._exam, self._acquisitions(frames)
        return lambda: self._keep(exam, acquisitions)

    def _acquisitions(self, frames: Sequence[Frame]) -> list[Acquisition]:
        return [self._acquisition(piece) for piece in pieces(frames)]

    def _acquisition(self, frames: Sequence[Frame]) -> Acquisition:
        assert self._began_s is not None  # it is set with the exam's first frame
        began_s = self._began_s if self._exams > 1 else 0.0
        self._number += 1
        return Acquisition(
            probe=self._probe,
            connection_id=self._exam,
            number=self._number,
            frames=tuple(replace(frame, elapsed_s=frame.elapsed_s - began_s) for frame in frames),
            dropped=frames[-1].sequence + 1 - frames[0].sequence - len(frames),
            partial=sum(1 for frame in frames if frame.missing_lines),
            exam_id=self._exam_id,
        )

    # --- without it ---

    def _wait_for(self, clip: ClipUnderWay) -> CaptureResult:
        """Until the clip has its seconds, by its frames or, where none come, by the clock."""
        ends = self._monotonic() + clip.seconds + self._settings.gap_s
        with self._changed:
            while not clip.over and (left := ends - self._monotonic()) > 0:
                self._changed.wait(left)
            if clip in self._clips:
                self._clips.remove(clip)
                clip.acquisitions = self._acquisitions(clip.frames)
        if not clip.acquisitions:
            raise CaptureRefused("no frame came")
        return self._keep(clip.exam, clip.acquisitions)

    def _keep(self, exam: str, acquisitions: Sequence[Acquisition]) -> CaptureResult:
        uids = tuple(self._store(acquisition) for acquisition in acquisitions)
        return CaptureResult(done=True, exam=exam, sop_instance_uids=uids)
