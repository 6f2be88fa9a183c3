"""Where a clip begins and where it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from echonode.frames.capture.acquisition import AcquisitionBuilder
from echonode.frames.frame import Acquisition, Frame, ProbeIdentity
from echonode.frames.settings import CaptureSettings
from tests.unit.frames.pictures import ANY, frame

PROBE = ProbeIdentity(name="handheld")
DEEPER = replace(ANY, physical_delta_y_cm=0.04)


def builder(**settings: float) -> AcquisitionBuilder:
    return AcquisitionBuilder(
        probe=PROBE,
        connection_id="handheld-1",
        settings=CaptureSettings(**settings),  # type: ignore[arg-type]
    )


def clips(frames: list[Frame], **settings: float) -> list[Acquisition]:
    """All acquisitions of frames in a row, the last one closed by the end of the connection."""
    clip = builder(**settings)
    return [done for one in frames for done in clip.take(one)] + clip.flush()


def at(*times: float) -> list[Frame]:
    return [frame(sequence, elapsed_s) for sequence, elapsed_s in enumerate(times)]


@pytest.mark.parametrize(
    ("frames", "lengths"),
    [
        (at(), []),
        (at(0.1), [1]),
        (at(0.1, 0.2, 0.3), [3]),
        (at(0.1, 0.2, 1.19, 2.18), [4]),
        (at(0.1, 0.2, 1.2, 1.3), [2, 2]),
        (at(0.0, 0.9, 1.8, 2.7, 3.6, 4.5, 5.4), [6, 1]),
        ([frame(0, 0.0), frame(1, 0.1, side=8), frame(2, 0.2, side=8)], [1, 2]),
        ([frame(0, 0.0), frame(1, 0.1, calibration=DEEPER), frame(2, 0.2)], [1, 1, 1]),
        ([frame(0, 0.0), frame(1, 0.1, calibration=None)], [1, 1]),
    ],
    ids=["none", "one", "together", "slow", "gap", "long", "size", "depth", "uncalibrated"],
)
def test_frames_fall_into_clips(frames: list[Frame], lengths: list[int]) -> None:
    """Gap 1 s, longest clip 5 s; every frame is in exactly one clip, in order."""
    made = clips(frames, gap_s=1.0, max_clip_s=5.0)
    assert [len(clip.frames) for clip in made] == lengths
    assert [one for clip in made for one in clip.frames] == frames


def test_a_clip_does_not_wait_for_the_next_frame_to_end() -> None:
    """Once the gap is over the clip is handed over by the clock alone, and once."""
    clip = builder(gap_s=1.0)
    assert clip.due_s is None
    clip.take(frame(0, 4.0))
    assert clip.due_s == 5.0
    assert clip.tick(4.99) == []
    (done,) = clip.tick(5.0)
    assert len(done.frames) == 1
    assert clip.tick(9.0) == []
    assert clip.flush() == []


def test_frames_that_were_passed_over_are_not_lost() -> None:
    """While only captures on request are wanted; what is lost after them still counts."""
    clip = builder()
    for one in at(0.0, 0.1, 0.2):
        clip.pass_over(one)
    clip.take(frame(4, 0.4))
    (done,) = clip.flush()
    assert (len(done.frames), done.dropped) == (1, 1)


def test_a_clip_is_bounded_in_memory() -> None:
    """Frames of 16 bytes, 50 bytes at most: three to a clip, none lost."""
    made = clips(at(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6), max_clip_bytes=50)
    assert [len(clip.frames) for clip in made] == [3, 3, 1]


def test_a_frame_larger_than_the_bound_is_still_taken() -> None:
    """One frame is the least an acquisition has."""
    assert [len(clip.frames) for clip in clips(at(0.0, 0.1), max_clip_bytes=1)] == [1, 1]


def test_acquisitions_of_a_connection_are_numbered_from_1() -> None:
    """Probe, connection and number identify it permanently."""
    made = clips(at(0.0, 2.0, 4.0))
    assert [(c.probe, c.connection_id, c.number) for c in made] == [
        (PROBE, "handheld-1", number) for number in (1, 2, 3)
    ]


def test_lost_frames_are_counted_where_they_are_missing() -> None:
    """Gaps in the sequence, inside a clip or before it, and each frame lost is counted once."""
    frames = [frame(2, 0.0), frame(3, 0.1), frame(6, 0.2), frame(9, 2.0), frame(10, 2.1)]
    assert [clip.dropped for clip in clips(frames)] == [2 + 2, 2]


def test_partial_frames_are_counted() -> None:
    """A clip says how many of its frames lack lines."""
    frames = [frame(0, 0.0), frame(1, 0.1, missing_lines=3), frame(2, 0.2, missing_lines=1)]
    assert [clip.partial for clip in clips(frames)] == [2]


@pytest.mark.parametrize("wrong", [{"gap_s": 0}, {"max_clip_s": -1}, {"max_clip_bytes": 0}])
def test_settings_without_an_end_are_refused(wrong: dict[str, float]) -> None:
    """A clip must be able to end."""
    with pytest.raises(ValueError):
        CaptureSettings(**wrong)  # type: ignore[arg-type]
