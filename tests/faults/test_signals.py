"""A node under load that is asked to end, is stopped for a while, or gets no memory (scenario 13).

Clients store without end, and all that they store goes on to an archive that commits it.
At the end of each test the node has delivered everything, and the books are compared.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from echonode.commands.lying_pacs.archive import LyingArchive
from tests.faults.callers.storing_clients import StoringClients
from tests.faults.judging.books import Book, read_book
from tests.faults.judging.verdict import judged
from tests.faults.nodes.attacked import peers_for
from tests.faults.nodes.forked import ForkedNode
from tests.faults.programme import ENDS_UNDER_LOAD, FULL, MEMORY_SHORTAGES, STANDSTILLS
from tests.peers.ports import free_port
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]

CLIENTS, CALLERS = 4, 12
DRAIN_S = 30.0  # what the node takes for its end, at most
SLACK_S = 10.0  # what a busy machine may add
STANDSTILL_S = 0.3
LONG_STANDSTILL_S = 600.0
SHORTAGE_S = 0.3
# A thread of ours that the system lets die at its birth keeps whoever started it waiting for ever
# (CPython's Thread.start): a node that does not serve after so long is started again.
RECOVERY_S = 5.0
# What is left to the node beyond what it has already: nothing, less than a thread's stack (8 MB),
# and what lasts for some requests.
LEFT_BYTES = (0, 1_000_000, 6_000_000, 20_000_000, 60_000_000)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A node between clients and an archive."""

    node: ForkedNode
    archive: LyingArchive
    clients: Book

    def load(
        self, *, clients: int = CLIENTS, pixels: int = 20_000, timeout_s: float = 60.0
    ) -> StoringClients:
        return StoringClients(
            self.node.port, self.clients, clients=clients, pixels=pixels, timeout_s=timeout_s
        )

    def acknowledged(self) -> set[str]:
        lines = read_book(self.clients.path)
        return {line["uid"] for line in lines if line["kind"] == "answered" and line["status"] == 0}

    def judge(self) -> None:
        """The archive gets everything; then the node ends, and the books agree."""
        acknowledged = self.acknowledged()
        wait_until(
            lambda: acknowledged <= self.archive.kept.keys(),
            lambda: f"{len(acknowledged - self.archive.kept.keys())} more at the archive",
            timeout_s=120,
        )
        assert self.node.stop() == 0, self.node.stderr()
        verdict = judged(
            data_dir=self.node.data_dir,
            books=[self.clients.path],
            required={"pacs": self.archive.book.path},
        )
        assert not any(verdict.values()), verdict


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    port = free_port()
    callers = peers_for(CALLERS)
    with ExitStack() as stack:
        archive = stack.enter_context(LyingArchive(Book(tmp_path / "archive"), node_port=port))
        pacs = {"ae_title": "PACS", "host": "127.0.0.1", "port": archive.port, "may": ["commit"]}
        node = stack.enter_context(
            ForkedNode(
                peers={**callers, "pacs": pacs},
                destinations=[{"peer": "pacs", "commitment": "required"}],
                extra={"forwarding": [{"from": name, "to": "pacs"} for name in callers]},
                port=port,
            )
        )
        yield Scene(node=node, archive=archive, clients=Book(tmp_path / "clients"))


@pytest.mark.long
def test_a_node_that_is_told_to_end_under_load_drains_in_time(scene: Scene) -> None:
    """SIGTERM while clients store and the archive is sent to: the node ends by itself within its
    thirty seconds, with exit code 0, and all that it acknowledged is there and gets to the archive.
    """
    slowest_s = 0.0
    with scene.load() as clients:
        for trial in range(ENDS_UNDER_LOAD.count):
            clients.wait_for(5 + 7 * trial % 30)
            began = time.monotonic()
            assert scene.node.stop(deadline_s=DRAIN_S + SLACK_S) == 0
            slowest_s = max(slowest_s, time.monotonic() - began)
            assert [e for e in scene.node.life_events() if e["event"] == "node_stopped"]
            scene.node.start()
    print(f"the slowest of {ENDS_UNDER_LOAD.count} ends took {slowest_s:.1f} s")
    scene.judge()


@pytest.mark.long
@pytest.mark.timeout(2_000)
def test_a_node_that_stood_still_under_load_goes_on(scene: Scene) -> None:
    """SIGSTOP under load, SIGCONT a moment later (ten minutes in the full programme): clients are
    served again without help, and nothing that was acknowledged is lost.
    """
    with scene.load() as clients:
        for trial in range(STANDSTILLS.count):
            clients.wait_for(5 + 7 * trial % 30)
            with standing_still(scene.node):
                time.sleep(LONG_STANDSTILL_S if FULL and trial == 0 else STANDSTILL_S)
            clients.wait_for(5)
    scene.judge()


@contextmanager
def standing_still(node: ForkedNode) -> Iterator[None]:
    """The node does not run."""
    os.kill(node.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(node.pid, signal.SIGCONT)


@pytest.mark.long
def test_a_node_that_gets_no_memory_loses_nothing(scene: Scene) -> None:
    """Under load the system refuses the node more memory: it refuses clients, and serves again when
    there is memory, or has to be killed and started again; what it acknowledged is there.
    """
    restarts = cut_off = 0
    for trial in range(MEMORY_SHORTAGES.count):
        with scene.load(pixels=300_000, timeout_s=RECOVERY_S) as clients:
            if not are_served(clients):
                restarts += 1
                restart(scene.node)
                clients.wait_for(3)
            left = LEFT_BYTES[trial % len(LEFT_BYTES)]
            with (
                short_of_memory(scene.node.pid, left),
                scene.load(clients=CALLERS, timeout_s=RECOVERY_S) as more,
            ):
                time.sleep(SHORTAGE_S)
            cut_off += clients.cut_off + more.cut_off
    print(f"{MEMORY_SHORTAGES.count} shortages: {restarts} restarts, {cut_off} clients cut off")
    assert cut_off, "nobody felt a shortage"
    restart(scene.node)  # one without memory may not end in order, and has not to
    scene.judge()


def are_served(clients: StoringClients) -> bool:
    """Whether they, who have just called, get answers within some seconds."""
    try:
        clients.wait_for(3, timeout_s=RECOVERY_S)
    except AssertionError:
        return False
    return True


def restart(node: ForkedNode) -> None:
    """As a service manager does with one that ended, or does not answer."""
    node.kill()
    node.start()


@contextmanager
def short_of_memory(pid: int, left: int) -> Iterator[None]:
    """The process gets `left` bytes more of address space, and no others."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    unlimited = resource.prlimit(pid, resource.RLIMIT_AS)
    has = pages * resource.getpagesize()
    resource.prlimit(pid, resource.RLIMIT_AS, (has + left, unlimited[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_AS, unlimited)
