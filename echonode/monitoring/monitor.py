"""What the running node says of itself: for the page, the health checks and Prometheus.

Read when asked, from the parts themselves; nothing is kept here, and no patient data pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.registry import Collector

from echonode import __version__
from echonode.config import Config
from echonode.delivery.destination_status import Standing
from echonode.errors import IndexDamaged, StoreError
from echonode.frames.source.source import ProbeSource
from echonode.intake.captures import IntakeCounters
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
from echonode.monitoring.metrics import Metric, metrics_of
from echonode.store.files.free_space import DiskAdmission
from echonode.store.statistics import UNPROVED
from echonode.store.store import Store
from echonode.web.health import Alarm, Check
from echonode.web.status import DestinationStatus, NodeStatus, ProbeStatus


class NodeReader(Collector):
    """Reads the node's parts: `status` for the page, `checks` for readiness, `collect` for metrics.

    standing_of: destination name -> how it stands just now. commit_times: how long commitments
    took. call_back: the AE, host and port that an archive must be able to call. held_steps: peer ->
    procedure steps that it refused.
    """

    def __init__(
        self,
        config: Config,
        *,
        store: Store,
        sources: Sequence[ProbeSource],
        intake_counters: Callable[[], IntakeCounters],
        scrub_counters: Callable[[], ScrubCounters],
        active_associations: Callable[[], int],
        standing_of: Callable[[str], Standing],
        commit_times: CommitTimes,
        admission: DiskAdmission,
        call_back: str,
        now: Callable[[], datetime],
        held_steps: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._config = config
        self._store = store
        self._sources = sources
        self._intake_counters = intake_counters
        self._scrub_counters = scrub_counters
        self._active_associations = active_associations
        self._standing_of = standing_of
        self._commit_times = commit_times
        self._admission = admission
        self._call_back = call_back
        self._now = now
        self._held_steps = held_steps
        self._started_at = now()

    def status(self) -> NodeStatus:
        """Everything at this moment. Raises StoreError where the database does not answer."""
        counts, space = self._store.delivery_counts(), self._admission.space()
        refusing = self._check_writes()
        return NodeStatus(
            ae_title=self._config.ae_title,
            version=__version__,
            now=self._now(),
            started_at=self._started_at,
            disk_free_percent=round(space.free_percent, 1),
            minutes_of_cine=round(space.minutes_of_cine, 1),
            refusing=refusing,
            probes=tuple(_probe_status(source, refusing) for source in self._sources),
            destinations=tuple(
                self._destination(destination, counts.get(destination.name, {}))
                for destination in self._config.destination_values()
            ),
            alarms=self.alarms(),
            problems=tuple(filter(None, (check() for check in self.checks().values()))),
            captures_lost=_lost(self._intake_counters()),
        )

    def _destination(
        self, destination: Destination, deliveries: Mapping[str, int]
    ) -> DestinationStatus:
        figures = self._store.destination_figures(destination.name)
        standing = self._standing_of(destination.name)
        unproved = {
            state: at for state, at in figures.oldest.items() if state in _unproved(destination)
        }
        now = self._now()
        last = figures.last_report_at
        return DestinationStatus(
            name=destination.name,
            ae_title=destination.peer.ae_title,
            commitment=destination.commitment,
            deliveries=deliveries,
            problem=standing.problem,
            commitment_problem=standing.unpromising,
            contact=standing.contact,
            heard_s=_age_s(standing.heard_at, now),
            associations=standing.associations,
            accepts=standing.accepts,
            backlog=sum(deliveries.get(state, 0) for state in _unproved(destination)),
            oldest_unproved_s=_age_s(min(unproved.values(), default=None), now),
            last_report_s=_age_s(last, now),
            retries=figures.retries,
            lossy_copies=figures.lossy_copies,
        )

    def checks(self) -> Mapping[str, Check]:
        """What must be well for the node to take an exam."""
        return {
            "store": self._check_store,
            "writes": self._check_writes,
            "disk": self._admission.refusal,
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
        figures = self._store.figures(since=self._now() - REFUSED_REPORTS_FOR)
        return metrics_of(
            self.status(),
            self._intake_counters(),
            active_associations=self._active_associations(),
            store=figures,
            scrub=self._scrub_counters(),
            commit_times=self._commit_times.snapshot(),
        )

    def alarms(self) -> tuple[Alarm, ...]:
        """What a person must see to just now. Raises StoreError.

        Where the database is too damaged to ask, that alone.
        """
        try:
            return alarms_of(self._facts(), self._now())
        except IndexDamaged:
            return (INDEX_DAMAGED,)

    def _facts(self) -> Facts:
        return Facts(
            destinations=[
                DestinationFacts(
                    name=destination.name,
                    commitment=destination.commitment,
                    standing=self._standing_of(destination.name),
                    figures=self._store.destination_figures(destination.name),
                )
                for destination in self._config.destination_values()
            ],
            store=self._store.figures(since=self._now() - REFUSED_REPORTS_FOR),
            quarantined=self._store.quarantined_files(),
            disk_problem=self._admission.refusal(),
            call_back=self._call_back,
            held_steps=self._held_steps(),
            index_doubted=self._store.is_doubted,
            frameless_probes={
                source.name: counts.problem
                for source in self._sources
                if (counts := source.counts).connected and counts.problem
            },
            index_gone=self._store.durability.database_gone,
            refusing=self._store.durability.problem,
            conflicts=self._store.identity_conflicts(),
            merged_exams=tuple(each.exam_id for each in self._store.order_messages.merged_exams()),
        )

    def _check_store(self) -> str:
        try:
            self._store.delivery_counts()
        except IndexDamaged:
            return INDEX_DAMAGED.text
        except StoreError as error:
            return f"the database does not answer: {type(error).__name__}"
        if self._store.durability.database_gone:
            return INDEX_GONE.text
        return INDEX_DAMAGED.text if self._store.is_doubted else ""

    def _check_writes(self) -> str:
        refusing = self._store.durability.problem
        return f"nothing can be stored: {refusing}" if refusing else ""

    def _check_intake(self) -> str:
        held = self._intake_counters().held
        return f"{held} captures wait in memory: the store refuses them" if held else ""


def _probe_status(source: ProbeSource, refusing: str) -> ProbeStatus:
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
        state=device.state if device else "",
        battery_percent=device.battery_percent if device else None,
        temperature_c=device.temperature_c if device else None,
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
