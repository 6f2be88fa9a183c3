"""What every test of a command needs."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _log_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands run in this process: they must not set up logging for the tests after them."""
    monkeypatch.setattr("echonode.log.configure", lambda **_: None)
