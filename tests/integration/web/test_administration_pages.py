"""The screens of an administrator in a real browser: audit trail, one patient's data, printing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import pytest
from playwright.sync_api import Browser, expect
from starlette.routing import BaseRoute

from echonode.errors import OperatorRefused, StoreError
from echonode.web.audit import TrailFilter, audit_routes
from echonode.web.patients import patient_routes
from echonode.web.prints import print_routes
from tests.acceptance.console.screens import THEMES, shoot
from tests.integration.web.desk_node import DeskNode, desk
from tests.peers.accessibility import accessibility_faults
from tests.peers.console_page import SIZES, browser, visit
from tests.peers.fixtures import require_program
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.timeout(240)]

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
BROKEN = {"seq": 7, "reason": "records 5 to 6 are missing"}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    require_program("chromium")
    with browser() as started:
        yield started


def record(seq: int, kind: str = "query", **more: Any) -> dict[str, Any]:
    """As audit/trail/search.py gives it."""
    return {
        "seq": seq,
        "at": (AT + timedelta(minutes=seq)).isoformat(timespec="milliseconds"),
        "kind": kind,
        "type": "",
        "action": "E",
        "outcome": 0,
        "user": "ada",
        "participants": [],
        "patient": {"id": "4711", "name": "Doe^Jane"},
        "erased": False,
        "studies": [],
        "query": None,
        "subject": "",
        "description": "",
        "hash": "5f0c",
        **more,
    }


class Administered(DeskNode):
    """The desk's node with a trail of 150 records, one patient, and a queue of printing."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_for: list[tuple[TrailFilter, int | None]] = []
        self.last = 150
        self.parts = threading.Semaphore(0)
        self.part_fails = False
        self.chain: dict[str, Any] = {
            "records": 1204,
            "first": 1,
            "last": 1204,
            "checkpoint": "1204:5f0c",
            "erased": 2,
            "whole": True,
            "broken": None,
        }
        self.patients = Patients()
        self.jobs = [
            job(4, "held", problem="the printer refuses the film size", films_done=1),
            job(3, "waiting", problem="the printer cannot be reached"),
            job(2, "printing", films_done=1),
            job(1, "printed", films_done=2),
            job(10, "unknown", problem="it fell silent", films_done=1, film_in_doubt=2),
        ]
        self.printer = True

    # --- web.audit.TrailApi ---

    def kinds(self) -> list[str]:
        return ["login", "query", "transfer", "alert"]

    def search(self, wanted: TrailFilter, *, before: int | None) -> Mapping[str, Any]:
        self.looked_for.append((wanted, before))
        last = (before or self.last + 1) - 1
        if wanted.patient == "nobody":
            return self._part(before)
        study = {"uid": "1.2.840.7", "instances": {"1.2.840.10008.5.1.4.1.1.6.1": ["1.1", "1.2"]}}
        rows = [
            record(last, "transfer", studies=[study], user="READING1"),
            record(last - 1, "alert", outcome=4, patient=None, description="answered 403"),
            record(last - 2, "query", erased=True, patient=None),
            *(record(number) for number in range(last - 3, max(0, last - 100), -1)),
        ]
        seen = {
            "looked": self.last + 1 - rows[-1]["seq"],
            "of": self.last,
            "reached": rows[-1]["at"],
        }
        return {"records": rows, "next": rows[-1]["seq"] if last > 100 else None, **seen}

    def _part(self, before: int | None) -> Mapping[str, Any]:
        """Of a long trail in which nothing is found: 5 parts of 10,000, each let go by the test."""
        self.parts.acquire()
        looked = 50_000 - (before or 50_001) + 10_001
        if self.part_fails:
            raise StoreError("the database cannot be read")
        following = 50_001 - looked if looked < 50_000 else None
        return {
            "records": [record(7, patient={"id": "nobody"})] if looked == 30_000 else [],
            "next": following,
            "reached": AT.isoformat(),
            "looked": looked,
            "of": 50_000,
        }

    def lines(self, wanted: TrailFilter) -> Iterator[bytes]:
        yield json.dumps(record(2)).encode() + b"\n"

    def verify(self) -> Mapping[str, Any]:
        return self.chain

    # --- web.prints.PrintApi ---

    def prints(self) -> Mapping[str, Any]:
        printers = [{"name": "filmprinter", "ae_title": "IHEFULL"}] if self.printer else []
        return {"printers": printers, "jobs": self.jobs}

    def print_study(
        self, study: str, *, printer: str, layout: str, copies: int, by: str
    ) -> Mapping[str, Any]:
        self.asked.append(("print", study, printer, layout, copies))
        return job(5, "waiting")


class Patients:
    """web.patients.PatientData with one patient. reasons: why it cannot be erased now."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.erased_by: list[str] = []

    def held(self, patient_id: str) -> Mapping[str, Any]:
        if patient_id != "4711" or self.erased_by:
            return {
                "names": [],
                "images": 0,
                "studies": 0,
                "quarantined": 0,
                "records": {},
                "reasons": [],
            }
        return {
            "names": ["Doe^Jane"],
            "images": 12,
            "studies": 2,
            "quarantined": 1,
            "records": {"exams": 2, "measurements": 3, "exam_events": 9},
            "reasons": self.reasons,
        }

    def export(self, patient_id: str) -> tuple[int, IO[bytes]]:
        return 6, BytesIO(b"PK\x05\x06zz")

    def erase(self, patient_id: str, *, by: str) -> Mapping[str, Any]:
        self.erased_by.append(patient_id)
        return {
            "number": 3,
            "done": True,
            "erased": {"instances": 12, "exams": 2, "audit_records": 31},
            "unreadable_in_quarantine": 1,
            "databases_set_aside": ["index.damaged.sqlite"],
        }


class Printing:
    """PrintApi of a node: its `act` is another than that of the outbox."""

    def __init__(self, node: Administered) -> None:
        self._node = node
        self.prints, self.print_study = node.prints, node.print_study

    def act(self, job_id: int, action: str) -> Mapping[str, Any]:
        self._node.asked.append((action, job_id))
        if action == "cancel":
            raise OperatorRefused(f"there is no print job {job_id}")
        at = next(i for i, each in enumerate(self._node.jobs) if each["id"] == job_id)
        if action == "retry":  # "came-out": the next film is in doubt as well
            self._node.jobs[at] = job(job_id, "waiting")
        return self._node.jobs[at]


def job(number: int, state: str, **more: Any) -> dict[str, Any]:
    """As node/prints.py gives it."""
    return {
        "id": number,
        "printer": "filmprinter",
        "study_instance_uid": "1.2.840.7",
        "state": state,
        "layout": "2x2",
        "copies": 2,
        "pictures": 7,
        "films": 2,
        "films_done": 0,
        "problem": "",
        "next_attempt_at": "2099-01-01T00:00:00+00:00" if state == "waiting" else None,
        "made_at": AT.isoformat(),
        "ended_at": None,
        "by": "ada",
        **more,
    }


@contextmanager
def administered(node: Administered) -> Iterator[str]:
    more: list[BaseRoute] = [
        *audit_routes(node),
        *patient_routes(lambda _: {}, node.patients),
        *print_routes(Printing(node)),
    ]
    with desk(node, more) as address:
        yield address


def test_the_trail_is_searched_page_by_page(chromium: Browser) -> None:
    """By day, user, patient and kind; nothing of it is in the address."""
    node = Administered()
    with administered(node) as address, visit(chromium, address) as person:
        page = person.open("/audit")
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(100)
        expect(rows.first).to_contain_text("Transfer")
        expect(rows.first).to_contain_text("2 instances")
        expect(rows.nth(1)).to_contain_text("Failed")
        expect(rows.nth(2)).to_contain_text("Erased")
        page.get_by_role("button", name="Show older records").click()
        expect(rows).to_have_count(150)
        assert node.looked_for[-1] == (TrailFilter(), 51)
        page.locator("#audit-from").fill("2026-11-20")
        page.locator("#audit-patient").fill("4711")
        page.locator("#audit-kind").select_option("query")
        page.keyboard.press("Tab")
        page.get_by_role("button", name="Search", exact=True).click()
        expect(rows).to_have_count(100)
        wanted, before = node.looked_for[-1]
        assert (wanted.patient, wanted.kind, before) == ("4711", "query", None)
        assert wanted.since is not None
        assert wanted.until is None
        assert "4711" not in page.url
        with page.expect_download() as coming:
            page.get_by_role("button", name="Export what is found").click()
        assert coming.value.suggested_filename == "audit.jsonl"
        assert json.loads(Path(coming.value.path()).read_text())["seq"] == 2
        assert (person.faults, person.elsewhere) == ([], [])


def test_a_long_trail_is_searched_to_its_end_and_says_how_far(chromium: Browser) -> None:
    """Part by part without a press, and a person may stop it and go on; a fault is shown as one."""
    node = Administered()
    with administered(node) as address, visit(chromium, address) as person:
        page = person.open("/audit")
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(100)
        page.locator("#audit-patient").fill("nobody")
        page.keyboard.press("Enter")
        node.parts.release(2)
        expect(page.get_by_text("20,000 of 50,000 records were looked at, back to")).to_be_visible()
        stopping = page.get_by_role("button", name="Stop")
        wait_until(lambda: node.looked_for[-1][1] == 30_001, "the third part is asked for")
        node_asked = len(node.looked_for)
        stopping.press("Enter")
        expect(page.get_by_text("Nothing is found back to")).to_be_visible()
        node.parts.release(1)  # the answer that comes after the stop changes nothing
        page.get_by_role("button", name="Search on").press("Enter")
        node.parts.release(1)
        expect(rows).to_have_count(1)
        expect(page.get_by_text("30,000 of 50,000 records")).to_be_visible()
        wait_until(
            lambda: [before for _, before in node.looked_for[node_asked:]] == [30_001, 20_001],
            "the part that the stop left and the one behind it are asked for",
        )
        node.parts.release(2)
        expect(page.get_by_text("All 50,000 records were looked at")).to_be_visible()
        expect(rows).to_have_count(1)
        node.part_fails = True
        page.get_by_role("button", name="Search", exact=True).press("Enter")
        node.parts.release(1)
        expect(page.get_by_text("The database cannot be read")).to_be_visible()
        expect(page.get_by_text("There is no such record")).to_have_count(0)
        assert accessibility_faults(page) == []


@pytest.mark.long
def test_a_page_holds_no_more_records_than_a_tablet_can(chromium: Browser) -> None:
    """As older ones come, the newest go; one press brings them back."""
    node = Administered()
    node.last = 1_500
    with administered(node) as address, visit(chromium, address) as person:
        page = person.open("/audit")
        rows = page.locator("tbody tr")
        for count in (100, *range(200, 1_100, 100)):
            expect(rows).to_have_count(count)
            page.get_by_role("button", name="Show older records").click()
        expect(page.get_by_text("100 newer records are not shown any more")).to_be_visible()
        expect(rows).to_have_count(1_000)
        expect(rows.first).to_contain_text("Record 1400")
        page.get_by_role("button", name="Show the newest").click()
        expect(rows.first).to_contain_text("Record 1500")
        expect(rows).to_have_count(100)
        assert (person.faults, person.elsewhere) == ([], [])


def test_the_chain_is_verified_and_a_break_is_named(chromium: Browser) -> None:
    """Whole with its place in the chain; broken with the first record, in French as well."""
    node = Administered()
    with administered(node) as address, visit(chromium, address) as person:
        page = person.open("/audit")
        page.get_by_role("button", name="Verify the chain").click()
        expect(page.get_by_text("1204 records are whole, to number 1204")).to_be_visible()
        expect(page.get_by_text("1204:5f0c")).to_be_visible()
        node.chain = {**node.chain, "whole": False, "broken": BROKEN}
        page.get_by_role("button", name="Verify the chain").click()
        expect(page.get_by_text("The chain is broken at record 7")).to_be_visible()
    with (
        administered(node) as address,
        visit(chromium, address, locale="fr-FR") as person,
    ):
        page = person.open("/audit")
        page.get_by_role("button", name="Vérifier la chaîne").click()
        expect(page.get_by_text("les inscriptions 5 à 6 manquent")).to_be_visible()


def test_a_patient_is_exported_and_erased_after_the_number_was_typed_again(
    chromium: Browser,
) -> None:
    """What is held is shown first; what is in the way keeps the erasure from being offered."""
    node = Administered()
    node.patients.reasons = [
        "the exam E12 is open: end it first",
        "2 deliveries to pacs are queued",
    ]
    with administered(node) as address, visit(chromium, address) as person:
        page = person.open("/patients")
        page.locator("#patient-id").fill("9999")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Nothing is held of a patient with this number")).to_be_visible()
        page.locator("#patient-id").fill("4711")
        page.keyboard.press("Enter")
        expect(page.get_by_text("DOE, Jane")).to_be_visible()
        expect(page.get_by_text("12 images in 2 studies")).to_be_visible()
        expect(page.get_by_text("the exam E12 is open: end it first")).to_be_visible()
        erase = page.get_by_role("button", name="Erase", exact=True)
        expect(erase).to_be_disabled()
        with page.expect_download() as coming:
            page.get_by_role("button", name="Export", exact=True).click()
        assert coming.value.suggested_filename == "patient.zip"
        expect(page.locator("main").get_by_text("Exported as patient.zip")).to_be_visible()
        node.patients.reasons = []
        page.get_by_role("button", name="Show what is held").click()
        erase.click()
        dialog = page.get_by_role("dialog", name="Erase this patient for good?")
        sure = dialog.get_by_role("button", name="Erase", exact=True)
        expect(sure).to_be_disabled()
        dialog.locator("#erase-typed").fill("471")
        expect(sure).to_be_disabled()
        dialog.locator("#erase-typed").fill("4711")
        sure.click()
        expect(page.locator("main").get_by_text("Erasure 3 is done")).to_be_visible()
        expect(page.get_by_text("index.damaged.sqlite")).to_be_visible()
        assert node.patients.erased_by == ["4711"]
        assert "4711" not in page.url
        assert "4711" not in page.locator("main").inner_text()
        assert (person.faults, person.elsewhere) == ([], [])


def test_the_queue_of_prints_is_acted_on(chromium: Browser) -> None:
    """Retry at once, cancel after a question; the page shows a refusal."""
    node = Administered()
    with administered(node) as address, visit(chromium, address) as person:
        page = person.open("/prints")
        expect(page.locator("tbody tr")).to_have_count(5)
        expect(page.locator("tbody tr").first).to_contain_text("the printer refuses the film size")
        page.get_by_role("button", name="Try again: job 4").click()
        expect(page.locator("tbody tr").first).to_contain_text("Waiting")
        doubt = page.locator("tbody tr").nth(4)
        expect(doubt).to_contain_text("Film 2 was given to the printer, and no answer came")
        doubt.get_by_role("button", name="It came out: job 10").click()
        doubt.get_by_role("button", name="Print again: job 10").click()
        page.get_by_role("button", name="Cancel: job 3").click()
        dialog = page.get_by_role("dialog", name="Cancel job 3?")
        dialog.get_by_role("button", name="Cancel", exact=True).click()
        expect(page.get_by_text("There is no print job 3")).to_be_visible()
        assert [each for each in node.asked if each[0] in ("retry", "came-out", "cancel")] == [
            ("retry", 4),
            ("came-out", 10),
            ("retry", 10),
            ("cancel", 3),
        ]
        assert (person.faults, person.elsewhere) == ([], [])


@pytest.mark.long
@pytest.mark.parametrize("theme", THEMES)
def test_the_screens_of_an_administrator_in_every_size(chromium: Browser, theme: str) -> None:
    """Nothing is cut and nothing is out of reach (axe-core): tablet both ways, and a phone."""
    for size in SIZES:
        node = Administered()
        node.patients.reasons = ["the exam E12 is open: end it first"]
        with (
            administered(node) as address,
            visit(chromium, address, size=size, theme=theme) as person,
        ):
            for name in ("audit", "patients", "prints"):
                page = person.open(f"/{name}")
                if name == "audit":
                    page.get_by_role("button", name="Verify the chain").click()
                    expect(page.get_by_text("1204 records are whole")).to_be_visible()
                if name == "patients":
                    page.locator("#patient-id").fill("4711")
                    page.keyboard.press("Enter")
                    expect(page.get_by_text("DOE, Jane")).to_be_visible()
                if name == "prints":
                    expect(page.locator("tbody tr")).to_have_count(5)
                assert person.cut() == [], (name, size)
                assert accessibility_faults(page) == [], (name, size)
                if size == "desk":
                    shoot(page, name, theme=theme)
