"""The whole machine: built from the configuration, started in order, stopped in reverse.

    probes ─► intake ─► store ─► delivery ─► PACS
                        ▲   │                 │
    peers ─► acceptor ──┤   └─► find, move, get ─► viewers
                        └────── commitment reports

Rules
- What others need comes first: the store before everything, the listeners before the probes. The
  log says `node_ready` once every listener answers.
- Stopping goes the other way, within one deadline: probes close their clips, the intake stores
  them, the listeners end, deliveries finish the instance under way, the store closes last.
- Rooms do not know each other; the callables that join them are all in this file.
"""

from __future__ import annotations

import random
import signal
import socket
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self

from echonode import __version__
from echonode.commitment.commitment_scp import CommitmentSCP
from echonode.commitment.commitment_scu import CallBackAddress, CommitmentSCU
from echonode.commitment.report_scp import ReportSCP
from echonode.config import Config, Web
from echonode.delivery.wiring import delivery_worker
from echonode.dimse.acceptor import Acceptor, ListenerAddress
from echonode.dimse.requestor import Requestor
from echonode.dimse.services import Services
from echonode.errors import UsageError
from echonode.exam.unattended import UnattendedExams
from echonode.frames.frame import Acquisition
from echonode.frames.source import ProbeSource
from echonode.intake import Intake
from echonode.ledger import plain_rows
from echonode.local_zone import local_zone
from echonode.log import get_logger
from echonode.model.commitment import CommitmentReport
from echonode.model.exam import ExamFacts
from echonode.model.identity import Peer
from echonode.objects.equipment import NodeEquipment
from echonode.query.find_scp import FindSCP
from echonode.reencoding import native_reencoder
from echonode.retrieve.get_scp import GetSCP
from echonode.retrieve.move_scp import MoveSCP
from echonode.sources import source_settings
from echonode.status import NodeReader
from echonode.storage_scp import StorageSCP
from echonode.store.store import Store
from echonode.store.values import RecoveryReport
from echonode.web.health import health_routes
from echonode.web.server import WebServer
from echonode.web.status import console_routes

log = get_logger(__name__)

# compose and systemd are told to wait longer than this before they kill.
STOP_DEADLINE_S = 30.0
_EVERYWHERE = ("0.0.0.0", "::")


def utc_now() -> datetime:
    """Wall time, aware."""
    return datetime.now(UTC)


class _Stoppable(Protocol):
    def stop(self, deadline_s: float, /) -> object: ...


class Node:
    """One running EchoNode. `start` returns when it serves; `stop` when all is put away."""

    def __init__(self, config: Config) -> None:
        """Open the store and build every part; nothing runs yet.

        Raises StoreLocked, SchemaTooNew, OutOfSpace.
        """
        self.config = config
        self.peers = config.peer_values()
        self.destinations = config.destination_values()
        names = [destination.name for destination in self.destinations]
        self.store = Store.open(config.data_dir, now=utc_now, adopt_to=names)
        self._reencode = native_reencoder(self.store.scratch)
        self._running = ExitStack()
        self._stop_at = 0.0

        self.requestor = Requestor(ae_title=config.ae_title, commit_report=self._take_report)
        self._commitment = CommitmentSCU(
            store=self.store, call_back=self._call_back(), now=utc_now, random=random.random
        )
        self._report_scp = ReportSCP(
            store=self.store, wake=self._wake, now=utc_now, random=random.random
        )
        self._commitment_scp = CommitmentSCP(
            store=self.store,
            peers=self.peers,
            associate=self.requestor.associate,
            now=utc_now,
            random=random.random,
        )
        self.workers = {
            destination.name: delivery_worker(
                destination,
                store=self.store,
                associate=self.requestor.associate,
                commitment=self._commitment,
                now=utc_now,
                check_bytes=self.store.check_bytes,
                reencode=self._reencode,
            )
            for destination in self.destinations
        }
        self.store.on_delivery_due.append(self._wake)
        self.acceptor = Acceptor(
            ae_title=config.ae_title,
            listeners=[ListenerAddress(host=at.host, port=at.port) for at in config.listen],
            peers=self.peers,
            services=self._services(),
        )
        self.intake = Intake(
            self.store,
            destinations=names,
            exam_for=self._exam_for,
            equipment=NodeEquipment(
                software_versions=(f"EchoNode {__version__}",), station_name=config.ae_title
            ),
            local=local_zone(),
            now=utc_now,
        )
        self._exams = {
            probe.name: UnattendedExams(
                node_id=self.store.node_id,
                next_counter=lambda: self.store.counter("unidentified"),
                configured=probe.capture.patient.value() if probe.capture.patient else None,
            )
            for probe in config.probes
        }
        self.sources = [
            ProbeSource(source_settings(probe), on_acquisition=self._take)
            for probe in config.probes
        ]
        self.web = self._web_server(config.web) if config.web else None

    # --- its life ---

    def start(self) -> None:
        """Start every part, in order. Raises OSError where an address cannot be bound."""
        began = time.monotonic()
        with ExitStack() as undo:
            undo.callback(self.store.close)
            self._report_recovery()
            undo.callback(self._stop_part, self.intake)
            self.intake.start()
            undo.callback(self._stop_part, self._commitment_scp)
            self._commitment_scp.start()
            for worker in self.workers.values():
                undo.callback(self._stop_part, worker)
                worker.start()
            undo.callback(self._stop_part, self.acceptor)
            self.acceptor.start()
            if self.web:
                undo.callback(self._stop_part, self.web)
                self.web.start()
            for source in self.sources:
                undo.callback(self._stop_part, source)
                source.start()
            self._running = undo.pop_all()
        log.info(
            "node_ready",
            ae_title=self.config.ae_title,
            version=__version__,
            listeners=[f"{host}:{port}" for host, port in self.acceptor.addresses],
            web="{}:{}".format(*self.web.address) if self.web else None,
            milliseconds=round((time.monotonic() - began) * 1000),
        )

    def stop(self, deadline_s: float = STOP_DEADLINE_S) -> None:
        """Stop every part in reverse, within `deadline_s` in all; then nothing is left running."""
        self._stop_at = time.monotonic() + deadline_s
        self._running.close()
        log.info("node_stopped", ae_title=self.config.ae_title)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _stop_part(self, part: _Stoppable) -> None:
        """Stop it in what is left of the deadline; one whose turn comes late gets a moment."""
        part.stop(max(0.5, self._stop_at - time.monotonic()))

    # --- the callables that join the rooms ---

    def _services(self) -> Services:
        storage = StorageSCP(self.store)
        return Services(
            open_incoming=storage.open_incoming,
            store=storage.store,
            find=FindSCP(self.store.find, ae_title=self.config.ae_title),
            move=MoveSCP(
                select=self.store.select,
                associate=self.requestor.associate,
                destination_for={peer.ae_title: peer for peer in self.peers}.get,
                reencode=self._reencode,
            ),
            get=GetSCP(select=self.store.select, reencode=self._reencode),
            commit_request=self._commitment_scp.commit_request,
            commit_report=self._report_scp,
        )

    def _take_report(self, caller: Peer, report: CommitmentReport) -> int:
        """Reports on associations that we opened; the requestor is older than their service."""
        return self._report_scp(caller, report)

    def _take(self, acquisition: Acquisition) -> None:
        self.intake.take(acquisition)

    def _exam_for(self, connection_id: str, probe: str, started_at: datetime) -> ExamFacts:
        return self._exams[probe].exam_for(connection_id, probe, started_at)

    def _wake(self, destination: str) -> None:
        """Deliveries became due; a destination that left the configuration has no worker."""
        if worker := self.workers.get(destination):
            worker.wake()

    def _web_server(self, web: Web) -> WebServer:
        reader = NodeReader(
            self.config,
            store=self.store,
            sources=self.sources,
            intake_counters=lambda: self.intake.counters,
            active_associations=lambda: self.acceptor.active_associations,
            problem_of=lambda name: self.workers[name].problem,
            now=utc_now,
        )
        return WebServer(
            host=web.host,
            port=web.port,
            routes=[
                *health_routes(checks=reader.checks(), registry=reader.registry()),
                *console_routes(status=reader.status, ledger=lambda: plain_rows(self.store)),
            ],
        )

    def _report_recovery(self) -> None:
        """What the last stop left behind, once, where there was anything."""
        found = self.store.recovery
        if found == RecoveryReport():
            return
        log.warning(
            "store_recovered",
            temporary_files_removed=found.temporary_files_removed,
            orphans_adopted=found.orphans_adopted,
            orphans_quarantined=found.orphans_quarantined,
            deliveries_requeued=found.deliveries_requeued,
            missing_files=list(found.missing),
            database_rebuilt=found.database_rebuilt,
        )

    def _call_back(self) -> CallBackAddress:
        """What a PACS's operator has to enter to reach us."""
        listener = self.config.listen[0]
        host = socket.gethostname() if listener.host in _EVERYWHERE else listener.host
        return CallBackAddress(ae_title=self.config.ae_title, host=host, port=listener.port)


def run_until_signalled(config: Config) -> None:
    """`echonode run`: a node until SIGTERM or SIGINT; a second signal ends it at once.

    Raises EchoNodeError where it cannot start.
    """
    signalled = threading.Event()

    def on_signal(number: int, _frame: object) -> None:
        if signalled.is_set():
            # The operator insists. What is durable stays so: that is what the store is for.
            raise SystemExit(128 + number)
        signalled.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    node = Node(config)
    try:
        node.start()
    except OSError as error:
        raise UsageError(f"cannot listen: {error}") from error
    signalled.wait()
    node.stop()
