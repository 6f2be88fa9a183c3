"""Copies in the archive of the console: chosen, looked at, made; the ZIP file that comes of it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pydicom import dcmread

from tests.acceptance.console.conftest import OpenPage
from tests.acceptance.console.screens import THEMES, is_wider_than_screen, shoot
from tests.integration.copies.stored_studies import STUDY, config_of, fill, new_store
from tests.peers.accessibility import accessibility_faults
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import free_port
from tests.peers.targets import focus_is_in_dialog, press_at, tab_to

PATIENCE_MS = 20_000  # of a machine that is very busy
expect.set_options(timeout=PATIENCE_MS)
pytestmark = [pytest.mark.long, pytest.mark.peers, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def url(tmp_path: Path, make_echonode: Callable[..., EchoNodeProcess]) -> str:
    """Of a node with three stills from elsewhere that say nothing of text in their pixels."""
    with new_store(tmp_path) as store:
        fill(store)
    words = ("--study", STUDY, "--media", tmp_path / "m", "--config", config_of(tmp_path))
    subprocess.run([sys.executable, "-m", "echonode", "export", *map(str, words)], check=True)
    port = free_port()
    node = make_echonode(extra={"web": {"port": port}})
    assert node.command("import", str(tmp_path / "m")).returncode == 0
    return f"http://127.0.0.1:{port}"


def test_a_person_looks_accepts_and_gets_anonymised_copies(visit: OpenPage, url: str) -> None:
    """Images that wait for a look are listed with a way to each; what is accepted is in the copy,
    without the patient, and what is not is left out. The dialog has no fault of accessibility.
    """
    page: Page = visit(url).open(f"/archive/{STUDY}")
    page.get_by_role("button", name="Copies…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="No text in it")).to_have_count(3)
    expect(dialog.get_by_label("The patient")).to_have_value("basic")
    for theme in THEMES:
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        assert accessibility_faults(page) == [], theme
        shoot(page, "copies", theme=theme)
    assert not is_wider_than_screen(page)
    look = dialog.get_by_role("link", name="Look at it: Image 1")
    assert (look.get_attribute("href") or "").endswith("/review/1.2.3.4.1")
    for number in (1, 2):
        dialog.get_by_role("button", name=f"No text in it: Image {number}").click()
        expect(dialog.get_by_role("button", name="No text in it")).to_have_count(3 - number)
    with page.expect_download(timeout=PATIENCE_MS) as coming:
        dialog.get_by_role("button", name="Make copies").click()
    assert coming.value.suggested_filename == "anonymised-basic.zip"
    with zipfile.ZipFile(BytesIO(Path(coming.value.path()).read_bytes())) as copies:
        assert copies.namelist() == ["0001.dcm", "0002.dcm", "left_out.json", "copies.json"]
        assert dcmread(BytesIO(copies.read("0001.dcm"))).PatientIdentityRemoved == "YES"


def test_a_research_copy_is_chosen_and_made(visit: OpenPage, url: str) -> None:
    """Of every format that the node makes; with the patient, as this clinic demands nothing."""
    page: Page = visit(url).open(f"/archive/{STUDY}")
    page.get_by_role("button", name="Copies…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What").select_option("nrrd")
    dialog.get_by_label("The patient").select_option("")
    expect(dialog.get_by_role("button", name="No text in it")).to_have_count(0)
    with page.expect_download(timeout=PATIENCE_MS) as coming:
        dialog.get_by_role("button", name="Make copies").click()
    assert coming.value.suggested_filename == f"{STUDY}.zip"
    with zipfile.ZipFile(BytesIO(Path(coming.value.path()).read_bytes())) as copies:
        assert copies.namelist() == ["0001.nrrd", "0002.nrrd", "0003.nrrd", "copies.json"]


def test_copies_are_chosen_looked_at_and_made_by_the_keyboard_alone(
    visit: OpenPage, url: str
) -> None:
    """The focus stays in the dialog; Escape leaves all as it is and brings the focus back."""
    page: Page = visit(url).open(f"/archive/{STUDY}")
    expect(page.get_by_role("button", name="Copies…")).to_be_enabled()
    press_at(page, "Copies…")
    assert focus_is_in_dialog(page)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="No text in it")).to_have_count(3)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="Copies…")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="No text in it")).to_have_count(3)
    press_at(page, "No text in it: Image 1", "Space")
    expect(dialog.get_by_role("button", name="No text in it")).to_have_count(2)
    assert focus_is_in_dialog(page)
    tab_to(page, "What")
    page.keyboard.type("Research: NR")  # a list goes to what begins so
    expect(dialog.get_by_label("What")).to_have_value("nrrd")
    tab_to(page, "Make copies")
    with page.expect_download(timeout=PATIENCE_MS) as coming:
        page.keyboard.press("Enter")
    with zipfile.ZipFile(BytesIO(Path(coming.value.path()).read_bytes())) as copies:
        assert copies.namelist()[0] == "0001.nrrd"
