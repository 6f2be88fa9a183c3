"""Kills what a test run started when the run itself dies without cleaning up.

A test runner that is killed, or whose time-out calls os._exit, runs no `finally`. So the first
child process also starts this small watchdog, which holds the reading end of a pipe: when the
runner is gone for whatever reason the pipe ends, and every process group still noted is killed.
"""

from __future__ import annotations

import atexit
import subprocess
import sys
import threading

_WATCHDOG = """
import os, signal, sys
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""

_lock = threading.Lock()
_watchdog: subprocess.Popen[str] | None = None


def note_started(process_group: int) -> None:
    """From now on this process group dies with us."""
    _tell(f"+{process_group}\n")


def note_stopped(process_group: int) -> None:
    """This process group is gone; its number may now belong to another."""
    _tell(f"-{process_group}\n")


def _tell(line: str) -> None:
    global _watchdog
    with _lock:
        if _watchdog is None:
            _watchdog = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _WATCHDOG],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # an interrupt from the terminal must not reach it
            )
            atexit.register(_dismiss, _watchdog)
        assert _watchdog.stdin is not None
        _watchdog.stdin.write(line)
        _watchdog.stdin.flush()


def _dismiss(watchdog: subprocess.Popen[str]) -> None:
    """End of an orderly run: let the watchdog see the end of its pipe and wait for it."""
    assert watchdog.stdin is not None
    watchdog.stdin.close()
    watchdog.wait(10)
