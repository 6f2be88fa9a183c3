"""Two nodes at load on one PostgreSQL and one bucket, and an archive that promises; all with books.

Everything but the nodes outlives their lives. The way to the object storage can be disturbed
(`disturbed`), and the database can be killed (`kill_database`).
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from echonode.commands.lying_pacs.archive import LyingArchive
from tests.faults.callers.storing_clients import StoringClients
from tests.faults.judging.books import Book
from tests.faults.judging.delivery_history import DeliveryHistory
from tests.faults.judging.verdict import judged_together
from tests.faults.nodes.attacked import peers_for
from tests.faults.nodes.forked import ForkedNode
from tests.faults.nodes.short_lease import SHORT_LEASE, STORAGE_WAIT_S
from tests.peers.faulty_object_store import Fault, FaultyObjectStore
from tests.peers.object_stores import BUCKET, ENVIRONMENT, MotoServer
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.postgres import PostgresServer
from tests.peers.process import NotReady
from tests.support.waiting import wait_until

CLIENTS_EACH, PIXELS, PAUSE_S = 2, 2_000, 0.05
PREFIX = "clinic"
FAULTS = [fault for fault in Fault if fault is not Fault.NONE]
# An archive's report that found nobody is asked for again 15 s after a start.
DRAINED_WITHIN_S = 180.0
_DATABASE_STARTS_WITHIN_S = 30.0
_UNSENT = "SELECT count(*) FROM delivery WHERE id <= {} AND state IN ('queued', 'sending')"
_STATES = "SELECT state, count(*) FROM delivery GROUP BY state"
_UNPROMISED = "SELECT count(*) FROM delivery WHERE state <> 'committed'"


class ClusterLoad:
    """`nodes` are not started yet; leaving the block ends them and everything around them."""

    def __init__(self, folder: Path, *, chance: random.Random) -> None:
        self._stack, self._chance = ExitStack(), chance
        self._disturbed = threading.Event()
        self._books = [Book(folder / f"clients-{number}.book") for number in (0, 1)]
        ports = [free_port(), free_port()]
        self.database = PostgresServer()
        self._storage = MotoServer()
        self._folder, self._ports = folder, ports
        self.archive = LyingArchive(Book(folder / "pacs.book"), node_port=ports[0])
        self.clients = [
            StoringClients(port, book, clients=CLIENTS_EACH, pixels=PIXELS, pause_s=PAUSE_S)
            for port, book in zip(ports, self._books, strict=True)
        ]
        self.nodes: list[ForkedNode] = []
        self.history = DeliveryHistory()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.enter_context(self.database)
            undo.enter_context(self._storage)
            undo.enter_context(self.archive)
            url = self.database.create_database("clinic")
            proxy = undo.enter_context(
                FaultyObjectStore(self._storage.port, self._fault, stall_s=3 * STORAGE_WAIT_S)
            )
            self.nodes = [
                self._node(name, port, url, proxy.endpoint)
                for name, port in zip(("one", "two"), self._ports, strict=True)
            ]
            for node in self.nodes:
                undo.callback(node.put_away)
            for clients in self.clients:
                undo.enter_context(clients)
            self._stack = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        for book in (*self._books, self.archive.book):
            book.close()

    def _node(self, name: str, port: int, url: str, endpoint: str) -> ForkedNode:
        callers = peers_for(CLIENTS_EACH)
        archive = {
            "ae_title": self.archive.ae_title,
            "host": LOOPBACK,
            "port": self.archive.port,
            "may": ["echo", "commit"],
        }
        extra: dict[str, Any] = {
            "data_dir": str(self._folder / "shared"),
            "index": {"url": url},
            "node": {"name": name},
            "objects": {"url": f"s3://{BUCKET}/{PREFIX}", "endpoint": endpoint},
            "forwarding": [{"from": caller, "to": ["pacs"]} for caller in callers],
            "retention": {"keep_days_after_commit": 0, "minimum_free_percent": 0},
        }
        return ForkedNode(
            port=port,
            peers={**callers, "pacs": archive},
            destinations=[{"peer": "pacs", "commitment": "required"}],
            extra=extra,
            env={SHORT_LEASE: "yes", **ENVIRONMENT},
        )

    # --- faults ---

    def _fault(self) -> Fault:
        if not self._disturbed.is_set() or self._chance.random() < 0.5:
            return Fault.NONE
        return self._chance.choice(FAULTS)

    @contextmanager
    def disturbed(self) -> Iterator[None]:
        """Every second PUT of an instance stalls, is refused or is cut off."""
        self._disturbed.set()
        try:
            yield
        finally:
            self._disturbed.clear()

    def kill_database(self) -> None:
        """SIGKILL to the server and each of its processes, and a start after that."""
        postmaster = self.database.pid
        for pid in _children(postmaster):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.database.kill()
        deadline = time.monotonic() + _DATABASE_STARTS_WITHIN_S
        while True:
            try:
                self.database.start()
            except (NotReady, psycopg.OperationalError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)  # the last of its processes is about to end
            else:
                return

    # --- what is seen of it ---

    @property
    def _conninfo(self) -> str:
        return self.database.url("clinic").replace("postgresql+psycopg", "postgresql")

    def _rows(self, statement: str) -> list[tuple[object, ...]]:
        return self.database.execute(statement, database="clinic")

    def newest_delivery(self) -> int:
        """What was stored up to now has a delivery up to this number."""
        return int(str(self._rows("SELECT coalesce(max(id), 0) FROM delivery")[0][0]))

    def unsent(self, up_to: int) -> int:
        """How many deliveries up to a number wait or are being sent."""
        return int(str(self._rows(_UNSENT.format(up_to))[0][0]))

    def unpromised(self) -> int:
        """Deliveries that the archive has not committed."""
        return int(str(self._rows(_UNPROMISED)[0][0]))

    def deleted(self) -> int:
        """Instances that the nodes have deleted."""
        return int(str(self._rows("SELECT count(*) FROM tombstone")[0][0]))

    def verdict(self) -> dict[str, list[str]]:
        """The judge's, while no node runs; and what changed a state that it was not in."""
        found = judged_together(
            database=self._conninfo,
            bucket=f"{self._storage.endpoint}/{BUCKET}/{PREFIX}",
            books=[book.path for book in self._books],
            required={"pacs": self.archive.book.path},
        )
        return {**found, "changed twice": self.history.read(self._conninfo, "pacs")}

    def drain(self) -> None:
        """In a life without faults everything is delivered and promised; the nodes then stop."""
        for clients in self.clients:
            clients.stop()
        for node in self.nodes:
            node.start()
        wait_until(
            lambda: self.unpromised() == 0,
            lambda: f"drained: {self._rows(_STATES)} are left",
            timeout_s=DRAINED_WITHIN_S,
            every_s=0.25,
        )
        for node in self.nodes:
            assert node.stop() == 0

    def let_go(self) -> None:
        """In another such life the nodes delete what the archive has committed."""
        for node in self.nodes:
            node.start()
        wait_until(lambda: self.deleted() > 0, "an instance deleted")
        for node in self.nodes:
            assert node.stop() == 0


def _children(pid: int) -> list[int]:
    with suppress(FileNotFoundError):
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
