"""Screenshots of the console, kept as test output; their sizes and themes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page

from tests.peers.targets import small_targets

ROOT = Path(__file__).resolve().parents[3]
_ALL = os.environ.get("ECHONODE_SCREENS") in ("all", "docs")
SHOTS = ROOT / "build" / "screens"
DOCUMENTED = ROOT / "docs" / "console"
# A 10-inch tablet both ways, and a phone.
SIZES = {"1280x800": (1280, 800), "800x1280": (800, 1280), "390x844": (390, 844)}
THEMES = ("dark", "light")
# For pages whose contrast the console's own tests look at in both themes: light before a release.
DARK_FIRST = ("dark", pytest.param("light", marks=pytest.mark.long))
SETTLING_MS = 60


def shoot(page: Page, name: str, *, theme: str = "dark", documented: str = "") -> None:
    """build/screens/NAME-THEME-SIZE.png in every size; the page ends in the size that it had.

    Nothing may be cut in any of them, and every control is as large as a finger needs.

    The light theme differs by its colours alone, so one size of it is enough for CI.
    documented: docs/console/DOCUMENTED.png is written as well, in the page's own size, where
    ECHONODE_SCREENS=docs asks for it (`make console-screens`).
    """
    own = page.viewport_size
    assert own is not None
    SHOTS.mkdir(parents=True, exist_ok=True)
    for size, (width, height) in SIZES.items():
        if theme != "dark" and (width, height) != (own["width"], own["height"]) and not _ALL:
            continue
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(SETTLING_MS)
        assert not is_wider_than_screen(page), size
        small = small_targets(page)
        assert not small, (size, small)
        page.screenshot(path=SHOTS / f"{name}-{theme}-{size}.png", animations="disabled")
    page.set_viewport_size(own)
    if documented:
        document(SHOTS / f"{name}-{theme}-1280x800.png", documented)


def document(picture: Path, name: str) -> None:
    """docs/console/NAME.png of a picture, where ECHONODE_SCREENS=docs asks for it."""
    if os.environ.get("ECHONODE_SCREENS") == "docs":
        DOCUMENTED.mkdir(parents=True, exist_ok=True)
        Image.open(picture).convert("RGB").save(DOCUMENTED / f"{name}.png", optimize=True)


def is_wider_than_screen(page: Page) -> bool:
    """Whether a person must scroll sideways."""
    return bool(
        page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    )
