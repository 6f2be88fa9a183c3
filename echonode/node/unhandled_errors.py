"""Errors that no code handles: lines of the log, without their texts.

Python would write them to stderr with texts that may quote a patient's values, and no alarm would
tell of a thread that ended.
"""

from __future__ import annotations

import sys
import threading

from echonode.log import get_logger

log = get_logger(__name__)


def log_unhandled_errors() -> None:
    """Set it for this process: for threads, and for errors that Python ignores (destructors)."""
    threading.excepthook = _thread_ended
    sys.unraisablehook = _error_ignored


def _thread_ended(failed: threading.ExceptHookArgs) -> None:
    thread = failed.thread.name if failed.thread else None
    log.error("thread_ended", alarm=True, thread=thread, exc_info=failed.exc_value)


def _error_ignored(failed: sys.UnraisableHookArgs) -> None:
    log.warning("error_ignored", exc_info=failed.exc_value)
