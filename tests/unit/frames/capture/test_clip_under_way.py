"""A clip that begins now has its seconds; frames are found by their numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from echonode.errors import CaptureRefused
from echonode.frames.capture.clip_under_way import ClipUnderWay, numbered, pieces
from echonode.frames.settings import CaptureSettings
from tests.unit.frames.igtl_messages import taken


def test_a_clip_is_over_when_its_seconds_or_its_bytes_are() -> None:
    """The frame that would be too much is not in it, and none after it."""
    short = ClipUnderWay(exam="c", seconds=0.2, settings=CaptureSettings())
    small = ClipUnderWay(exam="c", seconds=9, settings=CaptureSettings(max_clip_bytes=40))
    for number in range(6):
        for clip in (short, small):
            clip.take(taken(number, number / 10))
    assert [frame.sequence for frame in short.frames] == [0, 1, 2]
    assert [frame.sequence for frame in small.frames] == [0, 1]
    assert short.over
    assert small.over


def test_a_frame_is_found_by_its_number() -> None:
    """Which counts the connections before; another number is refused."""
    frames = [replace(taken(number, 0.0), first_number=100) for number in range(3)]
    assert numbered(frames, 101) is frames[1]
    with pytest.raises(CaptureRefused, match="frame 1 is not kept"):
        numbered(frames, 1)


def test_a_change_of_size_begins_another_piece() -> None:
    """No frame is lost between two."""
    frames = [taken(0, 0.0), taken(1, 0.1, side=8), taken(2, 0.2, side=8)]
    assert [len(piece) for piece in pieces(frames)] == [1, 2]
    assert list(pieces([])) == []
