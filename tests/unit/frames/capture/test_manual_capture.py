"""Captures on request are of what was there when they were asked for, and of one exam only."""

from __future__ import annotations

import threading
import weakref
from dataclasses import replace

import pytest

from echonode.errors import CaptureRefused, OutOfSpace
from echonode.frames.capture.freezes import UNUSED_S
from echonode.frames.capture.manual_capture import ManualCapture
from echonode.frames.capture_request import CaptureAction, CaptureRequest
from echonode.frames.frame import Acquisition, ProbeIdentity
from echonode.frames.settings import CaptureMode, CaptureSettings
from tests.unit.frames.igtl_messages import taken

STILL = CaptureRequest(action=CaptureAction.CAPTURE_STILL)


class Kept:
    """A store: keeps acquisitions and calls them uid-1, uid-2 ..."""

    def __init__(self) -> None:
        self.acquisitions: list[Acquisition] = []

    def __call__(self, acquisition: Acquisition) -> str:
        self.acquisitions.append(acquisition)
        return f"uid-{len(self.acquisitions)}"


def capture(kept: Kept, **settings: float) -> ManualCapture:
    """Connected as `c`, with no frame yet; its clock stands still."""
    manual = CaptureSettings(mode=CaptureMode.MANUAL, **settings)  # type: ignore[arg-type]
    made = ManualCapture(ProbeIdentity(name="p"), manual, kept, monotonic=lambda: 0.0)
    made.begin("c")
    return made


def show(made: ManualCapture, first: int, last: int, *, side: int = 4) -> None:
    """Frames first..last, ten a second."""
    for number in range(first, last + 1):
        made.take(taken(number, number / 10, side=side))


def numbers(acquisition: Acquisition) -> list[int]:
    return [frame.sequence for frame in acquisition.frames]


def test_a_still_is_the_latest_frame() -> None:
    """One frame, and the UID that the store gave it."""
    kept = Kept()
    made = capture(kept)
    show(made, 0, 5)
    assert made.capture_still() == ("uid-1",)
    (still,) = kept.acquisitions
    assert (numbers(still), still.connection_id, still.number, still.dropped) == ([5], "c", 1, 0)


def test_a_still_is_what_was_there_when_it_was_asked_for() -> None:
    """However late the disk is, and whatever came meanwhile."""
    kept = Kept()
    made = capture(kept)
    show(made, 0, 2)
    finish = made.prepare(STILL)
    show(made, 3, 9)
    finish()
    assert numbers(kept.acquisitions[0]) == [2]


def test_a_clip_of_the_past_has_its_seconds() -> None:
    """The last 0.5 s of ten frames a second; lost frames among them are counted."""
    kept = Kept()
    made = capture(kept)
    show(made, 0, 6)
    show(made, 8, 10)
    assert made.capture_clip(0.5, past=True) == ("uid-1",)
    (clip,) = kept.acquisitions
    assert numbers(clip) == [5, 6, 8, 9, 10]
    assert clip.dropped == 1


def test_what_is_kept_of_the_past_is_bounded() -> None:
    """In seconds and in bytes; the latest frame is always there."""
    kept = Kept()
    made = capture(kept, max_clip_s=0.35)
    show(made, 0, 100)
    made.capture_clip(60, past=True)
    assert numbers(kept.acquisitions[0]) == [97, 98, 99, 100]
    small = capture(kept, max_clip_bytes=40)
    show(small, 0, 100)
    small.capture_clip(60, past=True)
    assert numbers(kept.acquisitions[1]) == [99, 100]


def test_a_clip_from_now_has_the_frames_that_follow() -> None:
    """None from before, and it is over when its seconds are."""
    kept = Kept()
    made = capture(kept)
    show(made, 0, 3)
    request = CaptureRequest(action=CaptureAction.CAPTURE_CLIP, seconds=0.4, past=False)
    finish = made.prepare(request)
    show(made, 4, 20)
    assert finish().sop_instance_uids == ("uid-1",)
    assert numbers(kept.acquisitions[0]) == [4, 5, 6, 7, 8]


def test_a_clip_from_now_ends_with_the_connection() -> None:
    """What was whole is kept; the caller that waits for it gets its answer."""
    kept, made_uids = Kept(), list[tuple[str, ...]]()
    made = capture(kept)
    show(made, 0, 1)
    request = CaptureRequest(action=CaptureAction.CAPTURE_CLIP, seconds=60, past=False)
    finish = made.prepare(request)
    waiting = threading.Thread(
        target=lambda: made_uids.append(finish().sop_instance_uids), daemon=True
    )
    waiting.start()
    show(made, 2, 4)
    made.lost()
    waiting.join(10)
    assert made_uids == [("uid-1",)]
    assert numbers(kept.acquisitions[0]) == [2, 3, 4]


def test_a_change_of_size_divides_a_clip() -> None:
    """Each piece is an instance of its own: viewers take the first frame's spacing for all."""
    kept = Kept()
    made = capture(kept)
    show(made, 0, 2)
    show(made, 3, 4, side=8)
    assert made.capture_clip(60, past=True) == ("uid-1", "uid-2")
    assert [numbers(one) for one in kept.acquisitions] == [[0, 1, 2], [3, 4]]
    assert [one.number for one in kept.acquisitions] == [1, 2]


def test_an_exam_never_has_frames_from_before_it() -> None:
    """What was seen of one patient is not in the next one's clip."""
    kept = Kept()
    made = capture(kept)
    show(made, 0, 9)
    exam = made.start_exam()
    assert exam != "c"
    with pytest.raises(CaptureRefused, match="no frame"):
        made.capture_still()
    show(made, 10, 12)
    made.capture_clip(60, past=True)
    made.end_exam()
    show(made, 13, 14)
    made.capture_clip(60, past=True)
    of_exam, after = kept.acquisitions
    assert (numbers(of_exam), of_exam.connection_id) == ([10, 11, 12], exam)
    assert numbers(after) == [13, 14]
    assert len({"c", exam, after.connection_id}) == 3
    assert (of_exam.number, after.number) == (1, 1)


def test_times_of_an_exam_count_from_its_beginning() -> None:
    """As those of a connection of its own would: its study begins with its first frame."""
    kept = Kept()
    made = capture(kept)
    show(made, 0, 9)
    made.start_exam()
    show(made, 10, 12)
    made.capture_clip(60, past=True)
    times = [frame.elapsed_s for frame in kept.acquisitions[0].frames]
    assert times == pytest.approx([0.0, 0.1, 0.2])


def test_a_clip_under_way_ends_with_its_exam() -> None:
    """An exam's end is its last frame's end."""
    kept = Kept()
    made = capture(kept)
    exam = made.start_exam()
    request = CaptureRequest(action=CaptureAction.CAPTURE_CLIP, seconds=60, past=False)
    finish = made.prepare(request)
    show(made, 0, 2)
    made.end_exam()
    show(made, 3, 9)
    assert finish().exam == exam
    assert (numbers(kept.acquisitions[0]), kept.acquisitions[0].connection_id) == ([0, 1, 2], exam)


def test_without_a_frame_or_a_probe_there_is_nothing_to_capture() -> None:
    """Refused, with the reason; nothing is made up."""
    made = capture(Kept())
    with pytest.raises(CaptureRefused, match="no frame"):
        made.capture_still()
    with pytest.raises(CaptureRefused, match="no frame"):
        made.capture_clip(1, past=True)
    show(made, 0, 1)
    made.lost()
    with pytest.raises(CaptureRefused, match="not connected"):
        made.capture_still()


def test_a_capture_that_is_not_durable_is_not_answered() -> None:
    """What the store refuses is raised to the caller."""

    def full(_: Acquisition) -> str:
        raise OutOfSpace("full")

    made = ManualCapture(ProbeIdentity(name="p"), CaptureSettings(), full)
    made.begin("c")
    show(made, 0, 0)
    with pytest.raises(OutOfSpace):
        made.capture_still()


def exam_capture(kept: Kept, *, beside_automatic: bool = False) -> ManualCapture:
    """Connected as `c`, with the exam E1 open and ten frames of it."""
    made = ManualCapture(
        ProbeIdentity(name="p"),
        CaptureSettings(mode=CaptureMode.MANUAL),
        kept,
        beside_automatic=beside_automatic,
        monotonic=lambda: 0.0,
    )
    made.begin("c")
    made.change_exam("E1")
    show(made, 0, 9)
    return made


def test_a_freeze_gives_stills_and_clips_of_the_past() -> None:
    """Whatever came meanwhile: the frame on the screen is the one that is stored."""
    kept = Kept()
    made = exam_capture(kept)
    frozen = made.freeze("E1")
    assert [frame.sequence for frame in frozen.frames] == list(range(10))
    show(made, 10, 1000)
    assert made.frozen_frame("E1", frozen.freeze, 4) is frozen.frames[4]
    still = CaptureRequest(
        action=CaptureAction.CAPTURE_STILL, sequence=4, freeze=frozen.freeze, exam_id="E1"
    )
    clip = CaptureRequest(
        action=CaptureAction.CAPTURE_CLIP,
        seconds=0.3,
        last_sequence=7,
        freeze=frozen.freeze,
        exam_id="E1",
    )
    made.prepare(still)()
    made.prepare(clip)()
    assert [numbers(acquisition) for acquisition in kept.acquisitions] == [[4], [4, 5, 6, 7]]


def test_a_clip_of_the_past_may_end_before_the_latest_frame() -> None:
    """Without a freeze too, as long as its last frame is kept."""
    kept = Kept()
    made = exam_capture(kept)
    request = CaptureRequest(action=CaptureAction.CAPTURE_CLIP, seconds=0.2, last_sequence=5)
    made.prepare(request)()
    assert numbers(kept.acquisitions[0]) == [3, 4, 5]


@pytest.mark.parametrize("over", ["unfreeze", "another exam", "end", "lost", "sender's exam"])
def test_a_freeze_is_over_with_what_it_shows(over: str) -> None:
    """No frame of one exam is stored in another, nor after the probe was gone."""
    made = exam_capture(Kept())
    freeze = made.freeze("E1").freeze
    match over:
        case "unfreeze":
            made.unfreeze("E1", freeze)
        case "another exam":
            made.change_exam("E2")
            made.change_exam("E1")
        case "end":
            made.change_exam("")
            made.change_exam("E1")
        case "lost":
            made.lost()
            made.begin("c2")
        case _:
            made.start_exam()
    request = CaptureRequest(action=CaptureAction.CAPTURE_STILL, freeze=freeze, exam_id="E1")
    with pytest.raises(CaptureRefused, match="freeze again"):
        made.prepare(request)
    with pytest.raises(CaptureRefused, match="freeze again"):
        made.frozen_frame("E1", freeze, 4)


def test_a_freeze_that_is_not_used_lets_go_of_its_frames() -> None:
    """By the next frame, without another freeze: a page that was closed keeps no memory."""
    clock = [0.0]
    made = ManualCapture(
        ProbeIdentity(name="p"),
        CaptureSettings(mode=CaptureMode.MANUAL),
        Kept(),
        monotonic=lambda: clock[0],
    )
    made.begin("c")
    made.change_exam("E1")
    show(made, 0, 2)
    kept = weakref.ref(made.freeze("E1").frames[0])
    clock[0] = UNUSED_S + 1
    show(made, 1000, 1000)
    assert kept() is None


def test_a_freeze_is_of_its_exam_alone() -> None:
    """Another exam neither uses nor ends it."""
    made = exam_capture(Kept())
    freeze = made.freeze("E1").freeze
    with pytest.raises(CaptureRefused, match="E2 is not open"):
        made.frozen_frame("E2", freeze, 4)
    with pytest.raises(CaptureRefused, match="E2 is not open"):
        made.freeze("E2")
    made.unfreeze("E2", freeze)
    assert made.frozen_frame("E1", freeze, 4).sequence == 4


def test_beside_automatic_clips_an_open_exam_has_captures_on_request() -> None:
    """Under a name of their own, for the automatic ones have the connection's."""
    kept = Kept()
    made = exam_capture(kept, beside_automatic=True)
    assert made.capture_still(9) == ("uid-1",)
    assert (kept.acquisitions[0].exam_id, kept.acquisitions[0].connection_id) == ("E1", "c-3")


def test_beside_automatic_clips_nothing_is_kept_without_an_exam() -> None:
    """No memory is spent on a probe without an exam."""
    made = exam_capture(Kept(), beside_automatic=True)
    made.change_exam("")
    show(made, 10, 19)
    with pytest.raises(CaptureRefused, match="no exam is open"):
        made.capture_still()
    made.change_exam("E2")
    with pytest.raises(CaptureRefused, match="no frame has come"):
        made.capture_still()


def test_a_number_names_one_frame_over_connections() -> None:
    """A frame that was seen before the probe connected again is not mistaken for another."""
    kept = Kept()
    made = exam_capture(kept)
    made.lost()
    made.begin("c2")
    made.take(replace(taken(4, 0.4), first_number=1000))
    with pytest.raises(CaptureRefused, match="frame 4 is not kept"):
        made.capture_still(4)
    made.capture_still(1004)
    assert numbers(kept.acquisitions[0]) == [4]
