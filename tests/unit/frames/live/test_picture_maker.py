"""Pictures are made once, of the newest frame, while a viewer watches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from echonode.frames.frame import Frame
from echonode.frames.live import picture_maker
from echonode.frames.live.jpeg import jpeg_of
from echonode.frames.live.picture_maker import PictureMaker
from echonode.model.live_picture import LivePicture
from tests.support.waiting import wait_until
from tests.unit.frames.igtl_messages import taken


@pytest.fixture
def maker() -> Iterator[PictureMaker]:
    made = PictureMaker("hand")
    made.start()
    yield made
    assert made.stop(10)


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the frames that a JPEG was made of."""
    numbers: list[int] = []

    def remember(frame: Frame) -> bytes:
        numbers.append(frame.number)
        return jpeg_of(frame)

    monkeypatch.setattr(picture_maker, "jpeg_of", remember)
    return numbers


def show(maker: PictureMaker, number: int) -> None:
    maker.show(taken(number, number / 10, side=16))


def test_all_watchers_get_the_same_picture_and_it_is_made_once(
    maker: PictureMaker, encoded: list[int]
) -> None:
    """Three viewers cost one JPEG."""
    seen: list[list[LivePicture]] = [[], [], []]
    for pictures in seen:
        maker.watch(pictures.append)
    show(maker, 1)
    wait_until(lambda: all(seen), "a picture for each")
    assert encoded == [1]
    assert seen[0][0] is seen[1][0] is seen[2][0]


def test_no_picture_is_made_while_none_watches(maker: PictureMaker, encoded: list[int]) -> None:
    """Nor after the last has gone; who comes then begins with the frame that is there."""
    show(maker, 1)
    seen: list[int] = []
    end = maker.watch(lambda picture: seen.append(picture.number))
    wait_until(lambda: seen == [1], "the frame that is there")
    end()
    show(maker, 2)
    show(maker, 3)
    maker.watch(lambda picture: seen.append(picture.number))
    wait_until(lambda: seen == [1, 3], "the newest")
    assert encoded == [1, 3]


def test_a_second_viewer_gets_the_picture_that_is_there(
    maker: PictureMaker, encoded: list[int]
) -> None:
    """Of a probe that stands still; it is not made again."""
    show(maker, 1)
    first: list[int] = []
    second: list[int] = []
    maker.watch(lambda picture: first.append(picture.number))
    wait_until(lambda: first == [1], "the first")
    maker.watch(lambda picture: second.append(picture.number))
    wait_until(lambda: second == [1], "the second")
    assert (first, encoded) == ([1], [1])


def test_what_comes_while_a_picture_is_made_is_skipped_and_counted(maker: PictureMaker) -> None:
    """Only the newest is worth making; the frames thread waits for none of it."""
    may_go_on, began = threading.Event(), threading.Event()
    seen: list[int] = []

    def slow(picture: LivePicture) -> None:
        seen.append(picture.number)
        began.set()
        assert may_go_on.wait(20)

    maker.watch(slow)
    show(maker, 1)
    assert began.wait(20)
    for number in range(2, 10):
        show(maker, number)  # returns, though the maker is busy
    may_go_on.set()
    wait_until(lambda: len(seen) == 2, "the newest")
    assert seen == [1, 9]
    assert maker.skipped == 7


def test_a_probe_that_is_gone_shows_nothing_to_who_comes(
    maker: PictureMaker, encoded: list[int]
) -> None:
    """An old picture must not look like a live one."""
    show(maker, 1)
    maker.clear()
    seen: list[int] = []
    maker.watch(lambda picture: seen.append(picture.number))
    show(maker, 2)
    wait_until(lambda: seen == [2], "the new one")
    assert encoded == [2]


def test_a_picture_that_cannot_be_made_stops_no_other(
    maker: PictureMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault with one frame is logged; the next frame is shown."""
    failed = threading.Event()

    def fail_once(frame: Frame) -> bytes:
        if not failed.is_set():
            failed.set()
            raise ValueError("no picture")
        return jpeg_of(frame)

    monkeypatch.setattr(picture_maker, "jpeg_of", fail_once)
    seen: list[int] = []
    maker.watch(lambda picture: seen.append(picture.number))
    show(maker, 1)
    assert failed.wait(20)
    show(maker, 2)
    wait_until(lambda: seen == [2], "the next")


def test_the_rate_is_that_of_the_frames(maker: PictureMaker) -> None:
    """By the moments at which they came."""
    moments = iter(number / 25 for number in range(1000))
    timed = PictureMaker("hand", monotonic=lambda: next(moments))
    for number in range(20):
        timed.show(replace(taken(number, 0.0), first_number=100))
    assert timed.frames_per_s == pytest.approx(25)
