"""Chromium without a window, driven by Playwright: a page as a person has it on a screen."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.peers.node_modules import node_modules
from tests.peers.programs import find_program

DEADLINE_MS = 30_000
# A test's page asks for nothing of another machine.
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SETTINGS = "echonode.settings"  # what the console keeps its settings under
WCAG_22_AA = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's own. Raises PeerMissing."""
    program = find_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Screen:
    """A tablet, a phone or a desk's screen: one page of its own. errors: what its scripts said."""

    context: BrowserContext
    page: Page
    errors: list[str] = field(default_factory=list)

    def close(self) -> None:
        self.context.close()


def open_screen(
    browser: Browser,
    *,
    width: int = 1280,
    height: int = 800,
    settings: Mapping[str, str] | None = None,
    touch: bool = False,
) -> Screen:
    """A screen with nothing on it yet. settings: of the console, such as {"theme": "light"}."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        has_touch=touch,
        locale="en-GB",
        reduced_motion="reduce",  # a picture or a colour in the middle of a change proves nothing
    )
    context.set_default_timeout(DEADLINE_MS)
    if settings:
        pair = json.dumps([SETTINGS, json.dumps(dict(settings))])
        context.add_init_script(
            f"(([name, value]) => localStorage[name] ??= value)({pair})",
        )
    screen = Screen(context, context.new_page())
    screen.page.on("pageerror", lambda error: screen.errors.append(str(error)))
    return screen


def accessibility_faults(page: Page, *, tags: Sequence[str] = WCAG_22_AA) -> list[str]:
    """What axe-core finds in the page as it stands: a line for each fault, with its element."""
    if not page.evaluate("typeof axe === 'object'"):
        # Evaluated, not added as a script: the console's policy allows no script of another origin.
        page.evaluate((node_modules("axe") / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(
        "values => axe.run(document, {runOnly: {type: 'tag', values}})",
        list(tags),
    )
    return [
        f"{fault['id']}: {node['target']}: {node['failureSummary']}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]


def page_after(url: str, *, milliseconds: int = 5000, width: int = 1280, height: int = 900) -> str:
    """The page's DOM as HTML, once its scripts have run for so long. Raises PeerMissing.

    Virtual time: timers fire as fast as the answers of the server allow.
    """
    with tempfile.TemporaryDirectory(prefix="echonode-browser-") as profile:
        done = subprocess.run(
            [
                find_program("chromium"),
                *("--headless=new", "--dump-dom", *_OPTIONS),
                f"--user-data-dir={profile}",
                f"--window-size={width},{height}",
                f"--virtual-time-budget={milliseconds}",
                url,
            ],
            capture_output=True,
            text=True,
            timeout=90,
            check=True,
        )
    return done.stdout
