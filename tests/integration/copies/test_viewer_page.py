"""The page of a medium, in Chromium: it shows the images, asks no network, runs no name."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.integration.copies.stored_studies import CINE, IMAGE, STUDY, config_of, new_store
from tests.integration.copies.test_import import echonode
from tests.peers.console_page import browser
from tests.peers.fixtures import require_program
from tests.unit.store.samples import dataset, put

pytestmark = [pytest.mark.peers, pytest.mark.slow]

HOSTILE = "</script><script>document.title(1)</script>^<b>&amp;"
MARKUP = "</script><img src=x onerror=document.title='ran'>"
expect.set_options(timeout=20_000)


def test_it_shows_the_images_and_nothing_else_happens(tmp_path: Path) -> None:
    """A still and a cine at its own pace; a name that is markup is text; no request leaves."""
    require_program("chromium")
    with new_store(tmp_path) as store:
        named = {"PatientName": HOSTILE, "StudyDescription": MARKUP}
        put(store, dataset(1, **IMAGE, **named))
        put(store, dataset(2, **CINE, **named))
        none = dict.fromkeys(("Rows", "Columns", "PixelData", "BitsAllocated"))
        put(store, dataset(3, PhotometricInterpretation=None, **none, **named))
    medium = tmp_path / "m"
    words = ("--study", STUDY, "--media", medium, "--config", config_of(tmp_path))
    assert echonode("export", *words).exit_code == 0
    with browser() as chromium:
        page = chromium.new_page()
        asked: list[str] = []
        faults: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"file://{medium}/INDEX.HTM")
        buttons = page.locator("nav button")
        expect(buttons).to_have_count(3)
        name = "</script><script>document.title(1)</script> <b>&amp;"
        expect(page.locator("#patient")).to_have_text(name)
        expect(page.locator("#about")).to_contain_text(MARKUP)
        expect(page.locator("#picture")).to_have_js_property("naturalWidth", 320)
        buttons.nth(1).click()
        expect(page.locator("#play")).to_have_text("Pause")
        expect(page.locator("#slider")).to_have_js_property("max", "3")
        expect(page.locator("#slider")).not_to_have_value("0")
        buttons.nth(2).click()
        expect(page.locator("#none")).to_contain_text("IM000003")
        assert page.title().startswith("Images: "), "no script of a name ran"
        assert {url for url in asked if not url.startswith("data:")} == {
            f"file://{medium}/INDEX.HTM"
        }
        assert faults == []
