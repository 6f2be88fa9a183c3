"""The whole machine: built from the configuration, started in order, stopped in reverse.

    probes ─► intake ─► store ─► delivery ─► PACS
                        ▲   │                 │
    peers ─► acceptor ──┤   └─► find, move, get ─► viewers
                        └────── commitment reports

Rules
- A store whose disk cannot be written is served for queries and retrieval; what would write into it
  (intake, deliveries, reports) is not started, and the node is not ready.
- What others need comes first: the store before everything, the listeners before the probes. The
  log says `node_ready` once every listener answers.
- Stopping goes the other way, within one deadline: probes close their clips, the intake stores
  them, the listeners end, deliveries finish the instance under way, the store closes last.
- Packages do not know each other; the callables that join them are in this folder: archives.py,
  scanning.py, exams.py, ris.py, dimse_services.py, and what is left here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from echonode import __version__
from echonode.config import Config
from echonode.dicomweb.description import describe
from echonode.dimse.acceptor import Acceptor
from echonode.intake.storage_scp import StorageSCP
from echonode.log import get_logger
from echonode.maintenance.background_recovery import BackgroundRecovery
from echonode.maintenance.describing import Describing
from echonode.maintenance.erasing import Erasing
from echonode.maintenance.journaling import Journaling
from echonode.maintenance.scrubbing import ScrubCounters
from echonode.monitoring.monitor import MonitoredNode, NodeMonitor
from echonode.monitoring.preflight.preflight import Preflight
from echonode.node.anonymising import NodeAnonymising
from echonode.node.archives import ArchiveParts
from echonode.node.audit import NodeAudit
from echonode.node.dimse_services import dimse_services
from echonode.node.exams import ExamParts
from echonode.node.http import web_servers
from echonode.node.prints import PrintParts
from echonode.node.process_limits import descriptor_limit
from echonode.node.ris import RisParts
from echonode.node.running_parts import RunningParts
from echonode.node.scanning import ScanningParts
from echonode.node.settings.cluster import destinations_digest
from echonode.node.settings.hl7 import hl7_listener
from echonode.node.settings.listeners import call_back_address, listener_addresses, listener_limits
from echonode.node.settings.notices import notifier
from echonode.node.settings.parts import (
    free_space,
    housekeeping,
    log_recovery,
    scrubbing,
)
from echonode.node.settings.stores import open_store
from echonode.node.user_administration import show_setup_code
from echonode.node.viewer_server import served_at
from echonode.store.store import utc_now
from echonode.transcoding.process_pool import TranscodeWorkers
from echonode.transcoding.reencoder import Reencoder
from echonode.transcoding.single_frame import FrameReader
from echonode.web.server import WebServer

if TYPE_CHECKING:
    from echonode.node.cluster import ClusterPart

log = get_logger(__name__)

# compose and systemd are configured to wait longer than this before they kill.
STOP_DEADLINE_S = 30.0


class Node:
    """One running EchoNode. `start` returns when it serves; `stop` when all is put away."""

    def __init__(self, config: Config) -> None:
        """Open the store and build every part; nothing runs yet.

        Raises StoreLocked, SchemaTooNew, ConfigError, OutOfSpace.
        """
        self.config = config
        self.peers = config.peer_values()
        self.destinations = config.destination_values()
        names = [destination.name for destination in self.destinations]
        self.store = open_store(config, now=utc_now, recover_later=True)
        with ExitStack() as broken_off:
            broken_off.callback(self.store.close)
            self._build(names)
            broken_off.pop_all()

    def _build(self, names: Sequence[str]) -> None:
        """Every part around the open store; names: of the destinations."""
        config = self.config
        self.store.nodes.agree(destinations_digest(config))
        self.audit = NodeAudit(config, lookup=self.store.whose, now=utc_now)
        self._free_space = free_space(config)
        codecs = TranscodeWorkers()
        self._reencoder = Reencoder(self.store.files.scratch, codecs)
        self._frames = FrameReader(codecs, self._reencoder.lossless)
        self._anonymising = NodeAnonymising(config, self.store, self._reencoder)
        self._call_back = call_back_address(config)
        self._storage = StorageSCP(
            self.store,
            forwarding=config.forwarding_by_peer(),
            refusal=self._free_space.refusal,
            cuts_trailing_bytes=config.content.trailing_bytes == "cut",
        )
        self._running = RunningParts()

        self.archives = ArchiveParts(
            config,
            self.store,
            destinations=self.destinations,
            reencoder=self._reencoder,
            anonymising=self._anonymising,
            call_back=self._call_back,
            observer=self.audit.requests,
            now=utc_now,
        )
        self.acceptor = Acceptor(
            ae_title=config.ae_title,
            listeners=listener_addresses(config.listen),
            peers=self.peers,
            services=self.audit.services.around(
                dimse_services(
                    config,
                    self.store,
                    storage=self._storage,
                    archives=self.archives,
                    reencoder=self._reencoder,
                    now=utc_now,
                )
            ),
            limits=listener_limits(config, descriptor_limit()),
            say_which_title=config.admission.say_which_title,
            on_refused=self.audit.callers.refused,
        )
        self.exams = ExamParts(
            config,
            self.store,
            refusal=self._no_capture,
            associate=self.archives.associate,
            frames=self._frames,
            now=utc_now,
        )
        self.ris = RisParts(
            config, self.store, requestor=self.archives.requestor, us=self._call_back, now=utc_now
        )
        self.prints = PrintParts(
            config,
            self.store,
            self._frames,
            associate=self.archives.requestor.associate,
            now=utc_now,
            on_film=self.audit.work.printed,
        )
        self.scanning = ScanningParts(
            config,
            self.store,
            destinations=names,
            exams=self.exams,
            no_capture=self._no_capture,
            on_stored=self.audit.work.captured,
            now=utc_now,
        )
        self.hl7 = hl7_listener(config, self.store, now=utc_now, on_applied=self.audit.orders)
        self._reader = self._monitor()
        self._scrubbing = scrubbing(config, self.store)
        self._journaling = Journaling(self.store.journal)
        self.erasing = Erasing(
            self.store,
            policies=config.commitment_policies(),
            forget=self.audit.forget,
            record=self.audit.work.erased,
            now=utc_now,
        )
        self.notices = notifier(config, now=utc_now)
        self._housekeeping = housekeeping(
            config,
            self.store,
            self._reader,
            now=utc_now,
            on_deleted=self.scanning.deleting(self.audit.work.deleted),
            on_alarms=self.notices.look,
        )
        self._describing = Describing(self.store.descriptions, describe) if config.web else None
        self._recovery = BackgroundRecovery(
            self.store.recovery,
            on_found=log_recovery,
            on_done=self.scanning.recovered(self.store, self._housekeeping.look_now),
        )
        self._cluster = self._cluster_part() if self.store.nodes.is_shared else None
        self.web: WebServer | None = None
        self.viewer: WebServer | None = None
        if config.web:
            self.web, self.viewer = web_servers(
                config.web,
                config=config,
                store=self.store,
                monitor=self._reader,
                preflight=Preflight(
                    config,
                    associate=self.archives.requestor.associate,
                    awaited=self.archives.awaited,
                    us=self._call_back,
                    now=utc_now,
                    has_users=self.store.users.any,
                ),
                exams=self.exams,
                ris=self.ris,
                reencoder=self._reencoder,
                anonymising=self._anonymising,
                storage=self._storage,
                ae_title=config.ae_title,
                live=self.scanning.live,
                viewing=self.scanning.viewing,
                frames=self._frames,
                destinations=self.destinations,
                delivery_status=self.archives.status,
                call_now=self.archives.call_now,
                call_back=str(self._call_back),
                audit=self.audit,
                prints=self.prints,
                erasing=self.erasing,
                now=utc_now,
            )

    # --- its life ---

    def start(self) -> None:
        """Start every part, in order. Raises OSError where an address cannot be bound."""
        began = time.monotonic()
        with RunningParts() as running:
            running.close_later(self.store.close)
            running.close_later(self._reencoder.close)
            running.start(self.audit)
            log_recovery(self.store.recovery.report)
            if self.store.unwritable:
                log.error("store_unwritable", reason=self.store.unwritable, alarm=True)
            else:
                self._start_writing(running)
            running.start(self.notices, self._housekeeping, self.acceptor, self.hl7)
            if self.web:
                running.start(*self.scanning.pictures, self.web)
                if not self.web.is_local:
                    show_setup_code(self.store.users, now=utc_now)
            running.start(self.viewer, self._recovery)
            if self._cluster:  # it starts the probes that are this node's
                running.stop_later(self._cluster)
                self._cluster.start(self.scanning.sources)
            else:
                running.start(*self.scanning.sources)
            self._running = running
        log.info(
            "node_ready",
            ae_title=self.config.ae_title,
            version=__version__,
            listeners=[f"{host}:{port}" for host, port in self.acceptor.addresses],
            web="{}:{}".format(*self.web.address) if self.web else None,
            viewer="{}:{}".format(*self.viewer.address) if self.viewer else None,
            hl7="{}:{}".format(*self.hl7.address) if self.hl7 else None,
            data_dir=str(self.config.data_dir.absolute()),
            milliseconds=round((time.monotonic() - began) * 1000),
        )

    def _start_writing(self, running: RunningParts) -> None:
        """Start the parts that write to the store: where it is read-only, none of them runs."""
        running.start(self._journaling)
        self.exams.desk.resume()
        self._share_duties()
        running.start(self.exams.unfinished, self.exams.rejection_looks)
        running.start(self.ris.worklist, self.ris.steps, self.exams.results)
        running.start(self.scanning.intake, self.archives.commitment_scp)
        running.start_together(tuple(self.archives.workers.values()))
        running.start_together(tuple(self.prints.workers.values()))
        running.start(self.erasing, self._describing, self._scrubbing)

    def _share_duties(self) -> None:
        """Of several nodes one does what need not be done twice; which one it is may change."""
        for part in (
            self.exams.unfinished,
            self.exams.rejection_looks,
            self.ris.worklist,
            self.ris.steps,
            self.archives.commitment_scp,
            self._describing,
            *self.prints.workers.values(),
        ):
            if part:
                part.only_while(self.store.nodes.leads)

    def stop(self, deadline_s: float = STOP_DEADLINE_S) -> None:
        """Stop every part in reverse, within `deadline_s` in all; then nothing is left running."""
        self._running.stop_by(deadline_s)
        for worker in self.archives.workers.values():
            worker.ask_stop()  # no delivery is begun while the others stop: it would be waited for
        self._running.stop()
        log.info("node_stopped", ae_title=self.config.ae_title)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- the callables that join the packages ---

    def _cluster_part(self) -> ClusterPart:
        # Here, because it needs psycopg, which a node with SQLite need not have.
        from echonode.node.cluster import ClusterPart

        return ClusterPart(
            self.store,
            index_url=self.config.index.server_url,
            destinations=[each.name for each in self.destinations],
            wake=self.archives.wake,
        )

    def _no_capture(self) -> str:
        """Why no capture may begin just now; '' when one may."""
        return self.store.unwritable or self._free_space.refusal()

    def _monitor(self) -> NodeMonitor:
        return NodeMonitor(
            MonitoredNode(
                config=self.config,
                store=self.store,
                sources=self.scanning.sources,
                intake_counters=lambda: self.scanning.intake.counters,
                scrub_counters=lambda: (
                    self._scrubbing.counters if self._scrubbing else ScrubCounters()
                ),
                content_counters=lambda: self._storage.content.counters,
                active_associations=lambda: self.acceptor.active_associations,
                delivery_status=self.archives.status,
                commit_times=self.archives.commit_times,
                free_space=self._free_space,
                call_back=str(self._call_back),
                now=utc_now,
                held_steps=self.ris.held_steps,
                viewers=self.scanning.viewing.counts,
                viewer_port=lambda: served_at(self.config),
                audit=self.audit.status,
            )
        )
