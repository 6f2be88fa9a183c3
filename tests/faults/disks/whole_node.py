"""A real node's two lives between two clients and an archive, recorded with all its threads.

In the first the clients send at once, the archive is sent to and promises, and the node deletes.
The second begins after a SIGTERM and ends without the last promises.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.commands.lying_pacs.script import never_reports
from tests.faults.callers.client import Client
from tests.faults.callers.instances import Instance, small_instance
from tests.faults.disks.overheard import Overheard
from tests.faults.disks.recording import _LONGEST, _REFUSED, _UNDERSTOOD, Recording
from tests.faults.disks.threads import SOCKET_CALLS, ThreadsReader
from tests.faults.judging.books import Book
from tests.faults.nodes.attacked import peers_for
from tests.peers.fixtures import require_program
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import LOOPBACK, free_port

CLIENTS = 2
FIRST, SECOND = 4, 2  # instances of each client, in the first life and in the second
PIXELS = 2_000
PATIENCE_S = 60.0


class RecordedNode(EchoNodeProcess):
    """See nodes/recorded.py; strace writes into `trace`, and ends with the node."""

    module = "tests.faults.nodes.recorded"

    @property
    def data_dir(self) -> Path:
        return self.folder / "root" / "var"

    def trace_into(self, trace: Path) -> None:
        """From the next start on."""
        calls = ",".join((*_UNDERSTOOD, *SOCKET_CALLS, _REFUSED))
        self.trace = trace
        # -D: the node is our child, and signals reach it.
        self.wrapper = (
            *(require_program("strace"), "-D", "-f", "--seccomp-bpf", "-q", "-xx"),
            *("-s", str(_LONGEST), "-o", trace, "-e", f"trace={calls}"),
        )

    def stop(self, *, deadline_s: float = 60.0) -> int:
        pid = self.child.pid
        code = super().stop(deadline_s=deadline_s)
        ended = re.compile(rf"^{pid} +\+\+\+ exited", re.MULTILINE)
        _wait(lambda: ended.search(self._last()), "the trace ends")
        return code

    def _last(self) -> str:
        return self.trace.read_text()[-2_000:] if self.trace.exists() else ""


def record_node(folder: Path, *, defect: str = "") -> Recording:
    """Both lives, from an empty folder `folder`/root on. Raises NotUnderstood."""
    root = folder / "root"
    root.mkdir(parents=True)
    stored: list[Instance] = []
    traces = [folder / "first.strace", folder / "second.strace"]
    with ExitStack() as stack:
        node_port = free_port()
        book = Book(folder / "pacs.book")
        stack.callback(book.close)
        archive = stack.enter_context(LyingArchive(book, node_port=node_port))
        node = _node(folder, node_port, archive.port, defect)
        stack.callback(node.put_away)
        _live(node, traces[0], lambda: stored.extend(_store_at_once(node.port, FIRST)))
        _wait(lambda: not node.stored_files() and archive.reported, "promised and deleted")
        assert node.stop() == 0
        archive.commit = never_reports
        already = len(archive.kept)
        _live(node, traces[1], lambda: stored.extend(_store_at_once(node.port, SECOND)))
        _wait(lambda: len(archive.kept) == already + CLIENTS * SECOND, "sent")
        assert node.stop() == 0
        overheard = Overheard(
            hashes={instance.sop_instance_uid: instance.sha256 for instance in stored},
            transactions={
                asked.transaction_uid: [item.sop_instance_uid for item in asked.items]
                for asked in archive.asked
            },
        )
    return _read(root, traces, overheard)


def _node(folder: Path, port: int, archive_port: int, defect: str) -> RecordedNode:
    pacs = {
        "ae_title": "PACS",
        "host": LOOPBACK,
        "port": archive_port,
        "may": ["echo", "commit"],
    }
    clients = peers_for(CLIENTS)
    return RecordedNode(
        folder=folder,
        port=port,
        peers=clients | {"pacs": pacs},
        destinations=[{"peer": "pacs", "commitment": "required"}],
        extra={
            "forwarding": [{"from": name, "to": ["pacs"]} for name in clients],
            "retention": {"keep_days_after_commit": 0, "minimum_free_percent": 0},
        },
        env={"ECHONODE_TEST_DEFECT": defect},
    )


def _live(node: RecordedNode, trace: Path, work: Callable[[], None]) -> None:
    node.trace_into(trace)
    node.start(deadline_s=PATIENCE_S)
    work()


def _store_at_once(port: int, count: int) -> Sequence[Instance]:
    """Each client stores so many, on one association, while the others do."""
    instances = [[small_instance(pixels=PIXELS) for _ in range(count)] for _ in range(CLIENTS)]
    threads = [
        threading.Thread(target=_store, args=(port, f"SCU{number}", own))
        for number, own in enumerate(instances)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [instance for own in instances for instance in own]


def _store(port: int, calling: str, instances: Sequence[Instance]) -> None:
    with Client(port) as client:
        client.associate(calling)
        for instance in instances:
            client.store(instance)
        client.release()


def _read(root: Path, traces: Sequence[Path], overheard: Overheard) -> Recording:
    reader = ThreadsReader(str(root), "/no book", heard=overheard.heard, closed=overheard.closed)
    for line in overheard.offered():
        reader.say(line)
    for trace in traces:
        with trace.open() as lines:
            reader.read_process(line.rstrip("\n") for line in lines)
    return Recording(root=reader.root, steps=tuple(reader.steps))


def _wait(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S:g} s: {what}"
        time.sleep(0.05)
