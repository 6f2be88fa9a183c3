"""Starts of the node that cost milliseconds: forked off a process that has imported it.

Rules
- The process that runs is the real command's main, with its own session, folder, environment and
  output (ready_to_fork.py). Only how it came to be is another.
- One process to fork from for each test run, started at the first use. It ends with the run.
- Where the way a process starts matters, a start is a real one: a wrapper, a limit of the shell's,
  a changed node, an environment that Python or its libraries read as they start, and all of
  `make faults`, `make long` and `make bench`.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
_ANSWER_BYTES = 4096
_DEADLINE_S = 60.0  # for the imports, on a busy machine
# What Python, the C library and OpenBLAS read once, as they start.
_READ_AT_START = ("PYTHON", "LD_", "MALLOC_", "OPENBLAS_", "OMP_", "SQLITE_", "LC_", "LANG")

_allowed = False
_lock = threading.Lock()
_starter: _Starter | None = None


def allow() -> None:
    """From now on starts may be forked, in this process."""
    global _allowed
    _allowed = True


def may_fork(environment: Mapping[str, str]) -> bool:
    """Whether a node with these settings on top of ours starts the same when it is forked."""
    return _allowed and not any(
        name.startswith(_READ_AT_START) and os.environ.get(name) != value
        for name, value in environment.items()
        if (name, value) != ("PYTHONPATH", str(ROOT))
    )


def start(
    arguments: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    log: IO[bytes],
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
) -> ForkedProcess:
    """`echonode ARGUMENTS`; stderr goes to `log`, and stdout is a pipe without one given for it.

    Raises RuntimeError.
    """
    global _starter
    with _lock:
        if _starter is None:
            _starter = _Starter()
            atexit.register(_starter.close)
        with Path(os.devnull).open("rb") as nothing:
            return _starter.start(
                arguments,
                folder=folder,
                environment=environment,
                standard=(nothing if stdin is None else stdin, stdout, log),
            )


class ForkedProcess:
    """What a `subprocess.Popen` of it would offer, as far as the tests use that."""

    stdin = None

    def __init__(self, starter: _Starter, pid: int, stdout: IO[bytes]) -> None:
        self._starter, self.pid, self.stdout = starter, pid, stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        if self.returncode is None:
            self.returncode = self._starter.code_of(self.pid, timeout_s=0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code once it has ended. Raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            left = 1.0 if deadline is None else deadline - time.monotonic()
            # In pieces, so that others may ask for theirs meanwhile.
            self.returncode = self._starter.code_of(self.pid, timeout_s=max(0, min(left, 0.05)))
            if self.returncode is None and left <= 0:
                raise subprocess.TimeoutExpired("echonode", timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it, unless the process is known to have ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class _Starter:
    """The process to fork from, and what it said of its children."""

    def __init__(self) -> None:
        self._calls, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        self._codes: dict[int, int] = {}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.starts.ready_to_fork", str(theirs.fileno())],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # an interrupt from the terminal must not reach it
            )

    def start(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        standard: tuple[IO[bytes], IO[bytes] | None, IO[bytes]],
    ) -> ForkedProcess:
        """standard: its stdin, stdout and stderr; for a stdout of None there is a pipe."""
        stdin, stdout, stderr = standard
        reading, writing = os.pipe()
        request = {
            "arguments": list(arguments),
            "folder": str(folder),
            "environment": dict(environment),
        }
        with self._lock:
            try:
                to = writing if stdout is None else stdout.fileno()
                descriptors = [stdin.fileno(), to, stderr.fileno()]
                socket.send_fds(self._calls, [json.dumps(request).encode()], descriptors)
            finally:
                os.close(writing)
            while (answer := self._answer(_DEADLINE_S)) is not None:
                if "pid" not in answer:
                    continue
                if stdout is None:
                    return ForkedProcess(self, answer["pid"], os.fdopen(reading, "rb"))
                os.close(reading)
                return ForkedProcess(self, answer["pid"], io.BytesIO())
        os.close(reading)
        raise RuntimeError("no process to fork from came up; see tests/starts/ready_to_fork.py")

    def code_of(self, pid: int, *, timeout_s: float) -> int | None:
        """The exit code of that child; None where it has not ended within the time."""
        with self._lock:
            while pid not in self._codes and self._answer(timeout_s) is not None:
                pass
            return self._codes.get(pid)

    def close(self) -> None:
        """The end of the run: it goes once it finds its socket closed."""
        self._calls.close()
        self._process.wait(10)

    def _answer(self, timeout_s: float) -> dict[str, int] | None:
        """The next message; an end is noted at once. None where none came in time."""
        if not select.select([self._calls], [], [], timeout_s)[0]:
            return None
        message = self._calls.recv(_ANSWER_BYTES)
        if not message:
            raise RuntimeError("the process to fork from is gone")
        answer: dict[str, int] = json.loads(message)
        if "ended" in answer:
            self._codes[answer["ended"]] = answer["code"]
        return answer
