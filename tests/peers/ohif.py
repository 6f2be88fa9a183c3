"""The OHIF viewer: the pinned package, unpacked into build/ by our own command, in a browser."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from echonode.web.viewer.package import installed_in
from tests.peers.programs import PeerMissing, find_program

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "viewer"
# It draws by WebGL: here in software.
_DRAWING = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
_QUIET = ("--no-sandbox", "--disable-background-networking")
_ALONE = ("--disable-component-update", "--disable-sync")


def viewer_dir() -> Path:
    """A folder for `web.viewer_dir`, fetched now where it is not there. Raises PeerMissing."""
    if installed_in([FOLDER]) is None:
        registry = subprocess.run(
            [find_program("npm"), "config", "get", "registry"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        address = registry.stdout.strip()
        command = ["viewer", "install", "--to", str(FOLDER), "--registry", address]
        done = subprocess.run(
            [sys.executable, "-m", "echonode", *command],
            cwd=ROOT,
            capture_output=True,
            check=False,
            timeout=300,
        )
        if done.returncode:
            raise PeerMissing("@ohif/app (npm's registry was not reached)", "npm")
    return FOLDER


@contextmanager
def drawing_browser() -> Iterator[Browser]:
    """Chromium that draws in three dimensions. Raises PeerMissing."""
    program = find_program("chromium")
    arguments = [*_DRAWING, *_QUIET, *_ALONE]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield started
        finally:
            started.close()


FIRST_VIEWPORT = "cornerstone.getRenderingEngines()[0].getViewports()[0]"
_FIRST_IMAGES = "(cornerstone.getRenderingEngines()[0]?.getViewports()[0]?.getImageIds?.() ?? [])"
_LOADED = f"{_FIRST_IMAGES}.filter(each => cornerstone.cache.getImage(each)).length"
PATIENCE_S = 120.0


class Ohif:
    """The viewer that a node serves. address: its root.

    policy_faults: what a page's Content-Security-Policy refused since the last `open`.
    """

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser, self._address = browser, address
        self.policy_faults: list[str] = []

    def open(self, path: str) -> Page:
        """A new page, in a browser context of its own."""
        page = self.new_page()
        page.goto(self._address + path)
        return page

    def new_page(self) -> Page:
        """The same, still empty."""
        page = self._browser.new_context(viewport={"width": 1100, "height": 700}).new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        self.policy_faults = faults = []
        page.on(
            "console",
            lambda message: (
                faults.append(message.text) if "Security Policy" in message.text else None
            ),
        )
        return page

    def open_study(self, uid: str, *, frames: int) -> Page:
        """Of one image with so many frames, once it is shown; without the first-start dialogs."""
        page = self.new_page()
        self.show_study(page, uid, frames=frames)
        return page

    def show_study(self, page: Page, uid: str, *, frames: int) -> None:
        """The same in a page that is there."""
        page.goto(f"{self._address}/viewer?StudyInstanceUIDs={uid}")
        page.click("text=Skip all")
        page.click("text=Confirm and hide")
        poll(page, f"{_FIRST_IMAGES}.length === {frames}")


def wait_complete(page: Page, frames: int) -> None:
    """Until every frame of the first viewport is in the viewer's memory."""
    poll(page, f"{_LOADED} === {frames}")


def poll(page: Page, condition: str) -> None:
    """wait_for_function evaluates text in the page, which the page's policy forbids."""
    deadline = time.monotonic() + PATIENCE_S
    while not page.evaluate(f"() => Boolean({condition})"):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(100)
