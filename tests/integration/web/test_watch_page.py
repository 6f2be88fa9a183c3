"""The watch page in a real browser: the picture without a log-in, and a pointer that comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.integration.web.live_room import Room, live_room
from tests.peers.accessibility import accessibility_faults
from tests.peers.console_page import SIZES, Visit, browser, visit
from tests.peers.fixtures import require_program
from tests.peers.live_viewer import LiveViewer

pytestmark = [pytest.mark.peers, pytest.mark.timeout(200)]

PICTURE = ".watch-stage canvas"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    require_program("chromium")
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with live_room(20.0) as opened:
        yield opened


def watching(visited: Visit, room: Room) -> Page:
    """The page of a new link, once it shows a picture."""
    made = room.client.post("/api/probes/handheld/watch", minutes=5)
    page = visited.open(made["path"].removeprefix("/#"))
    expect(page.locator(f"{PICTURE}[data-sequence]")).to_be_visible(timeout=30_000)
    return page


def pointer_of(operator: LiveViewer, *, wanted: bool) -> dict[str, float] | None:
    """Where the operator sees the pointer, once there is one, or none any more."""
    while (operator.next_state()["pointer"] is not None) != wanted:
        pass
    found: dict[str, float] | None = operator.states[-1]["pointer"]
    return found


def test_a_second_person_watches_and_points(chromium: Browser, room: Room) -> None:
    """By mouse or finger while it is held, and by keys until Escape; then the link is ended."""
    address = f"http://127.0.0.1:{room.client.port}"
    with visit(chromium, address, size="tablet") as visited, room.viewer() as operator:
        page = watching(visited, room)
        assert visited.cut() == []
        box = page.locator(PICTURE).bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.5)
        page.mouse.down()
        shown = pointer_of(operator, wanted=True)
        assert shown is not None
        assert shown["x"] == pytest.approx(0.25, abs=0.01)
        assert shown["y"] == pytest.approx(0.5, abs=0.01)
        page.mouse.up()
        assert pointer_of(operator, wanted=False) is None
        page.locator(".watch-stage .stage-picture").focus()
        page.keyboard.press("ArrowRight")
        by_keys = pointer_of(operator, wanted=True)
        assert by_keys == {"x": pytest.approx(0.52), "y": pytest.approx(0.5)}
        page.keyboard.press("Escape")
        assert pointer_of(operator, wanted=False) is None
        room.client.delete("/api/probes/handheld/watch")
        expect(page.get_by_text("The link is over", exact=True)).to_be_visible(timeout=30_000)
        expect(page.locator(PICTURE)).to_be_hidden()
        assert visited.faults == []
        assert visited.elsewhere == []


@pytest.mark.parametrize("size", sorted(SIZES))
def test_the_picture_fits_each_screen(chromium: Browser, room: Room, size: str) -> None:
    """Nothing is cut, the whole picture is seen, and no rule of WCAG 2.2 AA is broken."""
    address = f"http://127.0.0.1:{room.client.port}"
    with visit(
        chromium, address, size=size, theme="light" if size == "desk" else "dark"
    ) as visited:
        page = watching(visited, room)
        box = page.locator(PICTURE).bounding_box()
        assert box is not None
        width, height = SIZES[size]
        assert visited.cut() == []
        assert accessibility_faults(page) == []
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
    room.client.delete("/api/probes/handheld/watch")
