"""What the queue of prints offers is what the node does: for each state, and as it changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from echonode.model.print_job import TRANSITIONS, PrintEvent, PrintState
from tests.integration.web.test_administration_pages import Administered, administered, job
from tests.peers.console_page import browser, visit
from tests.peers.fixtures import require_program

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]

NAMES = {
    PrintEvent.RETRY: "Try again",
    PrintEvent.CAME_OUT: "It came out",
    PrintEvent.CANCEL: "Cancel",
}
IN_DOUBT = {PrintEvent.RETRY: "Print again"}  # what is tried again may be there already


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    require_program("chromium")
    with browser() as started:
        yield started


def test_a_job_offers_what_its_state_allows_and_no_more(chromium: Browser) -> None:
    """By the table of the node itself: what it would refuse with 409 has no button."""
    node = Administered()
    node.jobs = [job(number, state) for number, state in enumerate(PrintState, 1)]
    with administered(node) as address, visit(chromium, address) as person:
        page = person.open("/prints")
        expect(page.locator("tbody tr")).to_have_count(len(PrintState))
        for number, state in enumerate(PrintState, 1):
            names = NAMES | (IN_DOUBT if state is PrintState.UNKNOWN else {})
            for event, name in names.items():
                button = page.get_by_role("button", name=f"{name}: job {number}")
                expect(button).to_have_count(int((state, event) in TRANSITIONS))


def test_a_job_that_begins_to_print_is_not_cancelled_by_an_open_question(chromium: Browser) -> None:
    """The question says what the job is now, and offers no cancel any more."""
    node = Administered()
    node.jobs = [job(3, "waiting")]
    with administered(node) as address, visit(chromium, address) as person:
        page = person.open("/prints")
        page.get_by_role("button", name="Cancel: job 3").click()
        dialog = page.get_by_role("dialog", name="Cancel job 3?")
        expect(dialog.get_by_role("button", name="Cancel", exact=True)).to_be_visible()
        node.jobs = [job(3, "printing")]
        expect(dialog).to_contain_text("It cannot be cancelled any more. Its state now: Printing.")
        expect(dialog.get_by_role("button", name="Cancel", exact=True)).to_have_count(0)
        dialog.get_by_role("button", name="Close").last.click()
        expect(page.get_by_role("button", name="Cancel: job 3")).to_have_count(0)
        assert ("cancel", 3) not in node.asked
        assert (person.faults, person.elsewhere) == ([], [])
