"""The state of the running node: for the page, the health checks and Prometheus.

It is read from the parts when it is asked for. Nothing is kept here, and nothing has patient data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.registry import Collector

from echonode import __version__
from echonode.audit.status import AuditStatus
from echonode.config import Config
from echonode.delivery.delivery_status import DeliveryStatus
from echonode.errors import IndexDamaged, StoreError
from echonode.frames.source.source import ProbeSource
from echonode.intake.captures import IntakeCounters
from echonode.intake.content import ContentCounters
from echonode.maintenance.scrubbing import ScrubCounters
from echonode.model.delivery import DeliveryState
from echonode.model.identity import CommitmentPolicy, Destination
from echonode.monitoring.alarms import (
    INDEX_DAMAGED,
    INDEX_GONE,
    REFUSED_REPORTS_FOR,
    DestinationFacts,
    Facts,
    alarms_of,
)
from echonode.monitoring.commit_times import CommitTimes
from echonode.monitoring.encryption_alarms import EncryptionFacts
from echonode.monitoring.metrics import Metric, metrics_of
from echonode.monitoring.paced_reading import PacedReading
from echonode.store.files.free_space import FreeSpace
from echonode.store.statistics import UNPROVED
from echonode.store.store import Store
from echonode.web.health import Alarm, Check
from echonode.web.live.viewing import NOT_WATCHED, ViewerCounts
from echonode.web.status import DestinationStatus, NodeStatus, ProbeStatus


@dataclass(frozen=True, kw_only=True)
class MonitoredNode:
    """The parts of a node that its monitor reads.

    delivery_status: the delivery to a destination, by name. commit_times: how long commitments
    took. call_back: the AE, host and port that an archive must be able to call. held_steps: peer ->
    procedure steps that it refused. viewers: probe -> who watch it. viewer_port: where the viewer
    for DICOMweb is served, None where it is not. audit: how the audit trail stands.
    """

    config: Config
    store: Store
    sources: Sequence[ProbeSource]
    intake_counters: Callable[[], IntakeCounters]
    scrub_counters: Callable[[], ScrubCounters]
    active_associations: Callable[[], int]
    delivery_status: Callable[[str], DeliveryStatus]
    commit_times: CommitTimes
    free_space: FreeSpace
    call_back: str
    now: Callable[[], datetime]
    held_steps: Callable[[], Mapping[str, int]] = dict
    content_counters: Callable[[], ContentCounters] = ContentCounters
    viewers: Callable[[], Mapping[str, ViewerCounts]] = dict
    viewer_port: Callable[[], int | None] = lambda: None
    audit: Callable[[], AuditStatus] = AuditStatus


class NodeMonitor(Collector):
    """`status` for the page, `checks` for readiness, `collect` for metrics."""

    def __init__(self, node: MonitoredNode) -> None:
        self._node = node
        self._store = node.store
        self._started_at = node.now()
        self._counts = PacedReading(self._store.ledger.counts, monotonic=time.monotonic)
        self._encryption = PacedReading(self._read_encryption, monotonic=time.monotonic)
        self._lossy_copies = PacedReading(
            self._store.statistics.lossy_copies, monotonic=time.monotonic
        )

    def status(self) -> NodeStatus:
        """Everything at this moment. Raises StoreError where the database does not answer."""
        space = self._node.free_space.space()
        refusing, watched = self._check_writes(), self._node.viewers()
        return NodeStatus(
            ae_title=self._node.config.ae_title,
            version=__version__,
            now=self._node.now(),
            started_at=self._started_at,
            disk_free_percent=round(space.free_percent, 1),
            minutes_of_cine=round(space.minutes_of_cine, 1),
            refusing=refusing,
            probes=tuple(
                _probe_status(source, refusing, watched.get(source.name, NOT_WATCHED))
                for source in self._node.sources
            ),
            destinations=self.destinations(),
            alarms=self.alarms(),
            problems=tuple(filter(None, (check() for check in self.checks().values()))),
            captures_lost=_lost(self._node.intake_counters()),
            viewer_port=self._node.viewer_port(),
        )

    def destinations(self) -> tuple[DestinationStatus, ...]:
        """Every configured destination. Raises StoreError."""
        counts = self.delivery_counts()
        return tuple(
            self._destination(destination, counts.get(destination.name, {}))
            for destination in self._node.config.destination_values()
        )

    def delivery_counts(self) -> Mapping[str, Mapping[str, int]]:
        """destination -> state -> deliveries; of those that left the configuration as well."""
        return self._counts()

    def _destination(
        self, destination: Destination, deliveries: Mapping[str, int]
    ) -> DestinationStatus:
        statistics = self._store.statistics.destination(destination.name)
        status = self._node.delivery_status(destination.name)
        unproved = {
            state: at for state, at in statistics.oldest.items() if state in _unproved(destination)
        }
        now = self._node.now()
        last = statistics.last_report_at
        return DestinationStatus(
            name=destination.name,
            ae_title=destination.peer.ae_title,
            commitment=destination.commitment,
            deliveries=deliveries,
            problem=status.problem,
            commitment_problem=status.unpromising,
            contact=status.contact,
            heard_s=_age_s(status.heard_at, now),
            associations=status.associations,
            accepts=status.accepts,
            backlog=sum(deliveries.get(state, 0) for state in _unproved(destination)),
            oldest_unproved_s=_age_s(min(unproved.values(), default=None), now),
            last_report_s=_age_s(last, now),
            retries=statistics.retries,
            lossy_copies=self._lossy_copies().get(destination.name, 0),
        )

    def checks(self) -> Mapping[str, Check]:
        """What must be well for the node to take an exam."""
        return {
            "store": self._check_store,
            "writes": self._check_writes,
            "disk": self._node.free_space.refusal,
            "intake": self._check_intake,
        }

    def registry(self) -> CollectorRegistry:
        """A registry of this node alone: several nodes may live in one process."""
        registry = CollectorRegistry()
        registry.register(self)
        ProcessCollector(registry=registry)
        return registry

    def collect(self) -> Iterator[Metric]:
        """The metrics, read at each scrape (prometheus_client's Collector)."""
        figures = self._store.statistics.store(since=self._node.now() - REFUSED_REPORTS_FOR)
        return metrics_of(
            self.status(),
            self._node.intake_counters(),
            active_associations=self._node.active_associations(),
            store=figures,
            scrub=self._node.scrub_counters(),
            content=self._node.content_counters(),
            commit_times=self._node.commit_times.snapshot(),
            audit=self._node.audit(),
            encrypted=self._node.config.encryption.key is not None,
        )

    def alarms(self) -> tuple[Alarm, ...]:
        """What a person must see to just now. Raises StoreError.

        Where the database is too damaged to ask, that alone.
        """
        try:
            return alarms_of(self._facts(), self._node.now())
        except IndexDamaged:
            return (INDEX_DAMAGED,)

    def _facts(self) -> Facts:
        return Facts(
            destinations=[
                DestinationFacts(
                    name=destination.name,
                    commitment=destination.commitment,
                    status=self._node.delivery_status(destination.name),
                    statistics=self._store.statistics.destination(destination.name),
                )
                for destination in self._node.config.destination_values()
            ],
            store=self._store.statistics.store(since=self._node.now() - REFUSED_REPORTS_FOR),
            quarantined=self._store.statistics.quarantined_files(),
            disk_problem=self._node.free_space.refusal(),
            call_back=self._node.call_back,
            held_steps=self._node.held_steps(),
            index_corrupt=self._store.is_corrupt,
            frameless_probes={
                source.name: counts.problem
                for source in self._node.sources
                if (counts := source.counts).connected and counts.problem
            },
            index_gone=self._store.durability.database_gone,
            refusing=self._store.durability.problem,
            conflicts=self._store.index.identity_conflicts(),
            audit=self._node.audit(),
            encryption=self._encryption(),
            merged_exams=tuple(each.exam_id for each in self._store.order_messages.merged_exams()),
        )

    def _read_encryption(self) -> EncryptionFacts | None:
        section = self._node.config.encryption
        standing = self._store.statistics.encryption()
        if standing is None or section.cipher is None:
            return None
        return EncryptionFacts(
            key_id=section.cipher.current.id,
            standing=standing,
            key_problem=section.problem_of_next_start(),
            plain_files=self._node.scrub_counters().plain,
        )

    def _check_store(self) -> str:
        try:
            self._store.ledger.answer()
        except IndexDamaged:
            return INDEX_DAMAGED.text
        except StoreError as error:
            return f"the database does not answer: {type(error).__name__}"
        if self._store.durability.database_gone:
            return INDEX_GONE.text
        return INDEX_DAMAGED.text if self._store.is_corrupt else ""

    def _check_writes(self) -> str:
        refusing = self._store.durability.problem
        return f"nothing can be stored: {refusing}" if refusing else ""

    def _check_intake(self) -> str:
        held = self._node.intake_counters().held
        return f"{held} captures wait in memory: the store refuses them" if held else ""


def _probe_status(source: ProbeSource, refusing: str, watched: ViewerCounts) -> ProbeStatus:
    """refusing: why nothing can be stored, whichever probe it comes from."""
    counts = source.counts
    device = counts.device
    return ProbeStatus(
        name=source.name,
        connected=counts.connected,
        frames_received=counts.frames_received,
        frames_dropped=counts.frames_dropped,
        frames_dropped_by={reason.value: count for reason, count in counts.dropped.items()},
        frames_partial=counts.frames_partial,
        refusal=source.refusal or refusing,
        problem=counts.problem,
        on_request=source.capture is not None,
        state=device.state if device else "",
        battery_percent=device.battery_percent if device else None,
        temperature_c=device.temperature_c if device else None,
        viewers=watched.viewers,
        pictures_skipped=watched.skipped,
        pictures_unmade=watched.unmade,
    )


def _unproved(destination: Destination) -> Sequence[DeliveryState]:
    """The states in which a delivery does not have the proof that is wanted of it."""
    if destination.commitment is CommitmentPolicy.NONE:
        return [state for state in UNPROVED if state is not DeliveryState.SENT]
    return UNPROVED


def _lost(intake: IntakeCounters) -> int:
    """Captures that are not in the store and never will be."""
    return intake.lost + intake.invalid + intake.conflicts


def _age_s(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else max(0.0, (now - at).total_seconds())
