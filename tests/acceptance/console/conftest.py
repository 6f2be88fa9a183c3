"""One browser for a file of tests, and pages opened in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.peers.console_page import Visit, browser
from tests.peers.fixtures import require_program

OpenPage = Callable[..., Visit]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium, for every test of the file."""
    require_program("chromium")
    with browser() as started:
        yield started


@pytest.fixture
def visit(chromium: Browser) -> Iterator[OpenPage]:
    """A person's page, with the arguments of Visit; nothing on it may have gone wrong."""
    opened: list[Visit] = []

    def make(address: str, **arguments: object) -> Visit:
        opened.append(Visit(chromium, address, **arguments))  # type: ignore[arg-type] # passed through
        return opened[-1]

    yield make
    for each in opened:
        each.close()
    assert [each.faults for each in opened if each.faults] == []
    assert [each.elsewhere for each in opened if each.elsewhere] == []
