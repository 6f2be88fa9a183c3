"""The camera reads a wristband where the browser has BarcodeDetector; elsewhere typing does.

Debian's Chromium has no BarcodeDetector on Linux. Its camera is real to the page (a fake device of
Chromium's own); the detector is the test's, with the interface of the Shape Detection API.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from echonode.web.page import page_routes
from tests.acceptance.console.scripted import ScriptedNode, item, status, worklist
from tests.peers.accessibility import accessibility_faults
from tests.peers.console_page import Visit, browser, visit
from tests.peers.fixtures import require_program
from tests.support.waiting import wait_until
from tests.unit.web.conftest import served

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
WANTED = item(2, "Okafor^Chidi")
# Sees nothing twice, then a code with the blanks that some readers add. It looks at moving pictures
# only; `seen` counts them, and `opened` has the camera's streams.
DETECTOR = """
globalThis.seen = 0;
globalThis.opened = [];
globalThis.BarcodeDetector = class {
  async detect(video) {
    if (!(video instanceof HTMLVideoElement) || !video.videoWidth || video.paused) return [];
    seen += 1;
    return seen < 3 ? [] : [{ rawValue: " CODE\\n", format: "code_128" }];
  }
};
const camera = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await camera(wanted);
  opened.push(stream);
  return stream;
};
"""
REFUSING = """
globalThis.BarcodeDetector = class {};
navigator.mediaDevices.getUserMedia = () =>
  Promise.reject(new DOMException("Permission denied", "NotAllowedError"));
"""
IS_OFF = (
    "opened.length > 0 && opened.every((s) => s.getTracks().every((t) => t.readyState === 'ended'))"
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    require_program("chromium")
    with browser(*CAMERA) as started:
        yield started


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(page_routes()) as server:
        host, port = server.server.address
        yield f"http://{host}:{port}"


@pytest.fixture
def person(chromium: Browser, address: str) -> Iterator[Visit]:
    with visit(chromium, address) as made:
        yield made
        assert (made.faults, made.elsewhere) == ([], [])


def opened(person: Visit, script: str) -> Page:
    answers = {"status": status(), "worklist": worklist(WANTED), "exams": [], "session": {}}
    ScriptedNode(answers=answers).serve(person.page)
    person.page.add_init_script(script)
    page = person.open("/exams")
    expect(page.get_by_text("OKAFOR, Chidi")).to_be_visible()
    return page


def test_without_a_detector_there_is_no_button_and_typing_works(person: Visit) -> None:
    """A reader that types as a keyboard does: the number, then Enter."""
    page = opened(person, "delete globalThis.BarcodeDetector;")
    expect(page.get_by_role("button", name="Scan a barcode")).to_have_count(0)
    page.locator("#search").focus()
    page.keyboard.type(WANTED["accession_number"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("OKAFOR, Chidi")


def test_the_camera_reads_a_code_and_is_switched_off(person: Visit) -> None:
    """Looked for in moving pictures until it is seen; then the patient is asked about."""
    page = opened(person, DETECTOR.replace("CODE", WANTED["accession_number"]))
    page.get_by_role("button", name="Scan a barcode").click()
    expect(page.get_by_role("dialog")).to_contain_text("OKAFOR, Chidi")
    assert page.evaluate("seen") == 3
    wait_until(lambda: page.evaluate(IS_OFF), "the camera is off")


def test_a_closed_dialog_switches_the_camera_off(person: Visit) -> None:
    """Before anything was seen; nothing looks any longer."""
    page = opened(person, DETECTOR.replace("seen < 3", "seen < 1e9"))
    page.get_by_role("button", name="Scan a barcode").click()
    wait_until(lambda: page.evaluate("seen > 1"), "the camera is looked at")
    assert accessibility_faults(page) == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    wait_until(lambda: page.evaluate(IS_OFF), "the camera is off")


def test_a_camera_that_is_refused_is_said_so(person: Visit) -> None:
    """In the dialog, with the browser's reason; typing is still there."""
    page = opened(person, REFUSING)
    page.get_by_role("button", name="Scan a barcode").click()
    expect(page.get_by_role("dialog")).to_contain_text("Permission denied")
    page.keyboard.press("Escape")
    expect(page.locator("#search")).to_be_enabled()
