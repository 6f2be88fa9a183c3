"""The outbox and the preflight as a person uses them: a real Orthanc that is down and then there,
an archive that refuses and is put right, and one that does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest
from playwright.sync_api import Browser, Locator, expect
from pydicom.uid import UltrasoundImageStorage
from pynetdicom import AE, evt

from tests.acceptance.clinic import Clinic
from tests.acceptance.console.screens import shoot
from tests.peers.console_page import Visit, browser, visit
from tests.peers.dcmtk import dcmtk
from tests.peers.fixtures import require_program
from tests.peers.instances import InstanceKind, make_instances
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.peers, pytest.mark.timeout(300)]

IMAGES = 3
PATIENCE_MS = 60_000


class StrictArchive:
    """Refuses every image with A900 until someone corrects its rule."""

    def __init__(self) -> None:
        self.port, self.status = free_port(), 0xA900
        self._entity = AE(ae_title="STRICT")
        self._entity.add_supported_context(UltrasoundImageStorage)
        self._entity.add_supported_context("1.2.840.10008.1.1")

    def __enter__(self) -> Self:
        self._server = self._entity.start_server(
            (LOOPBACK, self.port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._on_store)]
        )
        return self

    def _on_store(self, event: Any) -> int:
        return self.status

    def __exit__(self, *_: object) -> None:
        if self._server:
            self._server.shutdown()


class Desk:
    """A node between a scanner and three archives, and its console before a person."""

    def __init__(self, parts: ExitStack, chromium: Browser) -> None:
        self.strict = parts.enter_context(StrictArchive())
        self.web_port = free_port()
        clinic = Clinic(
            parts,
            extra={
                "web": {"port": self.web_port},
                "forwarding": [{"from": "scanner", "to": ["pacs", "strict"]}],
            },
        )
        self.clinic, self.node = clinic, clinic.node
        store_only = {"host": LOOPBACK, "may": ["echo", "store"]}
        self.node.peers |= {
            "strict": {**store_only, "ae_title": "STRICT", "port": self.strict.port},
            "gone": {**store_only, "ae_title": "GONE", "port": free_port()},
            "scanner": {**store_only, "ae_title": "SCANNER", "port": free_port()},
        }
        self.node.destinations += [
            {"peer": "strict", "commitment": "none"},
            {"peer": "gone", "commitment": "none"},
        ]
        clinic.start_pacs().stop()  # its folder is there, and nothing listens
        clinic.start_node()
        address = f"http://{LOOPBACK}:{self.web_port}"
        self.person: Visit = parts.enter_context(visit(chromium, address))

    def scan(self, folder: Path) -> None:
        """The scanner stores images of one study at the node."""
        kind = InstanceKind(name="small", columns=64, rows=64)
        files = make_instances(folder, kind, IMAGES).files
        sent = dcmtk(
            *("storescu", "-aet", "SCANNER", "-aec", "ECHONODE", LOOPBACK, self.node.port),
            *files,
        )
        assert sent.ok, sent.output

    def states(self, destination: str) -> list[str]:
        return [
            str(row["state"]) for row in self.node.ledger() if row["destination"] == destination
        ]

    def panel(self, name: str) -> Locator:
        return self.person.page.locator(f"[data-archive='{name}']")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    require_program("chromium")
    with ExitStack() as parts:
        made = Desk(parts, parts.enter_context(browser()))
        made.scan(tmp_path_factory.mktemp("scanner"))
        yield made


def test_what_waits_goes_once_its_archive_is_there(desk: Desk) -> None:
    """Down: the images wait safely, and the page says so. There again: Call now, and each is
    committed, with no one at the node's machine."""
    desk.person.open("/outbox")
    panel = desk.panel("pacs")
    expect(panel).to_contain_text(
        f"Not reachable, {IMAGES} images wait safely here", timeout=PATIENCE_MS
    )
    shoot(desk.person.page, "outbox-archive-down")
    desk.clinic.orthanc.start()
    panel.get_by_role("button", name="Call now").click()
    expect(panel.locator(".mark").first).to_have_text("Up to date", timeout=PATIENCE_MS)
    expect(panel.locator("[data-figure=done] dd")).to_have_text(str(IMAGES))
    assert desk.states("pacs") == ["committed"] * IMAGES
    assert len(desk.clinic.held_by_pacs()) == IMAGES


def test_what_was_refused_is_released_once_the_archive_is_put_right(desk: Desk) -> None:
    """Code, meaning and remedy by reason; one at a time, and then all of the reason."""
    desk.person.open("/outbox")
    page, panel = desk.person.page, desk.panel("strict")
    group = panel.locator("[data-reason='status:A900']")
    expect(group).to_contain_text(f"{IMAGES} images", timeout=PATIENCE_MS)
    expect(group).to_contain_text("The archive answered A900 (Data Set Does Not Match SOP Class)")
    expect(group).to_contain_text("Correct what the log of STRICT names")
    shoot(desk.person.page, "outbox-held-by-a-real-archive")

    # Released before the archive is put right: refused again, and held again.
    panel.get_by_role("button", name=f"Held ({IMAGES})").click()
    panel.locator(".outbox-item input").first.check()
    panel.locator(".outbox-bulk").get_by_role("button", name="Release").click()
    page.get_by_role("dialog").get_by_role("button", name="Release").click()
    expect(page.locator(".outbox-result")).to_contain_text("1 image released")
    wait_until(lambda: desk.states("strict") == ["held"] * IMAGES, "it is held again")

    desk.strict.status = 0x0000
    expect(group).to_contain_text(f"{IMAGES} images", timeout=PATIENCE_MS)
    group.get_by_role("button").click()
    page.get_by_role("dialog").get_by_role("button", name="Release").click()
    expect(page.locator(".outbox-result")).to_contain_text(f"{IMAGES} images released")
    expect(panel.locator(".mark").first).to_have_text("Up to date", timeout=PATIENCE_MS)
    assert desk.states("strict") == ["sent"] * IMAGES


def test_a_preflight_proves_the_one_and_names_the_others_remedy(desk: Desk) -> None:
    """Step by step on the page; the test image of the preflight is not one of a patient."""
    page = desk.person.open("/system")
    page.locator(".desk-preflight").get_by_role("button", name="Run the preflight").click()
    gone = page.locator("[data-peer='gone']")
    expect(gone.locator(".desk-step.failed")).to_contain_text(
        "Start gone, or correct peers.gone.host and .port", timeout=PATIENCE_MS
    )
    pacs = page.locator("[data-peer='pacs']")
    expect(pacs.locator(".mark").first).to_have_text("Passed", timeout=PATIENCE_MS)
    expect(pacs).to_contain_text("committed to keep it; the report reached us")
    expect(page.locator(".desk-preflight .banner")).to_contain_text(
        re.compile(r"connections? failed"), timeout=PATIENCE_MS
    )
    shoot(desk.person.page, "system-preflight")
    assert desk.person.faults == []
    assert len(desk.node.ledger()) == 2 * IMAGES


def test_the_report_is_downloaded(desk: Desk) -> None:
    """A zip file that may be sent to those who look after the network."""
    page = desk.person.open("/system")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Download the node")).click()
    assert re.fullmatch(r"echonode-node-[\d-]+\.zip", download.value.suggested_filename)
    assert download.value.path().read_bytes().startswith(b"PK")
