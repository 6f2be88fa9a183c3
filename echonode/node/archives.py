"""What goes out: the workers of the destinations, and storage commitment in both directions.

Rules
- A report may come on any association. One on a preflight's test image is the preflight's own; the
  store knows nothing of it.
- A destination that left the configuration has no worker: nothing wakes it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime

from echonode.commitment.commitment_scp import CommitmentSCP
from echonode.commitment.commitment_scu import CommitmentSCU
from echonode.commitment.report_scp import ReportSCP
from echonode.config import Config
from echonode.delivery.delivery_status import DeliveryStatus
from echonode.delivery.echo import ECHO_EVERY_S
from echonode.delivery.factory import DeliveryServices, delivery_worker
from echonode.delivery.recorded_associations import RecordedNegotiations
from echonode.delivery.stow.web_requestor import AnyAssociate, WebRequestor
from echonode.dimse.requestor import Requestor
from echonode.dimse.services import RequestObserver
from echonode.model.commitment import CommitmentReport
from echonode.model.identity import CallBackAddress, Destination, Peer
from echonode.monitoring.commit_times import CommitTimes
from echonode.monitoring.preflight.pending_reports import PendingReports
from echonode.node.anonymising import NodeAnonymising
from echonode.node.settings.destinations import delivery_policy, reencode_for
from echonode.store.store import Store
from echonode.transcoding.reencoder import Reencoder


class ArchiveParts:
    """The parts that send and that prove; the node starts and stops them."""

    def __init__(
        self,
        config: Config,
        store: Store,
        *,
        destinations: Sequence[Destination],
        reencoder: Reencoder,
        anonymising: NodeAnonymising,
        call_back: CallBackAddress,
        observer: RequestObserver,
        now: Callable[[], datetime],
    ) -> None:
        """observer: learns of what is sent and asked."""
        self.requestor = Requestor(
            ae_title=config.ae_title, commit_report=self.take_report, observer=observer
        )
        self.associate = AnyAssociate(
            dimse=self.requestor.associate, web=WebRequestor(observer=observer).associate
        )
        self.awaited = PendingReports()
        self.commit_times = CommitTimes()
        self.commitment_scp = CommitmentSCP(
            store=store.commitment.inbound,
            peers=config.peer_values(),
            associate=self.requestor.associate,
            now=now,
            random=random.random,
        )
        self._report_scp = ReportSCP(
            store=store.commitment.reports,
            wake=self.wake,
            now=now,
            random=random.random,
            committed=self.commit_times.observe,
        )
        services = DeliveryServices(
            store=store.deliveries,
            associate=RecordedNegotiations(self.associate, add_event=store.event_log.add, now=now),
            commitment=CommitmentSCU(
                store=store.commitment.transactions,
                call_back=call_back,
                now=now,
                random=random.random,
            ),
            now=now,
            check_bytes=store.files.check_bytes,
            key_value=store.key_value,
            echo_every_s=ECHO_EVERY_S,
            nodes=store.nodes,
        )
        self.workers = {
            destination.name: delivery_worker(
                destination,
                services,
                policy=delivery_policy(section),
                reencode=reencode_for(section, reencoder),
                anonymising=anonymising.for_destination(section.anonymise),
            )
            for destination, section in zip(destinations, config.destinations, strict=True)
        }
        store.on_delivery_due.append(self.wake)

    def take_report(self, caller: Peer, report: CommitmentReport) -> int:
        """The status that answers a report: of a preflight's own, or of the store's."""
        status = self.awaited.take(caller, report)
        return self._report_scp(caller, report) if status is None else status

    def wake(self, destination: str) -> None:
        """Deliveries became due."""
        if worker := self.workers.get(destination):
            worker.wake()

    def call_now(self, destination: str) -> None:
        """A person asks for a call of a destination, whatever pause it has."""
        if worker := self.workers.get(destination):
            worker.call_now()

    def status(self, destination: str) -> DeliveryStatus:
        """What the destination's worker does now. Raises KeyError for an unknown one."""
        return self.workers[destination].status
