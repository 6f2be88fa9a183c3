"""A node between a modality and two archives that lie as a script says; all of them with books.

    with CommitmentBench(folder, to=["pacs"]) as bench:
        instances = bench.offer(20)                  # C-STOREd to the node, which sends them on
        bench.wait_asked(instances)                  # by the PACS, which is silent until told
        ...
        bench.retention_has_looked()                 # what may be deleted now is gone by now
        assert bench.gone() == set()

Rules
- The node is a process (nodes/deletes_at_once.py) that keeps nothing longer than it must: what it
  takes for promised is deleted at once, and a wrong promise is seen by its loss.
- What it holds is read from its database, opened read-only, and its files; what is lost is the
  judge's to say.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.commands.lying_pacs.commitment_wire import Report
from echonode.commands.lying_pacs.script import Arrival, StoreAnswer, never_reports, stores
from tests.faults.callers.client import Client
from tests.faults.callers.instances import Instance, small_instance
from tests.faults.judging.books import Book
from tests.faults.judging.verdict import judged
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import free_port
from tests.support.waiting import wait_until

PATIENCE_S = 60.0
MODALITY, CANARIES, VIEWER = "SCU", "CANARIES", "VIEWER"


class DeletesAtOnceNode(EchoNodeProcess):
    """See nodes/deletes_at_once.py."""

    module = "tests.faults.nodes.deletes_at_once"


class CommitmentBench:
    """`node`, and the archives `pacs` and `vna`, both its destinations.

    to: where what the modality stores goes. ask: instances of one request for commitment.
    defect: of accepts_any_report.py.
    """

    def __init__(
        self, folder: Path, *, to: Sequence[str] = ("pacs",), ask: int = 4, defect: str = ""
    ) -> None:
        self.book = Book(folder / "clients.book")
        port = free_port()
        self.pacs, self.vna = (
            LyingArchive(Book(folder / f"{title.lower()}.book"), ae_title=title, node_port=port)
            for title in ("PACS", "VNA")
        )
        self.archives = {"pacs": self.pacs, "vna": self.vna}
        for archive in self.archives.values():
            archive.commit = never_reports
        self.to = tuple(to)
        self._stack = ExitStack()
        self.node = DeletesAtOnceNode(
            folder=folder,
            port=port,
            peers=self._peers(),
            destinations=[{"peer": name, "commitment": "required"} for name in self.archives],
            extra={
                "forwarding": [{"from": name, "to": list(to)} for name in ("modality", "canaries")],
                "retention": {"keep_days_after_commit": 0, "minimum_free_percent": 0},
            },
            env={"ECHONODE_TEST_ASK": str(ask), "ECHONODE_TEST_DEFECT": defect},
        )

    def _peers(self) -> dict[str, dict[str, Any]]:
        clients = {"modality": MODALITY, "canaries": CANARIES, "viewer": VIEWER}
        peers: dict[str, dict[str, Any]] = {
            name: {"ae_title": title, "host": "127.0.0.1", "port": 104, "may": ["echo", "store"]}
            for name, title in clients.items()
        }
        for name, archive in self.archives.items():
            peers[name] = {
                "ae_title": archive.ae_title,
                "host": "127.0.0.1",
                "port": archive.port,
                "may": ["echo", "commit"],
            }
        return peers

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            for archive in self.archives.values():
                undo.callback(archive.book.close)
                undo.enter_context(archive)
            undo.callback(self.book.close)
            undo.enter_context(self.node)
            self._stack = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    # --- what goes in ---

    def offer(self, count: int, *, calling: str = MODALITY) -> list[Instance]:
        """So many new instances, stored on one association; each was answered 0000."""
        with Client(self.node.port) as client:
            client.associate(calling)
            instances = [self._store(client) for _ in range(count)]
            client.release()
        return instances

    def _store(self, client: Client) -> Instance:
        instance = small_instance()
        uid, sha256 = instance.sop_instance_uid, instance.sha256
        self.book.write("offered", uid=uid, sha256=sha256)
        status = client.store(instance)
        self.book.write("answered", uid=uid, sha256=sha256, status=status)
        assert status == 0, f"the node answered {status:04X}"
        return instance

    def offer_at_once(self, count: int) -> list[Instance]:
        """As `offer`, but the archives answer no C-STORE before the node has them all.

        So the requests for commitment are as large as they may be.
        """
        gate = threading.Event()

        def behind_the_gate(arrival: Arrival) -> StoreAnswer:
            gate.wait(PATIENCE_S)
            return StoreAnswer()

        before = {name: archive.store for name, archive in self.archives.items()}
        for archive in self.archives.values():
            archive.store = behind_the_gate
        try:
            return self.offer(count)
        finally:
            for name, archive in self.archives.items():
                archive.store = before[name]
            gate.set()

    # --- what the node holds ---

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        address = f"file:{self.node.data_dir / 'index.sqlite'}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=30.0)) as connection:
            return connection.execute(statement).fetchall()

    def states(self, destination: str = "pacs") -> dict[str, str]:
        """SOP Instance UID -> state of its delivery, of all that are still here."""
        rows = self._rows(
            "SELECT i.sop_instance_uid, d.destination, d.state"
            " FROM delivery d JOIN instance i ON i.id = d.instance_id"
        )
        return {uid: state for uid, where, state in rows if where == destination}

    def gone(self) -> set[str]:
        """SOP Instance UIDs of what was deleted."""
        return {uid for (uid,) in self._rows("SELECT sop_instance_uid FROM tombstone")}

    def refused(self) -> list[tuple[str, str]]:
        """(AE title, Transaction UID) of every report that was refused and recorded."""
        rows = self._rows("SELECT peer_ae_title, transaction_uid FROM refused_report ORDER BY id")
        return [(ae_title, uid) for ae_title, uid in rows]

    def flip_a_byte(self, sop_instance_uid: str) -> None:
        """The last byte of an instance's file, as a disk might; twice is as it was."""
        [file_id] = [
            file_id
            for uid, file_id in self._rows("SELECT sop_instance_uid, file_id FROM instance")
            if uid == sop_instance_uid
        ]
        [file] = (self.node.data_dir / "instances").rglob(f"{file_id}.dcm")
        raw = bytearray(file.read_bytes())
        raw[-1] ^= 0x01
        file.write_bytes(raw)

    # --- what is waited for ---

    def wait_asked(self, instances: Collection[Instance], *, at: str = "pacs") -> None:
        """Until the archive was asked to keep all of them."""
        archive, wanted = self.archives[at], {i.sop_instance_uid for i in instances}

        def all_asked() -> bool:
            return wanted <= {i.sop_instance_uid for asked in archive.asked for i in asked.items}

        archive.wait(all_asked, f"{len(wanted)} instances asked for", timeout_s=PATIENCE_S)
        # The answer to the request is in when the state says so; it was asked for before that.
        uids = list(wanted)
        wait_until(
            lambda: all(self.states(at).get(uid) == "commit_requested" for uid in uids),
            lambda: f"all asked for: {self.states(at)}{self._why()}",
            timeout_s=PATIENCE_S,
        )

    def _why(self) -> str:
        """What the node said last that was not as usual."""
        odd = [e for e in self.node.events if e["level"] in ("warning", "error")][-3:]
        return "".join(f"\n{event}" for event in odd) + f"\n{self.node.stderr()}"

    def wait_gone(self, uids: Collection[str]) -> None:
        """Until all of them are promised, and therefore deleted."""
        wait_until(
            lambda: self.gone() >= set(uids),
            lambda: f"gone: {len(set(uids) - self.gone())} of {len(uids)} are left{self._why()}",
            timeout_s=PATIENCE_S,
        )

    def retention_has_looked(self) -> None:
        """Until an instance that all promise now has been deleted: all that may go, went."""
        archives = [self.archives[name] for name in self.to]
        scripts = [(archive.store, archive.commit) for archive in archives]
        for archive in archives:
            archive.store, archive.commit = stores, never_reports
        [canary] = self.offer(1, calling=CANARIES)
        for name in self.to:
            self.wait_asked([canary], at=name)
        for archive, script in zip(archives, scripts, strict=True):
            archive.store, archive.commit = script
            *_, asked = archive.asked_for(canary.sop_instance_uid)
            # What has become due meanwhile may be asked for with it: that is not promised here.
            its_own = [i for i in asked.items if i.sop_instance_uid == canary.sop_instance_uid]
            report = Report(transaction_uid=asked.transaction_uid, committed=tuple(its_own))
            assert archive.report(report) == 0x0000
        self.wait_gone([canary.sop_instance_uid])

    def verdict(self) -> dict[str, list[str]]:
        """The judge's on a node that was stopped, without the promises that hold."""
        found = judged(
            data_dir=self.node.data_dir,
            books=[self.book.path],
            required={name: self.archives[name].book.path for name in self.to},
        )
        return {name: broken for name, broken in found.items() if broken}
