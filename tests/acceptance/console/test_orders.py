"""A person adds an order to the worklist in the browser, and takes it off again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.console.conftest import OpenPage
from tests.acceptance.exam_client import ExamClient
from tests.peers.accessibility import accessibility_faults
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import LOOPBACK, free_port

pytestmark = [pytest.mark.peers, pytest.mark.timeout(180)]


@dataclass(frozen=True)
class Desk:
    """A clinic without a RIS: the node's console, and its API."""

    page: Page
    client: ExamClient


@pytest.fixture
def desk(visit: OpenPage) -> Iterator[Desk]:
    client = ExamClient(free_port())
    with ExitStack() as parts:
        parts.enter_context(EchoNodeProcess(extra={"web": {"port": client.port}}))
        page = visit(f"http://{LOOPBACK}:{client.port}").page
        page.goto(f"http://{LOOPBACK}:{client.port}/#/exams")
        expect(page.get_by_text("No worklist is configured")).to_be_visible()
        yield Desk(page, client)


def test_an_order_is_added_and_taken_off(desk: Desk) -> None:
    """What is missing and what the node refuses stands under its field; what is typed stays."""
    page = desk.page
    page.get_by_role("button", name="Add an order").click()
    dialog = page.get_by_role("dialog")
    assert accessibility_faults(page) == []
    dialog.get_by_role("button", name="Add to the worklist").click()
    expect(dialog.get_by_text("a modality shows it with the patient")).to_be_visible()
    dialog.get_by_label("Patient ID").fill("P-1")
    dialog.get_by_label("Family name").fill("Doe")
    dialog.get_by_label("Given name").fill("Jane")
    dialog.get_by_label("Procedure").fill("Abdomen")
    dialog.get_by_label("Accession number").fill("A" * 17)
    dialog.get_by_role("button", name="Add to the worklist").click()
    expect(dialog.get_by_text("at most 16")).to_be_visible()
    expect(dialog.get_by_label("Procedure")).to_have_value("Abdomen")
    dialog.get_by_label("Accession number").fill("A-1")
    dialog.get_by_label("Time", exact=True).fill("08:05")
    dialog.get_by_role("button", name="Add to the worklist").click()
    expect(dialog).to_have_count(0)
    [item] = desk.client.get("/api/worklist?all=true")["items"]
    assert (item["patient_id"], item["patient_name"]) == ("P-1", "Doe^Jane")
    assert (item["accession_number"], item["start_time"]) == ("A-1", "080500")

    page.get_by_role("button", name="Doe, Jane").click()
    page.get_by_role("button", name="Take off the worklist").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("No worklist is configured")).to_be_visible()
    assert desk.client.get("/api/worklist?all=true")["items"] == []
