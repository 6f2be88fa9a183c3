"""Waiting for something to become true."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], bool],
    what: str | Callable[[], str] = "the condition",
    *,
    timeout_s: float = 30.0,
    every_s: float = 0.02,
) -> None:
    """Return once the condition holds. Raises AssertionError naming `what` when it never does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            named = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {timeout_s:g} s: {named}")
        time.sleep(every_s)
