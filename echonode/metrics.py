"""The node's figures in the form of Prometheus: pure, from what `status` says.

No patient data: names of probes and destinations, states and counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from echonode.delivery.standing import Contact
from echonode.intake import IntakeCounters
from echonode.scrubbing import ScrubCounters
from echonode.store.figures import StoreFigures
from echonode.web.status import DestinationStatus, NodeStatus, ProbeStatus

Metric = CounterMetricFamily | GaugeMetricFamily


def metrics_of(
    status: NodeStatus,
    intake: IntakeCounters,
    *,
    active_associations: int,
    store: StoreFigures,
    scrub: ScrubCounters,
) -> Iterator[Metric]:
    """Every metric of the node."""
    for name, text, value in (
        ("disk_free_percent", "Free space of the store's disk", status.disk_free_percent),
        (
            "disk_minutes_of_cine",
            "How long a cine may run before new exams are refused",
            status.minutes_of_cine,
        ),
        ("alarms", "What a person must see to", len(status.alarms)),
        ("associations_active", "Associations accepted and open", active_associations),
        ("intake_held", "Captures waiting in memory for the disk", intake.held),
        ("intake_held_bytes", "Bytes of them", intake.held_bytes),
        ("missing_files", "Stored files that are gone", store.missing_files),
        ("damaged_files", "Stored files that are not what was stored", store.damaged_files),
    ):
        yield GaugeMetricFamily(f"echonode_{name}", text, value=value)
    for name, text, value in (
        ("captures_stored", "Captures made durable", intake.stored),
        ("captures_lost", "Captures that could not be kept", intake.lost),
        ("captures_invalid", "Captures that are no valid object", intake.invalid),
        ("instances_deleted", "Local copies that retention let go", store.instances_deleted),
        (
            "instances_repaired",
            "Damaged or missing files replaced by a second sending",
            store.instances_repaired,
        ),
        ("scrub_files", "Kept files read and compared by the scrub", scrub.files),
        ("scrub_damaged", "Files that the scrub found damaged or gone", scrub.damaged),
    ):
        yield CounterMetricFamily(f"echonode_{name}", text, value=value)
    yield from _probe_metrics(status.probes)
    yield _delivery_metric(status.destinations)
    yield from _destination_metrics(status.destinations)


def _destination_metrics(destinations: Sequence[DestinationStatus]) -> Iterator[Metric]:
    labels = ["destination"]
    backlog = GaugeMetricFamily(
        "echonode_backlog", "Deliveries without the proof wanted", labels=labels
    )
    oldest = GaugeMetricFamily(
        "echonode_oldest_uncommitted_seconds",
        "Age of the oldest picture without the proof wanted",
        labels=labels,
    )
    report = GaugeMetricFamily(
        "echonode_last_commitment_report_seconds",
        "Since this archive last reported a commitment",
        labels=labels,
    )
    reachable = GaugeMetricFamily(
        "echonode_destination_reachable",
        "1 if the last call reached it, 0 if not; absent until it was called",
        labels=labels,
    )
    retries = CounterMetricFamily(
        "echonode_retries", "Deliveries that had to be tried again", labels=labels
    )
    for at in destinations:
        backlog.add_metric([at.name], at.backlog)
        oldest.add_metric([at.name], at.oldest_unproved_s or 0.0)
        if at.last_report_s is not None:
            report.add_metric([at.name], at.last_report_s)
        if at.contact != Contact.NOT_TRIED:
            reachable.add_metric([at.name], float(at.contact == Contact.REACHED))
        retries.add_metric([at.name], at.retries)
    yield from (backlog, oldest, report, reachable, retries)


def _probe_metrics(
    probes: Sequence[ProbeStatus],
) -> Iterator[Metric]:
    connected = GaugeMetricFamily(
        "echonode_probe_connected", "1 while the probe is connected", labels=["probe"]
    )
    frames = CounterMetricFamily(
        "echonode_frames",
        "Frames since the start, by what became of them",
        labels=["probe", "fate"],
    )
    dropped = CounterMetricFamily(
        "echonode_frames_dropped",
        "Frames that became no image, by whose fault it is",
        labels=["probe", "reason"],
    )
    battery = GaugeMetricFamily(
        "echonode_probe_battery_percent", "Charge, as the probe says", labels=["probe"]
    )
    temperature = GaugeMetricFamily(
        "echonode_probe_temperature_celsius", "Temperature, as the probe says", labels=["probe"]
    )
    for probe in probes:
        connected.add_metric([probe.name], float(probe.connected))
        if probe.battery_percent is not None:
            battery.add_metric([probe.name], probe.battery_percent)
        if probe.temperature_c is not None:
            temperature.add_metric([probe.name], probe.temperature_c)
        frames.add_metric([probe.name, "received"], probe.frames_received)
        frames.add_metric([probe.name, "dropped"], probe.frames_dropped)
        frames.add_metric([probe.name, "partial"], probe.frames_partial)
        for reason, count in probe.frames_dropped_by.items():
            dropped.add_metric([probe.name, reason], count)
    yield connected
    yield battery
    yield temperature
    yield frames
    yield dropped


def _delivery_metric(destinations: Sequence[DestinationStatus]) -> GaugeMetricFamily:
    deliveries = GaugeMetricFamily(
        "echonode_deliveries", "Instances by destination and state", labels=["destination", "state"]
    )
    for destination in destinations:
        for state, count in destination.deliveries.items():
            deliveries.add_metric([destination.name, state], count)
    return deliveries
