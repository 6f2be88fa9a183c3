"""Forks processes that die by SIGKILL at a system call or a moment that is chosen for each.

    python -m tests.faults.lives.killed_processes [STEP]

Everything a step (steps.py) imports is imported once, and STEP, which has one thread, is run once,
so that no process has to compile its SQL. Each line on stdin, a JSON object, then
forks a process that runs one: {"step", "words", "call", "in_vain", "thread", "after_s"}. Its end
comes back as a line on stdout: the exit code, -9 where it was killed.

How strace kills each at another call though it knows only one rule
- All of this runs under one strace, told to kill at the 100th call of each kind, say. It counts
  every thread of every process by itself, from its beginning.
- A process that is to die at its third fsync first makes 97 of them in vain, of no file at all.
- thread: these are made by the threads whose name begins so, when they begin; '' is the first.
- The calls by which this process reports are of a kind that kills no process.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

# Read by the libraries as they are loaded: a thread of theirs would not survive a fork.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

from tests.faults.lives.steps import STEPS
from tests.support.shared_statements import share_statements

NO_FILE = 1_000_000  # a descriptor that no process has
_CLOSED = socket.socket()
_CLOSED.close()

# For each kind of call, one that does nothing and fails.
IN_VAIN: Mapping[str, Callable[[], object]] = MappingProxyType(
    {
        "write": lambda: os.write(NO_FILE, b""),
        "pwrite64": lambda: os.pwrite(NO_FILE, b"", 0),
        "fsync": lambda: os.fsync(NO_FILE),
        "fdatasync": lambda: os.fdatasync(NO_FILE),
        "ftruncate": lambda: os.ftruncate(NO_FILE, 0),
        "rename": lambda: os.rename("", ""),  # noqa: PTH104  # a Path of nothing is the folder
        "link": lambda: os.link("", ""),
        "unlink": lambda: os.unlink(""),  # noqa: PTH108
        "mkdir": lambda: os.mkdir(""),  # noqa: PTH102
        "sendto": lambda: _CLOSED.send(b""),
    }
)


def count_up(call: str, times: int) -> None:
    """Bring this thread so much nearer to its fatal call."""
    for _ in range(times):
        with suppress(OSError):
            IN_VAIN[call]()


def count_up_in_threads(prefix: str, call: str, times: int) -> None:
    """The same for threads to come."""
    begin = threading.Thread._bootstrap_inner

    def counted(self: threading.Thread) -> None:
        if self.name.startswith(prefix):
            count_up(call, times)
        begin(self)

    threading.Thread._bootstrap_inner = counted


def live(order: Mapping[str, Any]) -> None:
    """The forked process, from here to its end."""
    devnull = os.open(os.devnull, os.O_RDWR)
    os.dup2(devnull, 0)
    os.dup2(devnull, 1)
    call, thread = order.get("call"), order.get("thread", "")
    if call and thread:
        count_up_in_threads(thread, call, order["in_vain"])
    elif call:
        count_up(call, order["in_vain"])
    STEPS[order["step"]](*order["words"])


def rehearse(step: str) -> None:
    """Run a step here, on a folder that is then removed."""
    with tempfile.TemporaryDirectory(prefix="echonode-rehearsal-") as folder:
        STEPS[step](f"{folder}/var", f"{folder}/book")
    assert threading.active_count() == 1, "a thread would not survive a fork"


def main() -> None:
    share_statements()
    if len(sys.argv) > 1:
        rehearse(sys.argv[1])
    gc.collect()
    gc.freeze()
    report({"ready": os.getpid()})
    # Not `for line in sys.stdin`: a buffer would go to the fork with half of the next line.
    while line := _read_line():
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            live(order)
            return
        if order.get("after_s") is not None:
            time.sleep(order["after_s"])
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        report({"code": os.waitstatus_to_exitcode(status)})


def report(values: Mapping[str, int]) -> None:
    os.writev(1, [json.dumps(values).encode() + b"\n"])


def _read_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            return b""
        line += piece
    return line


if __name__ == "__main__":
    main()
    sys.exit(0)
