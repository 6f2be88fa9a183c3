"""How log lines of the tests' own process look: for a person, with plain tracebacks."""

from __future__ import annotations

import structlog


def log_plainly() -> None:
    """structlog's own default, except that its tracebacks quote no values.

    Where the package `rich` is installed they do, which takes more than a second each on a busy
    machine: longer than the client of a test waits for its answer.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )
