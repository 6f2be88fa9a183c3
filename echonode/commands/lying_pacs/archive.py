"""An archive that follows a script: it stores, commits, lies, falls silent and breaks off.

    with LyingArchive(book, node_port=node.port) as archive:
        archive.store = answers(0xA700)                    # script.py has the scripts
        archive.commit = reporting(ways=(Way.SAME_ASSOCIATION,))
        ...
        archive.report(commits(archive.asked[0]), Way.SEPARATE)   # when the test wants it

Rules
- Raw bytes on sockets, a thread for each association, nothing of the node.
- What it has taken and what it was asked for is in its book before the answer goes out; what it
  reported is, with the sender's answer, once that answer is in (null when none came).
- Scripts may be set while it runs. One that raises breaks the association off and is raised again
  when the archive is left.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Self

from echonode.commands.lying_pacs import reporter, wire
from echonode.commands.lying_pacs.association import ArchiveAssociation, BrokenOff
from echonode.commands.lying_pacs.commitment_wire import Report
from echonode.commands.lying_pacs.later import Later
from echonode.commands.lying_pacs.record import ArchiveRecord, Notes
from echonode.commands.lying_pacs.script import Way

PATIENCE_S = 60.0
# Connections at a time: senders open tens; a thread each.
_MOST_CONNECTIONS = 500
_MOST_FAILURES = 100


class LyingArchive(ArchiveRecord):
    """An archive on a port; scripts: `greets`, `accepts`, `store`, `commit`, `finds`.

    node_host, node_port, node_ae_title: where reports on associations of their own go; without an
    AE title, to that of the sender that asked. keep_datasets: the bytes too, not only their hashes.
    tell: is called with each event, on the thread on which it happens.
    receive_buffer: bytes that the kernel may hold for us, at least.
    """

    def __init__(
        self,
        book: Notes | None = None,
        *,
        ae_title: str = "PACS",
        node_host: str = "127.0.0.1",
        node_port: int = 0,
        node_ae_title: str = "ECHONODE",
        host: str = "127.0.0.1",
        port: int = 0,
        keep_datasets: bool = False,
        tell: Callable[[str, dict[str, Any]], None] | None = None,
        receive_buffer: int | None = None,
    ) -> None:
        super().__init__(book, keep_datasets=keep_datasets, tell=tell)
        self.ae_title = ae_title
        self.node_host, self.node_port = node_host, node_port
        self.node_ae_title = node_ae_title
        self._later = Later(f"{ae_title} reports")
        self._reporting = threading.Lock()  # held while a report is on an association of its own
        self._associations: set[ArchiveAssociation] = set()
        self._threads: list[threading.Thread] = []
        self._failures: list[Exception] = []
        self._listener = socket.create_server((host, port), backlog=128)
        if receive_buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._accepting = threading.Thread(target=self._accept, name=f"{ae_title} accepts")

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    # --- its life ---

    def start(self) -> None:
        """Take connections from now on."""
        self._accepting.start()

    @property
    def failures(self) -> int:
        """How many threads ended with an error: of a script, or of bytes that are no DICOM."""
        return len(self._failures)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close()
        if kind is None and self._failures:
            raise self._failures[0]

    def close(self) -> None:
        """Break off what is open and end; harmless a second time."""
        self._over.set()
        self._later.close(PATIENCE_S)
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
            with self._changed:
                self._numbers["connections"] += 1
                number, full = self._numbers["connections"], len(self._associations)
                if full >= _MOST_CONNECTIONS:
                    connection.close()
                    continue
                association = ArchiveAssociation(self, connection, number)
                self._associations.add(association)
            self._spawn(partial(self._serve, association))

    def _serve(self, association: ArchiveAssociation) -> None:
        try:
            association.serve()
        except BrokenOff:
            pass  # by a script, or by `break_off`
        except (OSError, wire.WireError) as error:  # by the sender
            self.tell("connection_ended", reason=str(error))
        finally:
            association.over()
            with self._changed:
                self._associations.discard(association)

    def _spawn(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 (the thread's top; raised again)
                self.tell("failed", reason=f"{type(error).__name__}: {error}")
                with self._changed:
                    if len(self._failures) < _MOST_FAILURES:
                        self._failures.append(error)

        thread = threading.Thread(target=run, name=self.ae_title, daemon=True)
        with self._changed:
            self._threads = [t for t in self._threads if t.is_alive()]
            self._threads.append(thread)
            thread.start()

    # --- what a test does and waits for ---

    def report(self, report: Report, way: Way = Way.SEPARATE, *, called: str = "") -> int | None:
        """Report now, on an association of its own; the status the sender answered.

        called: its AE title, where node_ae_title has none.
        """
        status = reporter.send_report(
            report,
            host=self.node_host,
            port=self.node_port,
            calling=self.ae_title,
            called=self.node_ae_title or called,
            with_role=way is not Way.WITHOUT_ROLE,
            transfer_syntaxes=(
                (wire.IMPLICIT_LITTLE,) if way is Way.IMPLICIT_ONLY else (wire.EXPLICIT_LITTLE,)
            ),
        )
        self.note_reported(report, way, status)
        return status

    # --- what its associations tell ---

    def report_apart(
        self, promised: list[tuple[Way, Report]], *, delay_s: float = 0.0, called: str = ""
    ) -> None:
        """Each on an association of its own, one after the other, while this one goes on."""

        def work() -> None:
            for way, report in promised:
                with self._reporting:
                    self._report_if_it_can(report, way, called)

        if promised and delay_s:
            self._later.add(delay_s, work)
        elif promised:
            self._spawn(work)

    def _report_if_it_can(self, report: Report, way: Way, called: str) -> None:
        try:
            self.report(report, way, called=called)
        except OSError:
            self.note_reported(report, way, None)  # the sender is not there
