"""What the running node says of itself: for the page, the health checks and Prometheus.

Read when asked, from the parts themselves; nothing is kept here, and no patient data pass.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from echonode import __version__
from echonode.config import Config
from echonode.errors import StoreError
from echonode.frames.source import ProbeSource
from echonode.intake import IntakeCounters
from echonode.store.store import Store
from echonode.web.health import Check
from echonode.web.status import DestinationStatus, NodeStatus, ProbeStatus


class NodeReader(Collector):
    """Reads the node's parts: `status` for the page, `checks` for readiness, `collect` for metrics.

    problem_of: destination name -> what keeps it from being reached just now, '' when nothing does.
    """

    def __init__(
        self,
        config: Config,
        *,
        store: Store,
        sources: Sequence[ProbeSource],
        intake_counters: Callable[[], IntakeCounters],
        active_associations: Callable[[], int],
        problem_of: Callable[[str], str],
        now: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._store = store
        self._sources = sources
        self._intake_counters = intake_counters
        self._active_associations = active_associations
        self._problem_of = problem_of
        self._now = now
        self._started_at = now()

    def status(self) -> NodeStatus:
        """Everything at this moment. Raises StoreError where the database does not answer."""
        counts = self._store.delivery_counts()
        return NodeStatus(
            ae_title=self._config.ae_title,
            version=__version__,
            now=self._now(),
            started_at=self._started_at,
            disk_free_percent=self._disk_free_percent(),
            probes=tuple(_probe_status(source) for source in self._sources),
            destinations=tuple(
                DestinationStatus(
                    name=destination.name,
                    ae_title=destination.peer.ae_title,
                    commitment=destination.commitment,
                    deliveries=counts.get(destination.name, {}),
                    problem=self._problem_of(destination.name),
                )
                for destination in self._config.destination_values()
            ),
        )

    def checks(self) -> Mapping[str, Check]:
        """What must be well for the node to take an exam."""
        return {"store": self._check_store, "disk": self._check_disk, "intake": self._check_intake}

    def registry(self) -> CollectorRegistry:
        """A registry of this node alone: several nodes may live in one process."""
        registry = CollectorRegistry()
        registry.register(self)
        return registry

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """The metrics, read at each scrape (prometheus_client's Collector)."""
        status, intake = self.status(), self._intake_counters()
        for name, text, value in (
            ("disk_free_percent", "Free space of the store's disk", status.disk_free_percent),
            ("associations_active", "Associations accepted and open", self._active_associations()),
            ("intake_held", "Captures waiting in memory for the disk", intake.held),
            ("intake_held_bytes", "Bytes of them", intake.held_bytes),
        ):
            yield GaugeMetricFamily(f"echonode_{name}", text, value=value)
        for name, text, value in (
            ("captures_stored", "Captures made durable", intake.stored),
            ("captures_lost", "Captures that could not be kept", intake.lost),
            ("captures_invalid", "Captures that are no valid object", intake.invalid),
        ):
            yield CounterMetricFamily(f"echonode_{name}", text, value=value)
        yield from _probe_metrics(status.probes)
        yield _delivery_metric(status.destinations)

    def _disk_free_percent(self) -> float:
        usage = shutil.disk_usage(self._config.data_dir)
        return round(100 * usage.free / usage.total, 1)

    def _check_store(self) -> str:
        try:
            self._store.delivery_counts()
        except StoreError as error:
            return f"the database does not answer: {type(error).__name__}"
        return ""

    def _check_disk(self) -> str:
        free, least = self._disk_free_percent(), self._config.retention.minimum_free_percent
        return "" if free >= least else f"{free:g}% of the disk is free; {least:g}% is the least"

    def _check_intake(self) -> str:
        held = self._intake_counters().held
        return f"{held} captures wait in memory: the store refuses them" if held else ""


def _probe_status(source: ProbeSource) -> ProbeStatus:
    counts = source.counts
    return ProbeStatus(
        name=source.name,
        connected=counts.connected,
        frames_received=counts.frames_received,
        frames_dropped=counts.frames_dropped,
        frames_partial=counts.frames_partial,
    )


def _probe_metrics(
    probes: Sequence[ProbeStatus],
) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
    connected = GaugeMetricFamily(
        "echonode_probe_connected", "1 while the probe is connected", labels=["probe"]
    )
    frames = CounterMetricFamily(
        "echonode_frames",
        "Frames since the start, by what became of them",
        labels=["probe", "fate"],
    )
    for probe in probes:
        connected.add_metric([probe.name], float(probe.connected))
        frames.add_metric([probe.name, "received"], probe.frames_received)
        frames.add_metric([probe.name, "dropped"], probe.frames_dropped)
        frames.add_metric([probe.name, "partial"], probe.frames_partial)
    yield connected
    yield frames


def _delivery_metric(destinations: Sequence[DestinationStatus]) -> GaugeMetricFamily:
    deliveries = GaugeMetricFamily(
        "echonode_deliveries", "Instances by destination and state", labels=["destination", "state"]
    )
    for destination in destinations:
        for state, count in destination.deliveries.items():
            deliveries.add_metric([destination.name, state], count)
    return deliveries
