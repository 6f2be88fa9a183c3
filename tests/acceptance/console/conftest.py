"""One browser for a file of tests, and screens opened in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.peers.browser import Screen, chromium, open_screen
from tests.peers.fixtures import require_program

OpenScreen = Callable[..., Screen]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for every test of the file."""
    require_program("chromium")
    with chromium() as started:
        yield started


@pytest.fixture
def screen(browser: Browser) -> Iterator[OpenScreen]:
    """Open a screen with the arguments of `open_screen`; no script of it may have failed."""
    opened: list[Screen] = []

    def make(**arguments: object) -> Screen:
        opened.append(open_screen(browser, **arguments))  # type: ignore[arg-type] # passed through
        return opened[-1]

    yield make
    for each in opened:
        each.close()
    assert [each.errors for each in opened if each.errors] == []
