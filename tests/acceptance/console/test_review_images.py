"""Images no probe of ours makes: oblong pixels, twelve bits, colour, no scale, a trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from echonode.errors import OperatorRefused
from echonode.web.archive import archive_routes
from echonode.web.page import page_routes
from echonode.web.prints import print_routes
from tests.acceptance.console.conftest import OpenPage
from tests.acceptance.console.scripted import status
from tests.acceptance.console.test_review import on_screen
from tests.integration.web.kept_images import (
    CINE,
    COLOUR,
    DEEP,
    DURATIONS_MS,
    PLAIN,
    PLATE,
    PLATE_MM,
    STILL,
    TRACE,
    kept_images,
    with_voi_lut,
)
from tests.peers.accessibility import accessibility_faults
from tests.peers.targets import focus_is_in_dialog, press_at, small_targets, tab_to
from tests.support.waiting import wait_until
from tests.unit.store.samples import put
from tests.unit.web.conftest import served

pytestmark = [pytest.mark.long, pytest.mark.peers, pytest.mark.timeout(120)]

# A pixel of the canvas in the middle of the viewer.
MIDDLE = """() => {
  const canvas = document.querySelector(".viewer canvas");
  const pen = canvas.getContext("2d");
  return [...pen.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data].slice(0, 3);
}"""


class Printers:
    """web.prints.PrintApi: one printer, and what was ordered at it."""

    def __init__(self) -> None:
        self.ordered: list[tuple[str, str, str, int]] = []

    def prints(self) -> Mapping[str, Any]:
        return {"printers": [{"name": "filmprinter", "ae_title": "IHEFULL"}], "jobs": []}

    def print_study(
        self, study: str, *, printer: str, layout: str, copies: int, by: str
    ) -> Mapping[str, Any]:
        if copies == 7:
            raise OperatorRefused(
                "nothing of it can be printed: it has no picture, or its exam has no patient yet"
            )
        self.ordered.append((study, printer, layout, copies))
        return {"id": 5, "printer": printer, "state": "waiting", "films": 2}

    def act(self, job_id: int, action: str) -> Mapping[str, Any]:
        raise AssertionError("the queue is on a screen of its own")


@dataclass(frozen=True)
class Site:
    """Where the console is, and what the API says of an image."""

    url: str
    review: Any
    printers: Printers

    def view(self, uid: str) -> Any:
        return self.review.instance(uid)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    async def now(_request: Request) -> Response:
        return JSONResponse(status())

    with (
        kept_images(tmp_path_factory.mktemp("kept")) as (store, review),
        served(
            [
                *page_routes(),
                Route("/api/status", now),
                *archive_routes(review),
                *print_routes(printers := Printers()),
            ]
        ) as browser,
    ):
        put(store, with_voi_lut(9))
        host, port = browser.server.address
        yield Site(f"http://{host}:{port}", review, printers)


def reviewed(visit: OpenPage, site: Site, uid: str) -> Page:
    page = visit(site.url).open(f"/review/{uid}")
    page.wait_for_selector(".viewer[data-frame]")
    return page


def tap(page: Page, *points: tuple[float, float]) -> None:
    for x, y in points:
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.up()


def test_oblong_pixels_are_shown_in_their_shape_and_measured_by_both_deltas(
    visit: OpenPage, site: Site
) -> None:
    """The plate's 40 mm along the rows, and 50 mm down the columns."""
    page = reviewed(visit, site, STILL)
    view = site.view(STILL)
    for ends, wanted in ((PLATE, PLATE_MM), (((100, 50), (100, 150)), 50.0)):
        page.get_by_role("button", name="Distance", exact=True).click()
        tap(page, *(on_screen(page, view, end) for end in ends))
        live = page.locator(".viewer-hint.values").inner_text()
        page.get_by_role("button", name="Keep").click()
        expect(page.get_by_role("button", name="Distance", exact=True)).to_be_visible()
        made = site.review.measurements(exam_id="", uid=STILL)[-1]
        assert made["results"][0]["value"] == pytest.approx(wanted, abs=0.5)
        assert live == f"{made['results'][0]['value']:.1f} mm"


@pytest.mark.parametrize(
    ("uid", "why"), [(PLAIN, "This image has no scale"), (TRACE, "This part shows time")]
)
def test_where_nothing_can_be_measured_it_says_why(
    visit: OpenPage, site: Site, uid: str, why: str
) -> None:
    """At the first point, and nothing can be kept."""
    page = reviewed(visit, site, uid)
    page.get_by_role("button", name="Distance", exact=True).click()
    tap(page, on_screen(page, site.view(uid), (100, 100)))
    expect(page.get_by_text(why)).to_be_visible()
    expect(page.get_by_role("button", name="Keep")).to_be_disabled()


def test_brightness_by_keys_and_by_hand(visit: OpenPage, site: Site) -> None:
    """Eight bits and colour here, at once; twelve bits by the node, which has all of them."""
    for uid in (STILL, COLOUR):
        page = reviewed(visit, site, uid)
        before = page.evaluate(MIDDLE)
        page.keyboard.press("b")
        for _ in range(10):
            page.keyboard.press("ArrowUp")
        after = page.evaluate(MIDDLE)
        assert after[0] > before[0], uid
        page.get_by_role("button", name="Reset view").click()
        assert page.evaluate(MIDDLE) == before
    page = reviewed(visit, site, DEEP)
    before = page.evaluate(MIDDLE)
    page.get_by_role("button", name="Brightness").click()
    box = page.locator(".viewer").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    with page.expect_response(lambda answer: "window_center" in answer.url):
        tap_and_drag(page, (x, y), (x, y - 100))
    page.wait_for_timeout(300)
    assert page.evaluate(MIDDLE)[0] > before[0]


def test_a_voi_lut_is_shown_until_brightness_is_changed(visit: OpenPage, site: Site) -> None:
    """The plate of 230 is 25 by the table; a window is of what is stored; reset shows the table."""
    page = reviewed(visit, site, "1.2.3.4.9")
    assert page.evaluate(MIDDLE)[0] == pytest.approx(25, abs=3)  # JPEG
    page.keyboard.press("b")
    with page.expect_response(lambda answer: "window_center" in answer.url):
        page.keyboard.press("ArrowRight")
    wait_until(lambda: page.evaluate(MIDDLE)[0] > 200, "it is windowed")
    with page.expect_response(lambda answer: answer.url.endswith("/frames/1")):
        page.get_by_role("button", name="Reset view").click()
    wait_until(lambda: page.evaluate(MIDDLE)[0] < 30, "it is shown by its table")


def tap_and_drag(page: Page, begin: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*begin)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def test_zoom_keeps_what_is_under_the_pointer(visit: OpenPage, site: Site) -> None:
    """A length measured far in is the same length."""
    page = reviewed(visit, site, STILL)
    view = site.view(STILL)
    middle = ((PLATE[0][0] + PLATE[1][0]) / 2, PLATE[0][1])
    x, y = on_screen(page, view, middle)
    page.mouse.move(x, y)
    for _ in range(3):
        page.mouse.wheel(0, -200)
    box = page.locator(".viewer").bounding_box()
    assert box is not None
    page.get_by_role("button", name="Distance", exact=True).click()
    tap(page, (x - 150, y), (x + 150, y))
    zoomed = float(page.locator(".viewer-hint.values").inner_text().split()[0])
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("button", name="Reset view").click()
    page.get_by_role("button", name="Distance", exact=True).click()
    tap(page, (x - 150, y), (x + 150, y))
    whole = float(page.locator(".viewer-hint.values").inner_text().split()[0])
    assert whole / zoomed == pytest.approx(2.46, rel=0.02)  # e to the power of 0.9


def test_a_cine_of_uneven_times_shows_its_own_times(visit: OpenPage, site: Site) -> None:
    """The time of each frame stands next to its number."""
    page = reviewed(visit, site, CINE)
    at = 0.0
    for frame, duration in enumerate(DURATIONS_MS, 1):
        words = page.locator(".cine-words")
        expect(words).to_contain_text(f"{frame} / {len(DURATIONS_MS)}")
        expect(words).to_contain_text(f"{at / 1000:.2f} / {sum(DURATIONS_MS) / 1000:.2f} s")
        at += duration
        page.keyboard.press("ArrowRight")


def test_without_codecs_a_video_is_recorded_and_without_both_it_says_so(
    visit: OpenPage, site: Site
) -> None:
    """A page without HTTPS has no WebCodecs; a very old browser has nothing."""
    for missing, words in (
        ("delete window.VideoEncoder;", "Recorded as it plays"),
        ("delete window.VideoEncoder; delete window.MediaRecorder;", "makes no video"),
    ):
        opened = visit(site.url)
        opened.page.add_init_script(missing)
        page = opened.open(f"/review/{CINE}")
        page.wait_for_selector(".viewer[data-frame]")
        page.get_by_role("button", name="Download").click()
        expect(page.get_by_text(words)).to_be_visible()
        video = page.get_by_role("button", name="Download: MP4 video")
        if "MediaRecorder" in missing:
            expect(video).to_be_disabled()
            continue
        with page.expect_download() as coming:
            video.click()
        assert coming.value.suggested_filename.startswith(f"US-{CINE}.")


def test_a_viewer_looks_and_changes_nothing(visit: OpenPage, site: Site) -> None:
    """No tool is offered whose result the node would refuse."""
    opened = visit(site.url)
    session = {"users": True, "user": {"name": "eve", "role": "viewer"}, "csrf": "x"}
    opened.page.route("**/api/session", lambda route: route.fulfill(json=session))
    page = opened.open(f"/review/{STILL}")
    page.wait_for_selector(".viewer[data-frame]")
    expect(page.get_by_role("button", name="Brightness")).to_be_visible()
    expect(page.get_by_role("button", name="Ellipse", exact=True)).to_have_count(0)
    page.keyboard.press("m")
    expect(page.get_by_role("button", name="Keep")).to_have_count(0)


def test_an_empty_archive_says_what_comes_here(visit: OpenPage, site: Site) -> None:
    """Not a blank page."""
    opened = visit(site.url)
    opened.page.route(
        "**/api/studies/search", lambda route: route.fulfill(json={"studies": [], "next": ""})
    )
    page = opened.open("/archive")
    expect(page.get_by_role("heading", name="No images yet")).to_be_visible()


def test_the_study_is_printed_from_its_review(visit: OpenPage, site: Site) -> None:
    """Printer, layout and copies; the page shows a refusal, and an order leads to the queue."""
    page = reviewed(visit, site, STILL)
    page.get_by_role("button", name="Print", exact=True).click()
    dialog = page.get_by_role("dialog", name="Print the study")
    expect(dialog.locator("#print-printer")).to_have_value("filmprinter")
    dialog.get_by_role("radio", name="2x3").check()
    copies, order = dialog.locator("#print-copies"), dialog.get_by_role("button", name="Print")
    copies.fill("11")
    expect(order).to_be_disabled()
    copies.fill("7")
    order.click()
    expect(dialog.get_by_text("Nothing of it can be printed")).to_be_visible()
    copies.fill("2")
    order.click()
    expect(dialog.get_by_text("Job 5 is ordered at filmprinter")).to_be_visible()
    assert site.printers.ordered == [("1.2.3.1", "filmprinter", "2x3", 2)]
    assert accessibility_faults(page) == []
    dialog.get_by_role("link", name="Open the queue").click()
    expect(page.locator("main h1")).to_have_text("Printing")


def test_the_study_is_printed_by_the_keyboard_alone(visit: OpenPage, site: Site) -> None:
    """Printer, layout and copies by keys; the focus stays in the dialog and comes back from it."""
    page = reviewed(visit, site, STILL)
    press_at(page, "Print")
    assert focus_is_in_dialog(page)
    expect(page.locator("#print-printer")).to_have_value("filmprinter")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Print", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#print-printer")).to_have_value("filmprinter")
    assert small_targets(page) == []
    tab_to(page, "Printer")
    tab_to(page, "2x2")  # of a choice, Tab goes to what is chosen and the arrows choose
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="2x3")).to_be_checked()
    tab_to(page, "Copies")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("3")
    ordered = len(site.printers.ordered)
    press_at(page, "Print")
    expect(page.get_by_text("Job 5 is ordered at filmprinter")).to_be_visible()
    assert site.printers.ordered[ordered:] == [("1.2.3.1", "filmprinter", "2x3", 3)]
    press_at(page, "Open the queue")
    expect(page.locator("main h1")).to_have_text("Printing")
