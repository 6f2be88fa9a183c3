"""An archive that follows a script: it stores, commits, lies, falls silent and breaks off.

    with LyingArchive(book, node_port=node.port) as archive:
        archive.store = answers(0xA700)              # archives/script.py has the scripts
        archive.commit = reporting(ways=(Way.SAME_ASSOCIATION,))
        ...
        archive.report(commits(archive.asked[0]), Way.SEPARATE)   # by the test's own hand

Rules
- Raw bytes on sockets, a thread for each association, nothing of EchoNode.
- What it has taken and what it was asked for is in its book before the answer goes out; what it
  reported is, with the node's answer, once that answer is in (null when none came).
- Scripts may be set while it runs. One that raises breaks the association off and is raised again
  when the archive is left.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Self

from tests.benchmarks import wire
from tests.faults.archives import reporter
from tests.faults.archives.association import ArchiveAssociation, BrokenOff
from tests.faults.archives.commitment_wire import Report
from tests.faults.archives.script import (
    Accepts,
    Arrival,
    Asked,
    Commit,
    Promise,
    Store,
    StoreAnswer,
    Way,
    everything,
    reporting,
    stores,
)
from tests.faults.callers.instances import EXPLICIT_LITTLE
from tests.faults.judging.books import Book

PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An instance that the archive has. dataset: None unless datasets are kept."""

    sop_class_uid: str
    transfer_syntax_uid: str
    sha256: str
    dataset: bytes | None


@dataclass(frozen=True, kw_only=True)
class Reported:
    """A report that went out, and what the node answered; None where nothing came."""

    report: Report
    way: Way
    status: int | None


class LyingArchive:
    """An archive on a loopback port; scripts: `accepts`, `store`, `commit`, `finds`.

    node_port, node_ae_title: where reports on associations of their own go.
    keep_datasets: the bytes too, not only their hashes.
    """

    def __init__(
        self,
        book: Book,
        *,
        ae_title: str = "PACS",
        node_port: int = 0,
        node_ae_title: str = "ECHONODE",
        port: int = 0,
        keep_datasets: bool = False,
    ) -> None:
        self.book, self.ae_title = book, ae_title
        self.node_port, self.node_ae_title = node_port, node_ae_title
        self.accepts: Accepts = everything
        self.store: Store = stores
        self.commit: Commit = reporting()
        self.finds: Callable[[str], bool] = lambda sop_instance_uid: sop_instance_uid in self.kept
        self.kept: dict[str, Kept] = {}
        self.arrivals: list[Arrival] = []
        self.asked: list[Asked] = []
        self.reported: list[Reported] = []
        self._keep_datasets = keep_datasets
        self._changed = threading.Condition()
        self._reporting = threading.Lock()  # held while a report is on an association of its own
        self._associations: set[ArchiveAssociation] = set()
        self._threads: list[threading.Thread] = []
        self._failures: list[Exception] = []
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self._accepting = threading.Thread(target=self._accept, name=f"{ae_title} accepts")

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    # --- its life ---

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close()
        if kind is None and self._failures:
            raise self._failures[0]

    def close(self) -> None:
        """Break off what is open and end; harmless a second time."""
        if self._accepting.ident is None or not self._accepting.is_alive():
            self._listener.close()
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join(PATIENCE_S)
        self._listener.close()
        self.break_off()
        with self._changed:
            threads = list(self._threads)
        for thread in threads:
            thread.join(PATIENCE_S)

    def break_off(self) -> None:
        """Reset every association that is open now."""
        with self._changed:
            associations = list(self._associations)
        for association in associations:
            association.hang_up()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            association = ArchiveAssociation(self, connection)
            with self._changed:
                self._associations.add(association)
            self._spawn(partial(self._serve, association))

    def _serve(self, association: ArchiveAssociation) -> None:
        try:
            association.serve()
        except (BrokenOff, OSError, wire.WireError):
            pass  # by a script, by the node, or by `break_off`
        finally:
            association.over()
            with self._changed:
                self._associations.discard(association)

    def _spawn(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 (the thread's top; raised again)
                with self._changed:
                    self._failures.append(error)

        thread = threading.Thread(target=run, name=self.ae_title, daemon=True)
        with self._changed:
            self._threads = [t for t in self._threads if t.is_alive()]
            self._threads.append(thread)
            thread.start()

    # --- what a test does and waits for ---

    def report(self, report: Report, way: Way = Way.SEPARATE) -> int | None:
        """Report now, on an association of its own; the status the node answered."""
        status = reporter.send_report(
            report,
            port=self.node_port,
            calling=self.ae_title,
            called=self.node_ae_title,
            with_role=way is not Way.WITHOUT_ROLE,
            transfer_syntaxes=(
                (wire.IMPLICIT_LITTLE,) if way is Way.IMPLICIT_ONLY else (EXPLICIT_LITTLE,)
            ),
        )
        self.note_reported(report, way, status)
        return status

    def wait(self, condition: Callable[[], bool], what: str, *, timeout_s: float = 60.0) -> None:
        """Until something that the archive saw makes `condition` true. Raises AssertionError."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not condition():
                left_s = deadline - time.monotonic()
                assert left_s > 0, f"not within {timeout_s:g} s: {what}"
                self._changed.wait(left_s)

    def wait_asked(self, count: int, *, timeout_s: float = 60.0) -> list[Asked]:
        """All requests for commitment so far, once there are so many."""
        self.wait(lambda: len(self.asked) >= count, f"{count} requests", timeout_s=timeout_s)
        return list(self.asked)

    def asked_for(self, sop_instance_uid: str) -> list[Asked]:
        """The requests so far that name an instance."""
        with self._changed:
            asked = list(self.asked)
        return [a for a in asked if sop_instance_uid in {i.sop_instance_uid for i in a.items}]

    def wait_reported(self, count: int, *, timeout_s: float = 60.0) -> list[Reported]:
        """All reports so far, once so many are answered or lost."""
        self.wait(lambda: len(self.reported) >= count, f"{count} reports", timeout_s=timeout_s)
        return list(self.reported)

    # --- what its associations tell ---

    def arrived(
        self, *, uids: tuple[str, str], transfer_syntax_uid: str, calling: str, earlier: int
    ) -> tuple[Arrival, StoreAnswer]:
        """A C-STORE-RQ: what is to become of it. uids: class, instance."""
        with self._changed:
            arrival = Arrival(
                sop_class_uid=uids[0],
                sop_instance_uid=uids[1],
                transfer_syntax_uid=transfer_syntax_uid,
                calling_ae_title=calling,
                number=len(self.arrivals) + 1,
                of_association=earlier + 1,
            )
            self.arrivals.append(arrival)
            self._changed.notify_all()
        return arrival, self.store(arrival)

    def keep(self, arrival: Arrival, sha256: str, dataset: bytes, status: int | None) -> None:
        """It has the instance from now on."""
        kept = Kept(
            sop_class_uid=arrival.sop_class_uid,
            transfer_syntax_uid=arrival.transfer_syntax_uid,
            sha256=sha256,
            dataset=dataset if self._keep_datasets else None,
        )
        self.book.write("kept", uid=arrival.sop_instance_uid, sha256=sha256, status=status)
        with self._changed:
            self.kept[arrival.sop_instance_uid] = kept
            self._changed.notify_all()

    def was_asked(self, asked: Asked) -> Promise:
        """An N-ACTION-RQ: what is to become of it."""
        uids = [item.sop_instance_uid for item in asked.items]
        self.book.write("asked", transaction=asked.transaction_uid, uids=uids)
        with self._changed:
            self.asked.append(asked)
            self._changed.notify_all()
        return self.commit(asked)

    def report_apart(self, promised: list[tuple[Way, Report]]) -> None:
        """Each on an association of its own, one after the other, while this one goes on."""

        def work() -> None:
            for way, report in promised:
                with self._reporting:
                    self._report_if_it_can(report, way)

        if promised:
            self._spawn(work)

    def _report_if_it_can(self, report: Report, way: Way) -> None:
        try:
            self.report(report, way)
        except OSError:
            self.note_reported(report, way, None)  # the node is not there

    def note_reported(self, report: Report, way: Way, status: int | None) -> None:
        """A report is through."""
        self.book.write(
            "reported",
            transaction=report.transaction_uid,
            committed=[item.sop_instance_uid for item in report.committed],
            failed=[item.sop_instance_uid for item, _ in report.failed],
            status=status,
        )
        with self._changed:
            self.reported.append(Reported(report=report, way=way, status=status))
            self._changed.notify_all()
