"""Commands that run in a test's process: they set up no logging for the tests after them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True, scope="module")
def _log_as_it_is() -> Iterator[None]:
    """No logger is cached with a command's output, which is closed after it; fixtures of a module
    included.
    """
    before = structlog.get_config()

    def configure(*, level: str = "info", **_: object) -> None:
        lowest = logging.getLevelNamesMapping()[level.upper()]
        structlog.configure(
            **{**before, "wrapper_class": structlog.make_filtering_bound_logger(lowest)}
        )

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("echonode.log.configure", configure)
        yield
    structlog.configure(**before)


@pytest.fixture(autouse=True)
def _level_as_it_is() -> Iterator[None]:
    """A command's level holds while its test runs."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
