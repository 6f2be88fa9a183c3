"""`echonode` commands that are run to their end, forked where that is allowed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.starts import forked_starts


def echonode(
    *arguments: str | Path,
    stdin: str = "",
    folder: Path = forked_starts.ROOT,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 120,
) -> subprocess.CompletedProcess[str]:
    """`echonode ARGUMENTS` in the folder, with what it printed. Raises TimeoutExpired.

    environment: on top of ours.
    """
    more = environment or {}
    if forked_starts.may_fork(more):
        return _forked([str(each) for each in arguments], stdin, folder, more, timeout_s)
    return subprocess.run(
        [sys.executable, "-m", "echonode", *arguments],
        cwd=folder,
        env={**os.environ, **more},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def _forked(
    arguments: list[str], stdin: str, folder: Path, more: Mapping[str, str], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as errors:
        given.write(stdin.encode())
        given.seek(0)
        process = forked_starts.start(
            arguments, folder=folder, environment={**os.environ, **more}, log=errors, stdin=given
        )
        too_late = threading.Event()

        def end() -> None:
            too_late.set()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(timeout_s, end)
        timer.start()
        with process.stdout:
            output = process.stdout.read()
        code = process.wait()
        timer.cancel()
        if too_late.is_set():
            raise subprocess.TimeoutExpired(arguments, timeout_s, output)
        errors.seek(0)
        return subprocess.CompletedProcess(arguments, code, output.decode(), errors.read().decode())
