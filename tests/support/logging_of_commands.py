"""Commands that run in a test's process: they set up no logging for the tests after them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _log_as_it_is(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command's level holds while its test runs; no logger is cached with it."""
    before = structlog.get_config()

    def configure(*, level: str = "info", **_: object) -> None:
        lowest = logging.getLevelNamesMapping()[level.upper()]
        structlog.configure(
            **{**before, "wrapper_class": structlog.make_filtering_bound_logger(lowest)}
        )

    monkeypatch.setattr("echonode.log.configure", configure)
    yield
    structlog.configure(**before)
