"""Starts `echonode` again and again, and pays for Python's start and the imports once.

    python -m tests.starts.ready_to_fork DESCRIPTOR

A child of the test run; tests/starts/forked_starts.py is the other end. DESCRIPTOR is a Unix
socket of whole messages. A request brings a command's arguments, environment and folder, and with
them the descriptors of its stdin, stdout and stderr. A child is forked, leads a session of its own
and runs the real command's main. The rest is as after a start by `python -m echonode`: this process
has one thread, and no node ever ran in it. It answers {"pid": n}, and {"ended": n, "code": n} once
that process has ended.
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Read by the libraries as they are loaded: a thread of theirs would not survive a fork.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import echonode.commands.run  # noqa: F401  # for what it brings along: all of the node
from echonode import cli

_MOST_REQUEST_BYTES = 1 << 20  # an environment and a few arguments


def forked(request: dict[str, object], standard: list[int]) -> int:
    """Fork; 0 in the child, which then is as a process that was just started is."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1:
        raise SystemExit(f"{threads} threads: a fork would not be a start")
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    for target, source in enumerate(standard):
        os.dup2(source, target)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    environment, arguments = request["environment"], request["arguments"]
    assert isinstance(environment, dict)
    assert isinstance(arguments, list)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(str(request["folder"]))
    sys.argv = ["echonode", *arguments]
    return 0


def end_of(descriptor: int, pid: int) -> dict[str, int]:
    """How a child ended. It is not awaited: as long as we live its number is no one else's."""
    end = os.waitid(os.P_PIDFD, descriptor, os.WEXITED | os.WNOWAIT)
    assert end is not None
    os.close(descriptor)
    by_itself = end.si_code == os.CLD_EXITED
    return {"ended": pid, "code": end.si_status if by_itself else -end.si_status}


def serve(calls: socket.socket) -> Callable[[], None]:
    """Until the test run is gone; in a child it returns what that child is to do."""
    children: dict[int, int] = {}  # by a descriptor that can be read once the process has ended
    calls_and_ends = select.poll()
    calls_and_ends.register(calls, select.POLLIN)
    while True:
        for descriptor, _ in calls_and_ends.poll():
            if descriptor in children:
                calls_and_ends.unregister(descriptor)
                calls.send(json.dumps(end_of(descriptor, children.pop(descriptor))).encode())
                continue
            message, standard, _, _ = socket.recv_fds(calls, _MOST_REQUEST_BYTES, 3)
            if not message:
                return lambda: None
            pid = forked(json.loads(message), standard)
            if pid == 0:
                return cli.main
            for each in standard:
                os.close(each)
            ending = os.pidfd_open(pid)
            children[ending] = pid
            calls_and_ends.register(ending, select.POLLIN)
            calls.send(json.dumps({"pid": pid}).encode())


def main(descriptor: int) -> None:
    gc.collect()
    gc.freeze()
    serve(socket.socket(fileno=descriptor))()


if __name__ == "__main__":
    main(int(sys.argv[1]))
