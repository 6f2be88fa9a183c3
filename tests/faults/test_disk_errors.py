"""Errors of the disk itself (scenario 8): EIO for the n-th call, or for all of them for a while.

They are injected by strace into the running node, at the calls that make things durable.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.disks.scene import OUT_OF_RESOURCES, SUCCESS, DiskScene, disk_scene
from tests.faults.nodes.forked import ForkedNode
from tests.faults.nodes.numbered import NUMBERED_FILES, files_to_come
from tests.faults.programme import DISK_ERRORS
from tests.faults.test_judge import NOTHING
from tests.peers.fixtures import require_program
from tests.support.waiting import wait_until

# fsync: of folders; fdatasync: of files and the database; pwrite64: the database's; rename and
# link: into its place; pread64: of the database and of what is sent. (write is tried in
# tests/integration/store: here it also writes the log that the test waits for.)
HEADS = "read,pread64"  # of what was just written, whichever of them reads its head
CALLS = ("fsync", "fdatasync", "pwrite64", "rename", "pread64", HEADS, "link")
AWHILE_S = 0.5
PATIENCE_S = 30.0


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[DiskScene]:
    """All at work, where strace may be attached to it."""
    require_program("strace")
    with disk_scene(tmp_path, env={NUMBERED_FILES: "yes"}) as made:
        yield made


@contextmanager
def failing(node: ForkedNode, call: str, *, when: str, folder: Path) -> Iterator[None]:
    """For the length of the block calls of a process fail: `when` as strace counts, per thread.

    HEADS: of the files that are being written alone, and of those that peers' instances are
    written into next; elsewhere they read pipes and wake-ups.
    """
    said = folder / "strace.log"
    pid = node.pid
    files = files_to_come(node.data_dir) if call == HEADS else []
    command = [
        *("strace", "-f", "-qq", "-o", "/dev/null", "-p", str(pid)),
        *(word for path in files for word in ("-P", str(path))),
        *("-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={when}"),
    ]
    with said.open("w") as errors:
        tracer = subprocess.Popen(command, stderr=errors, start_new_session=True)
    try:
        wait_until(lambda: traced(pid) or tracer.poll() is not None, "strace attached")
        if tracer.poll() is not None:
            pytest.skip(f"strace may not be attached here: {said.read_text().strip()}")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(PATIENCE_S)


def traced(pid: int) -> bool:
    """Whether all threads of a process have a tracer; those that end meanwhile need none."""
    statuses = []
    for path in Path(f"/proc/{pid}/task").glob("*/status"):
        with suppress(FileNotFoundError, ProcessLookupError):
            statuses.append(path.read_text())
    return all("TracerPid:\t0\n" not in status for status in statuses)


def errors_of(number: int) -> tuple[str, str]:
    """Which call, and which of each thread's: all, or the n-th and no other."""
    call = CALLS[number % len(CALLS)]
    nth = number // len(CALLS)
    return call, "1+" if nth == 0 else str(nth)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_error_of_the_disk_is_a_refusal_and_no_loss(scene: DiskScene, tmp_path: Path) -> None:
    """Each durable call fails, all of a while or one in passing: the client gets A700 and never
    success, the operator sees it, and when the disk is well again all goes on without a restart. A
    restart is asked for, to check the database, where that could not be read.
    """
    for number in range(DISK_ERRORS.count):
        call, when = errors_of(number)
        scene.wait_stored(2)
        scene.forget_answers()
        with failing(scene.node, call, when=when, folder=tmp_path):
            if when == "1+" and call != "pread64":
                # While there are files in the pool, what a peer sends needs neither of these; and a
                # capture is renamed, where a peer's instance is linked.
                clients, captures = call not in ("fsync", "rename"), call != "link"
                scene.wait_refused(scene.node.mark(), clients=clients, captures=captures)
            time.sleep(AWHILE_S)
        scene.wait_stored(1)
        assert scene.answers() <= {SUCCESS, OUT_OF_RESOURCES}, f"{call} {when}"
    scene.restart_if_in_doubt()
    scene.come_to_rest()
    assert scene.verdict() == NOTHING
