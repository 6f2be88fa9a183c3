"""A node at full load: a probe, eight clients, and two archives that promise; all with books.

Everything but the node outlives its lives: clients call again, archives report to the next life.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.commands.lying_pacs.script import Way, reporting
from tests.faults.callers.client import Client
from tests.faults.callers.storing_clients import StoringClients
from tests.faults.judging.books import Book
from tests.faults.judging.verdict import judged
from tests.faults.nodes.attacked import peers_for
from tests.faults.nodes.forked import ForkedNode
from tests.peers.node_process import ProbeSimProcess
from tests.peers.ports import free_port
from tests.support.waiting import wait_until

CLIENTS, PIXELS = 8, 4_000
ARCHIVES = ("pacs", "vna")
LOUD_S, QUIET_S = 0.02, 1.0
# An archive's report that found nobody is asked for again 15 s after a start.
DRAINED_WITHIN_S = 180.0


class PacedClients(StoringClients):
    """Each pauses after an instance, for so long that the archives can keep up, or get ahead."""

    pause_s = LOUD_S

    def _store(self, client: Client) -> None:
        super()._store(client)
        self._over.wait(self.pause_s)


class FullLoad:
    """`node` is not started yet; leaving the block ends it and everything around it."""

    def __init__(self, folder: Path, *, env: Mapping[str, str] | None = None) -> None:
        self._stack = ExitStack()
        self._books = {name: Book(folder / f"{name}.book") for name in ("clients", "probe")}
        port = free_port()
        self.archives = {
            name: LyingArchive(Book(folder / f"{name}.book"), ae_title=name.upper(), node_port=port)
            for name in ARCHIVES
        }
        self.archives["vna"].commit = reporting(ways=(Way.SAME_ASSOCIATION,))
        self.probe = ProbeSimProcess("--protocol", "echopen", "--dialect", "kit", "--fps", "20")
        self.clients = PacedClients(port, self._books["clients"], clients=CLIENTS, pixels=PIXELS)
        self.node = ForkedNode(
            folder=folder, port=port, env=env, extra=self._extra(), **self._sections()
        )

    def _sections(self) -> dict[str, Any]:
        archives = {
            name: {
                "ae_title": archive.ae_title,
                "host": "127.0.0.1",
                "port": archive.port,
                "may": ["echo", "commit"],
            }
            for name, archive in self.archives.items()
        }
        capture = {"mode": "auto", "max_clip_s": 0.1, "gap_s": 0.2}
        probe = {
            "name": "handheld",
            "protocol": "echopen",
            "dialect": "kit",
            "connect": self.probe.address,
            "capture": capture,
            "image": {"rows": 64, "columns": 64},
        }
        return {
            "peers": peers_for(CLIENTS) | archives,
            "destinations": [{"peer": name, "commitment": "required"} for name in ARCHIVES],
            "probes": [probe],
        }

    @staticmethod
    def _extra() -> dict[str, Any]:
        """All goes on to both archives, and what both have promised goes from here at once."""
        forwarding = [{"from": f"scu{n}", "to": list(ARCHIVES)} for n in range(CLIENTS)]
        retention = {"keep_days_after_commit": 0, "minimum_free_percent": 0}
        return {"forwarding": forwarding, "retention": retention}

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            for archive in self.archives.values():
                undo.enter_context(archive)
            undo.enter_context(self.probe)
            undo.callback(self.node.put_away)
            undo.enter_context(self.clients)
            self._stack = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        for book in (*self._books.values(), *(at.book for at in self.archives.values())):
            book.close()

    def be_quiet(self, quiet: bool) -> None:
        """Whether the clients leave the node time to get its commitments, and to delete."""
        self.clients.pause_s = QUIET_S if quiet else LOUD_S

    def write_captures_down(self) -> None:
        """What the node said in its last life that it had stored of the probe's."""
        for event in self.node.life_events():
            if event["event"] == "instance_stored" and "destinations" in event:
                self._books["probe"].write("stored", uid=event["sop_instance_uid"])

    def books(self) -> list[Path]:
        """The clients' and the probe's."""
        return [book.path for book in self._books.values()]

    def verdict(self) -> dict[str, list[str]]:
        """The judge's, on all books."""
        return judged(
            data_dir=self.node.data_dir,
            books=self.books(),
            required={name: archive.book.path for name, archive in self.archives.items()},
        )

    def unpromised(self) -> int:
        """Deliveries that their archive has not committed; the node's own count."""
        return self._count("SELECT count(*) FROM delivery WHERE state <> 'committed'")

    def deleted(self) -> int:
        """Instances that the node has deleted."""
        return self._count("SELECT count(*) FROM tombstone")

    def _count(self, statement: str) -> int:
        address = f"file:{self.node.data_dir / 'index.sqlite'}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            return int(connection.execute(statement).fetchone()[0])

    def drain(self) -> None:
        """In a life without faults everything is delivered and promised; the node then stops."""
        self.clients.stop()
        self.probe.stop()
        self.node.start()
        wait_until(
            lambda: self.unpromised() == 0,
            lambda: f"drained: {self.unpromised()} deliveries are left",
            timeout_s=DRAINED_WITHIN_S,
        )
        assert self.node.stop() == 0
        self.write_captures_down()

    def let_go(self) -> None:
        """In another such life the node deletes what both archives have committed."""
        self.node.start()
        wait_until(lambda: self.deleted() > 0, "an instance deleted")
        assert self.node.stop() == 0
