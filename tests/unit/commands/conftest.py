"""What every test of a command needs."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _log_as_it_is(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The commands run in this process: they set up no logging for the tests after them.

    A command's level holds while its test runs; no logger keeps it (cache_logger_on_first_use).
    """
    before = structlog.get_config()

    def configure(*, level: str = "info", **_: object) -> None:
        lowest = logging.getLevelNamesMapping()[level.upper()]
        structlog.configure(
            **{**before, "wrapper_class": structlog.make_filtering_bound_logger(lowest)}
        )

    monkeypatch.setattr("echonode.log.configure", configure)
    yield
    structlog.configure(**before)
