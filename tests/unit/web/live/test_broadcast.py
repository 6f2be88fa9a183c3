"""One probe's pictures go to all its viewers; each at its own pace."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from echonode.model.live_picture import LivePicture, LiveState
from echonode.web.live import broadcast as module
from echonode.web.live.broadcast import Broadcast, Viewer
from echonode.web.live.messages import Pointer
from tests.unit.web.live.pictures import GEOMETRY, picture


class Pictures:
    """A probe whose pictures the test sends."""

    def __init__(self) -> None:
        self.take: Callable[[LivePicture], None] | None = None
        self.watched = 0
        self.now = LiveState(connected=True, frames_per_s=20.0)

    def state(self, probe: str) -> LiveState:
        return self.now

    def unmade(self, probe: str) -> int:
        return 0

    def watch(self, probe: str, take: Callable[[LivePicture], None]) -> Callable[[], None]:
        self.watched += 1
        self.take = take

        def end() -> None:
            self.take = None

        return end

    def send(self, number: int, **more: object) -> None:
        """From another thread, as the picture maker does."""
        assert self.take is not None
        one = replace(picture(number), **more)  # type: ignore[arg-type]
        thread = threading.Thread(target=self.take, args=(one,))
        thread.start()
        thread.join()


def run(test: Callable[[Pictures, Broadcast], object]) -> None:
    async def main() -> None:
        pictures = Pictures()
        await test(pictures, Broadcast("hand", pictures))  # type: ignore[misc]

    asyncio.run(main())


def numbers(messages: list[str | bytes]) -> list[int]:
    return [int.from_bytes(each[:8], "big") for each in messages if isinstance(each, bytes)]


async def turn() -> None:
    """Let the loop do what is due."""
    for _ in range(3):
        await asyncio.sleep(0)


def test_every_viewer_gets_the_newest_picture() -> None:
    """However many came while the loop was busy."""

    async def test(pictures: Pictures, broadcast: Broadcast) -> None:
        viewers = [Viewer(address="a") for _ in range(3)]
        for viewer in viewers:
            broadcast.enter(viewer)
        for number in range(5):
            pictures.send(number)
        await turn()
        assert [numbers(viewer.messages(broadcast)) for viewer in viewers] == [[4]] * 3

    run(test)


def test_the_probe_is_watched_while_a_viewer_is_there() -> None:
    """From the first to the last, once."""

    async def test(pictures: Pictures, broadcast: Broadcast) -> None:
        one, two = Viewer(address="a"), Viewer(address="a")
        broadcast.enter(one)
        broadcast.enter(two)
        broadcast.leave(one)
        assert pictures.take is not None
        broadcast.leave(two)
        assert pictures.take is None
        broadcast.enter(one)
        assert pictures.watched == 2
        broadcast.leave(one)
        broadcast.leave(one)

    run(test)


def test_a_second_viewer_begins_with_the_picture_that_is_there() -> None:
    """A frozen probe sends no other."""

    async def test(pictures: Pictures, broadcast: Broadcast) -> None:
        broadcast.enter(Viewer(address="a"))
        pictures.send(7)
        await turn()
        late = Viewer(address="a")
        broadcast.enter(late)
        assert numbers(late.messages(broadcast)) == [7]

    run(test)


def test_geometry_comes_before_the_first_picture_that_has_it() -> None:
    """And again when it changes, under another id."""

    async def test(pictures: Pictures, broadcast: Broadcast) -> None:
        viewer = Viewer(address="a")
        broadcast.enter(viewer)
        viewer.messages(broadcast)
        seen: list[list[int]] = []
        for number, width in ((1, 640), (2, 640), (3, 320)):
            pictures.send(number, geometry=replace(GEOMETRY, width=width))
            await turn()
            viewer.give(1)
            texts = [each for each in viewer.messages(broadcast) if isinstance(each, str)]
            told = [json.loads(text) for text in texts]
            seen.append([each["id"] for each in told if each["type"] == "geometry"])
        assert seen == [[1], [], [2]]

    run(test)


def test_a_viewer_that_is_behind_is_known_to_be_so() -> None:
    """From the picture that it had no credit for, until it gives some."""

    async def test(pictures: Pictures, broadcast: Broadcast) -> None:
        viewer = Viewer(address="a")
        broadcast.enter(viewer)
        for number in range(4):
            assert (viewer.behind_since_s is not None) == (number > 2)
            pictures.send(number)
            await turn()
            viewer.messages(broadcast)
        viewer.give(1)
        assert viewer.behind_since_s is None
        broadcast.leave(viewer)
        assert broadcast.skipped == 1

    run(test)


def test_the_state_is_told_at_once_and_when_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pointer too; without a change once a second."""
    monkeypatch.setattr(module, "STATE_LOOK_S", 0.001)

    async def test(pictures: Pictures, broadcast: Broadcast) -> None:
        viewer = Viewer(address="a")
        broadcast.enter(viewer)

        async def told() -> dict[str, object]:
            while not viewer.state:
                await asyncio.sleep(0.001)
            (message,) = viewer.messages(broadcast)
            found: dict[str, object] = json.loads(message)
            return found

        assert (await told())["connected"] is True
        pictures.now = LiveState(connected=False, frames_per_s=0)
        while (await told())["connected"]:
            pass
        broadcast.point(Pointer(x=0.5, y=0.5))
        while (await told())["pointer"] is None:
            pass
        broadcast.leave(viewer)

    run(test)
