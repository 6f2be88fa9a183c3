"""Starts one node after the other without paying for Python's start and imports each time.

    python -m tests.faults.nodes.preforked_node CONFIG

Everything that `echonode run` imports is imported once; each line on stdin then forks a child that
runs the real command's main, in a process group of its own, and on until it ends. Nothing else is
shared: the process has one thread when it forks, no descriptor but the standard three, and no node
has ever run in it. On stdout, between the node's own lines, it says

    {"event": "life_began", "pid": 123}    and    {"event": "life_ended", "code": -9}
"""

from __future__ import annotations

import gc
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

# Read by the libraries as they are loaded: a thread of theirs would not survive a fork.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import echonode.commands.run  # noqa: F401  # for what it brings along: all of the node
from echonode import cli
from echonode.config import load
from tests.faults.nodes.answers_too_early import DEFECTS
from tests.faults.nodes.numbered import number_files_if_asked
from tests.faults.nodes.short_lease import shorten_lease_if_asked


def say(event: str, **values: int) -> None:
    """A line of its own, wherever the one before was cut off."""
    os.write(1, f"\n{json.dumps({'event': event, **values})}\n".encode())


def live(config: str) -> None:
    """The child: `echonode run` from here to its end."""
    os.setpgid(0, 0)
    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, 0)
    os.close(devnull)
    sys.argv = ["echonode", "run", "--config", config]
    cli.main()


def main(config: str) -> None:
    load(Path(config), os.environ)  # what validation needs is made now, and not in each life
    gc.collect()
    gc.freeze()
    DEFECTS[os.environ.get("ECHONODE_TEST_DEFECT", "")]()
    number_files_if_asked()
    shorten_lease_if_asked()
    say("preforked_ready")
    # Not `for line in sys.stdin`: a buffer would go to the child with half of the next line.
    while os.read(0, 1):
        threads = list(Path("/proc/self/task").iterdir())
        if len(threads) != 1:
            raise SystemExit(f"{len(threads)} threads: a fork would not be a start")
        pid = os.fork()
        if pid == 0:
            live(config)
            return
        with suppress(PermissionError):  # the child has done it, and has gone on
            os.setpgid(pid, pid)
        say("life_began", pid=pid)
        _, status = os.waitpid(pid, 0)
        say("life_ended", code=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[1])
