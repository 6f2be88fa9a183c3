"""What a part of the node says in its log while it is attacked: errors alone, in memory."""

from __future__ import annotations

import threading
from collections.abc import MutableMapping
from typing import Any

import structlog

_errors: list[str] = []


def watch() -> None:
    """Collect the log's errors, and what ends a thread, from now on."""
    structlog.configure(processors=[_collect], cache_logger_on_first_use=False)
    threading.excepthook = _thread_ended


def raise_if_any() -> None:
    """Raises AssertionError with what was logged as an error since the last call."""
    found = _errors.copy()
    _errors.clear()
    assert not found, "; ".join(found)


def _collect(_logger: object, method: str, event: MutableMapping[str, Any]) -> Any:
    if method in ("error", "exception", "critical") or event.get("exc_info"):
        _errors.append(f"{event.get('event')}: {event.get('exc_info') or event}")
    raise structlog.DropEvent


def _thread_ended(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread is not None else "a thread"
    _errors.append(f"{name} ended by {args.exc_type.__name__}: {args.exc_value}")
