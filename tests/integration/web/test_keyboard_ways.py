"""Each way through the screens of an administrator by the keyboard alone, and by a finger's size.

No test here presses with a mouse or names an element to act on it: Tab, letters, Enter, Space and
Escape alone. Each stop of Tab must show that it has the focus, and lie on the screen.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.integration.web.test_administration_pages import Administered, administered, job
from tests.peers.accessibility import accessibility_faults
from tests.peers.console_page import SIZES, browser, visit
from tests.peers.fixtures import require_program
from tests.peers.targets import focus_is_in_dialog, press_at, small_targets, tab_to

pytestmark = [pytest.mark.peers, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    require_program("chromium")
    with browser() as started:
        yield started


def test_the_trail_is_searched_exported_and_verified_by_keys(chromium: Browser) -> None:
    """From the filters to the older records, the file and the verdict."""
    node = Administered()
    with administered(node) as address, visit(chromium, address) as person:
        page = person.open("/audit")
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(100)
        tab_to(page, "User or AE title")
        page.keyboard.type("ada")
        tab_to(page, "Kind")
        page.keyboard.press("q")  # a list goes to what begins so
        press_at(page, "Search")
        expect(rows).to_have_count(100)
        wanted, _ = node.looked_for[-1]
        assert (wanted.user, wanted.kind) == ("ada", "query")
        press_at(page, "Show older records")
        expect(rows).to_have_count(150)
        tab_to(page, "Export what is found")
        with page.expect_download() as coming:
            page.keyboard.press("Space")
        assert coming.value.suggested_filename == "audit.jsonl"
        press_at(page, "Verify the chain")
        expect(page.get_by_text("1204 records are whole, to number 1204")).to_be_visible()
        press_at(page, "Clear")
        expect(page.locator("#audit-user")).to_have_value("")
        assert accessibility_faults(page) == []
        assert (person.faults, person.elsewhere) == ([], [])


def test_a_patient_is_exported_and_erased_by_keys(chromium: Browser) -> None:
    """The question keeps the focus in it; Escape leaves everything and brings the focus back."""
    node = Administered()
    with administered(node) as address, visit(chromium, address) as person:
        page = person.open("/patients")
        tab_to(page, "Patient ID")
        page.keyboard.type("4711\n")
        expect(page.get_by_text("DOE, Jane")).to_be_visible()
        tab_to(page, "Export")
        with page.expect_download() as coming:
            page.keyboard.press("Enter")
        assert coming.value.suggested_filename == "patient.zip"
        press_at(page, "Erase")
        assert focus_is_in_dialog(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_role("button", name="Erase", exact=True)).to_be_focused()
        page.keyboard.press("Enter")
        assert focus_is_in_dialog(page)
        for _ in range(12):  # Tab does not leave the question
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement === document.body") or focus_is_in_dialog(
                page
            )
        tab_to(page, "Type the Patient ID to confirm")
        page.keyboard.type("4711")
        assert accessibility_faults(page) == []
        press_at(page, "Erase")
        expect(page.locator("main").get_by_text("Erasure 3 is done")).to_be_visible()
        assert node.patients.erased_by == ["4711"]
        assert (person.faults, person.elsewhere) == ([], [])


def test_the_queue_of_prints_is_acted_on_by_keys(chromium: Browser) -> None:
    """Tried again, and cancelled after its question."""
    node = Administered()
    with administered(node) as address, visit(chromium, address) as person:
        page = person.open("/prints")
        expect(page.locator("tbody tr")).to_have_count(len(node.jobs))
        press_at(page, "Try again: job 4")
        expect(page.locator("tbody tr").first).to_contain_text("Waiting")
        press_at(page, "Cancel: job 3")
        assert focus_is_in_dialog(page)
        page.keyboard.press("Enter")  # the first choice keeps the job
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert ("cancel", 3) not in node.asked
        expect(page.get_by_role("button", name="Cancel: job 3")).to_be_focused()
        page.keyboard.press("Enter")
        press_at(page, "Cancel")
        expect(page.get_by_text("There is no print job 3")).to_be_visible()
        assert ("cancel", 3) in node.asked
        assert (person.faults, person.elsewhere) == ([], [])


@pytest.mark.parametrize("size", SIZES)
def test_a_finger_hits_every_control(chromium: Browser, size: str) -> None:
    """44 x 44 CSS pixels on each screen and in each question, on a desk, a tablet and a phone."""
    node = Administered()
    with administered(node) as address, visit(chromium, address, size=size) as person:
        page = person.open("/audit")
        expect(page.locator("tbody tr")).to_have_count(100)
        assert small_targets(page) == []
        page = person.open("/patients")
        tab_to(page, "Patient ID")
        page.keyboard.type("4711\n")
        expect(page.get_by_text("DOE, Jane")).to_be_visible()
        assert small_targets(page) == []
        press_at(page, "Erase")
        assert focus_is_in_dialog(page)
        assert small_targets(page) == []
        page.keyboard.press("Escape")
        page = person.open("/prints")
        expect(page.locator("tbody tr")).to_have_count(len(node.jobs))
        assert small_targets(page) == []
        press_at(page, "Cancel: job 3")
        assert focus_is_in_dialog(page)
        assert small_targets(page) == []


def test_a_target_that_is_too_small_is_found(chromium: Browser) -> None:
    """So that the test above can fail."""
    node = Administered()
    node.jobs = [job(1, "held")]
    with administered(node) as address, visit(chromium, address) as person:
        page = person.open("/prints")
        expect(page.locator("tbody tr")).to_have_count(1)
        page.evaluate("document.querySelector('tbody button').style.minHeight = '20px'")
        page.evaluate("document.querySelector('tbody button').style.height = '20px'")
        [small] = small_targets(page)
        assert "Try again: job 1" in small
