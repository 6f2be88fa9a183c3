"""Each frame gets the transforms that were true when it was taken."""

from __future__ import annotations

from echonode.frames.streams.transform_track import (
    KEPT_OF_EACH,
    NEAR_S,
    UNTIMED_FRAMES,
    TransformTrack,
)
from echonode.probe.openigtlink.tracked_fields import (
    TRANSFORMS_A_FRAME,
    Matrix,
    decode_transform,
    encode_transform,
    timestamp_of,
    transforms_of,
)


def at(x: float) -> Matrix:
    return (1.0, 0.0, 0.0, x, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def test_the_nearest_in_time_is_taken() -> None:
    """Of each device, by the sender's clock, before or after the frame."""
    track = TransformTrack()
    for second in (1.0, 2.0, 2.3, 3.0):
        track.take("ProbeToTracker", second, at(second))
    track.take("StylusToTracker", 2.25, at(9.0))
    near = track.at(2.2)
    assert near == {"ProbeToTracker": at(2.3), "StylusToTracker": at(9.0)}
    assert track.at(1.1)["ProbeToTracker"] == at(1.0)


def test_a_position_of_another_moment_is_no_position() -> None:
    """The tracker lost the probe, and sends nothing: its last word is not the frame's."""
    track = TransformTrack()
    track.take("ProbeToTracker", 5.0, at(5.0))
    assert track.at(5.0 + NEAR_S - 0.001)
    assert track.at(5.0 + NEAR_S + 0.001) == {}
    assert track.at(5.0 - NEAR_S - 0.001) == {}


def test_without_times_a_position_holds_for_a_few_frames() -> None:
    """Until another comes; then for as many again."""
    track = TransformTrack()
    for number in (1, 2):
        track.take("ProbeToTracker", None, at(number))
        held = [track.at(None) for _ in range(UNTIMED_FRAMES + 3)]
        assert held == [{"ProbeToTracker": at(number)}] * UNTIMED_FRAMES + [{}] * 3


def test_without_times_the_last_counts() -> None:
    """A sender that stamps nothing sends transform and image together."""
    track = TransformTrack()
    track.take("ProbeToTracker", None, at(1))
    track.take("ProbeToTracker", None, at(2))
    assert track.at(None) == track.at(5.0) == {"ProbeToTracker": at(2)}


def test_memory_is_bounded() -> None:
    """So many devices, and so many of each, however many names a sender invents."""
    track = TransformTrack()
    for number in range(10_000):
        taken = track.take(f"device-{number}", float(number), at(number))
        assert taken == (number < TRANSFORMS_A_FRAME)
    for number in range(100):
        track.take("device-0", 1000.0 + number, at(number))
    assert len(track.at(None)) == TRANSFORMS_A_FRAME
    assert track.at(1100.0 - KEPT_OF_EACH)["device-0"] == at(100 - KEPT_OF_EACH)
    assert "device-0" not in track.at(1000.0)


def test_a_transform_message_survives_both_ways() -> None:
    """Twelve numbers, column by column, and a last row that is not sent."""
    matrix = (*map(float, range(12)), 0.0, 0.0, 0.0, 1.0)
    assert decode_transform(encode_transform(matrix)) == matrix


def test_transforms_that_are_not_valid_are_marked() -> None:
    """Bad status, too few numbers, what is not a number: the name is there, and no matrix."""
    good = " ".join(map(str, at(3)))
    fields = {
        "ProbeToTrackerTransform": good,
        "AToBTransform": good,
        "AToBTransformStatus": "MISSING",
        "CToDTransform": "1 2 3",
        "EToFTransform": good.replace("3", "nan"),
        "Depth": "50",
        "Timestamp": "12.25",
    }
    invalid = {"AToB": None, "CToD": None, "EToF": None}
    assert transforms_of(fields) == {"ProbeToTracker": at(3)} | invalid
    assert timestamp_of(fields) == 12.25
    assert timestamp_of({"Timestamp": "inf"}) is timestamp_of({"Timestamp": "x"}) is None
