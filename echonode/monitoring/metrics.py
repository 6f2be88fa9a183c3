"""The node's figures in the form of Prometheus: pure, from what `status` says.

Rules
- Base units (seconds, bytes, ratios) and the suffixes of Prometheus's conventions.
- The series of one name can be added up: nothing is in two of them.
- What is not known has no sample; a made-up 0 would look like a measurement.
- No patient data: names of probes and destinations, states and counts.
- docs/metrics.md lists every metric; a test compares.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

from echonode.audit.status import AuditStatus
from echonode.delivery.delivery_status import Contact
from echonode.frames.source.source_counts import DropReason
from echonode.intake.captures import IntakeCounters
from echonode.intake.content import ContentCounters
from echonode.maintenance.scrubbing import ScrubCounters
from echonode.monitoring.commit_times import BUCKETS_S, TimesToCommit
from echonode.store.statistics import StoreStatistics
from echonode.web.status import DestinationStatus, NodeStatus, ProbeStatus

_NO_CONTENT = ContentCounters()
Metric = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


def metrics_of(
    status: NodeStatus,
    intake: IntakeCounters,
    *,
    active_associations: int,
    store: StoreStatistics,
    scrub: ScrubCounters,
    content: ContentCounters = _NO_CONTENT,
    commit_times: Mapping[str, TimesToCommit],
    audit: AuditStatus,
    encrypted: bool = False,
) -> Iterator[Metric]:
    """Every metric of the node; those of the process come from prometheus_client itself."""
    yield _build_info(status.version)
    for name, text, value in (
        ("ready", "1 when the node can take an exam, as /health/ready", not status.problems),
        (
            "disk_free_ratio",
            "Free share of the disk that data_dir is on, 0 to 1",
            round(status.disk_free_percent / 100, 4),
        ),
        (
            "disk_recording_seconds",
            "How long all probes could record until new exams are refused for want of disk space",
            status.minutes_of_cine * 60,
        ),
        ("associations_active", "Associations accepted from peers and open", active_associations),
        (
            "captures_waiting",
            "Captures that the store refused and that wait in memory",
            intake.held,
        ),
        (
            "captures_waiting_bytes",
            "Memory that the captures waiting there take",
            intake.held_bytes,
        ),
        ("missing_files", "Stored files that are gone from the disk", store.missing_files),
        ("damaged_files", "Stored files that no longer are what was stored", store.damaged_files),
        ("encrypted", "1 where what is stored is encrypted at rest", encrypted),
        ("plain_files", "Stored files that are not encrypted and should be", scrub.plain),
    ):
        yield GaugeMetricFamily(f"echonode_{name}", text, value=float(value))
    yield _captures(intake)
    yield from _content(content)
    for name, text, value in (
        (
            "instances_deleted",
            "Instances that retention deleted here after their proof, since the store was made",
            store.instances_deleted,
        ),
        (
            "instances_repaired",
            "Damaged or missing files replaced by a second sending, since the store was made",
            store.instances_repaired,
        ),
        ("scrub_files", "Stored files read again and compared, since the start", scrub.files),
        ("scrub_damaged", "Files that the comparison found damaged or gone", scrub.damaged),
    ):
        yield CounterMetricFamily(f"echonode_{name}", text, value=value)
    yield _alarms(status)
    yield from _probe_metrics(status.probes)
    yield _delivery_metric(status.destinations)
    yield from _destination_metrics(status)
    yield _time_to_commit(commit_times)
    yield from _audit_metrics(status, audit)


def _build_info(version: str) -> Metric:
    info = GaugeMetricFamily(
        "echonode_build_info",
        "1, with the versions of EchoNode and Python as labels",
        labels=["version", "python"],
    )
    info.add_metric([version, platform.python_version()], 1.0)
    return info


def _content(content: ContentCounters) -> Iterator[Metric]:
    for name, text, values in (
        (
            "preambles_zeroed",
            "Files stored with a preamble of zeros that came with another one, by what it began as",
            content.preambles,
        ),
        (
            "programs_in_attributes",
            "Private attributes that begin as a program, in instances that were stored",
            content.programs,
        ),
    ):
        family = CounterMetricFamily(f"echonode_{name}", text, labels=["kind"])
        for kind, value in sorted(values.items()):
            family.add_metric([kind], value)
        yield family
    text = "Instances that were stored without the bytes behind their dataset's end"
    yield CounterMetricFamily("echonode_trailing_bytes_cut", text, value=content.cut)


def _captures(intake: IntakeCounters) -> Metric:
    captures = CounterMetricFamily(
        "echonode_captures",
        "Stills and clips since the start, by outcome: stored; lost, as the store had no room for "
        "it; invalid, as no valid object could be made of it; conflict, as another instance has "
        "its UID",
        labels=["outcome"],
    )
    for outcome, count in (
        ("stored", intake.stored),
        ("lost", intake.lost),
        ("invalid", intake.invalid),
        ("conflict", intake.conflicts),
    ):
        captures.add_metric([outcome], count)
    return captures


def _alarms(status: NodeStatus) -> Metric:
    """One series for each alarm that stands: held:pacs is name held, subject pacs."""
    alarms = GaugeMetricFamily(
        "echonode_alarms",
        "1 for each alarm that stands; docs/operations.md says what to do for each name",
        labels=["name", "subject"],
    )
    for alarm in status.alarms:
        name, _, subject = alarm.name.partition(":")
        alarms.add_metric([name, subject], 1.0)
    return alarms


def _audit_metrics(status: NodeStatus, audit: AuditStatus) -> Iterator[Metric]:
    recording, sending = audit.recording, audit.sending
    yield CounterMetricFamily(
        "echonode_audit_records",
        "Records of the audit trail since it was made",
        value=recording.records,
    )
    yield CounterMetricFamily(
        "echonode_audit_lost",
        "Events since the start that have no record in the audit trail",
        value=recording.lost,
    )
    yield GaugeMetricFamily(
        "echonode_audit_recording", "1 while the audit trail is written", not recording.problem
    )
    yield GaugeMetricFamily(
        "echonode_audit_size_bytes", "Size of the audit trail", value=recording.size
    )
    unsent = GaugeMetricFamily(
        "echonode_audit_unsent",
        "Audit records that the receiver does not have; absent without a receiver",
    )
    age = GaugeMetricFamily(
        "echonode_audit_oldest_unsent_seconds",
        "Age of the oldest of them, 0 where there is none; absent without a receiver",
    )
    if sending is not None:
        oldest = (status.now - sending.since).total_seconds() if sending.since else 0.0
        unsent.add_metric([], sending.unsent)
        age.add_metric([], max(0.0, oldest))
    yield unsent
    yield age


def _destination_metrics(status: NodeStatus) -> Iterator[Metric]:
    now_s = status.now.timestamp()
    gauges: Sequence[tuple[str, str, Callable[[DestinationStatus], float | None]]] = (
        (
            "backlog",
            "Deliveries that do not have the proof that the configuration wants of them",
            lambda at: at.backlog,
        ),
        (
            "oldest_uncommitted_seconds",
            "Age of the oldest image without that proof; 0 where none waits",
            lambda at: at.oldest_unproved_s or 0.0,
        ),
        (
            "last_commitment_report_timestamp_seconds",
            "When the archive last reported a commitment, in Unix time; absent before the first",
            lambda at: None if at.last_report_s is None else round(now_s - at.last_report_s, 3),
        ),
        (
            "destination_reachable",
            "1 if the last call reached the archive, 0 if not; absent before the first call",
            _reached,
        ),
        (
            "destination_associations",
            "Associations open to the archive",
            lambda at: at.associations,
        ),
        (
            "lossy_copies",
            "Instances of which the archive has only a copy compressed with loss",
            lambda at: at.lossy_copies,
        ),
    )
    for name, text, value_of in gauges:
        family = GaugeMetricFamily(f"echonode_{name}", text, labels=["destination"])
        for at in status.destinations:
            if (value := value_of(at)) is not None:
                family.add_metric([at.name], value)
        yield family
    retries = CounterMetricFamily(
        "echonode_retries",
        "Repeated delivery attempts since the store was made",
        labels=["destination"],
    )
    for at in status.destinations:
        retries.add_metric([at.name], at.retries)
    yield retries


def _reached(at: DestinationStatus) -> float | None:
    return None if at.contact == Contact.NOT_TRIED else float(at.contact == Contact.REACHED)


def _probe_metrics(probes: Sequence[ProbeStatus]) -> Iterator[Metric]:
    gauges: Sequence[tuple[str, str, Callable[[ProbeStatus], float | None]]] = (
        ("connected", "1 while the probe is connected", lambda probe: float(probe.connected)),
        (
            "recording_refused",
            "1 while its frames are shown and not recorded; the page says why",
            lambda probe: float(bool(probe.refusal)),
        ),
        (
            "battery_ratio",
            "Charge of its battery, 0 to 1, as the probe reports it",
            lambda probe: None if probe.battery_percent is None else probe.battery_percent / 100,
        ),
        (
            "temperature_celsius",
            "Its temperature, as the probe reports it",
            lambda probe: probe.temperature_c,
        ),
        ("viewers", "Viewers that watch its live picture now", lambda probe: probe.viewers),
    )
    for name, text, value_of in gauges:
        family = GaugeMetricFamily(f"echonode_probe_{name}", text, labels=["probe"])
        for probe in probes:
            if (value := value_of(probe)) is not None:
                family.add_metric([probe.name], value)
        yield family
    frames = CounterMetricFamily(
        "echonode_frames",
        "Frames since the start that became an image (used) and that did not (dropped)",
        labels=["probe", "fate"],
    )
    reasons = CounterMetricFamily(
        "echonode_frames_dropped",
        "The dropped frames by their reason; docs/operations.md says where to look for each",
        labels=["probe", "reason"],
    )
    skipped = CounterMetricFamily(
        "echonode_pictures_skipped",
        "Live pictures that were left out, by who was too slow for them: a viewer, or the node",
        labels=["probe", "slow"],
    )
    partial = CounterMetricFamily(
        "echonode_frames_partial",
        "Frames received with lines missing; they are among the used frames as well",
        labels=["probe"],
    )
    for probe in probes:
        # Frames that never became whole are dropped, and were not received.
        whole = probe.frames_dropped - probe.frames_dropped_by.get(DropReason.INCOMPLETE, 0)
        frames.add_metric([probe.name, "used"], probe.frames_received - whole)
        frames.add_metric([probe.name, "dropped"], probe.frames_dropped)
        for reason, count in probe.frames_dropped_by.items():
            reasons.add_metric([probe.name, reason], count)
        partial.add_metric([probe.name], probe.frames_partial)
        skipped.add_metric([probe.name, "viewer"], probe.pictures_skipped)
        skipped.add_metric([probe.name, "node"], probe.pictures_unmade)
    yield frames
    yield reasons
    yield partial
    yield skipped


def _delivery_metric(destinations: Sequence[DestinationStatus]) -> Metric:
    deliveries = GaugeMetricFamily(
        "echonode_deliveries",
        "Deliveries of the instances stored here, by state of the ledger",
        labels=["destination", "state"],
    )
    for destination in destinations:
        for state, count in destination.deliveries.items():
            deliveries.add_metric([destination.name, state], count)
    return deliveries


def _time_to_commit(times: Mapping[str, TimesToCommit]) -> Metric:
    histogram = HistogramMetricFamily(
        "echonode_time_to_commit_seconds",
        "From the moment an image was taken until the archive's commitment was reported",
        labels=["destination"],
    )
    for destination, known in times.items():
        total = 0
        buckets: list[Sequence[str | float]] = []
        for limit, count in zip((*map(str, BUCKETS_S), "+Inf"), known.counts, strict=True):
            total += count
            buckets.append((limit, total))
        histogram.add_metric([destination], buckets, known.sum_s)  # type: ignore[arg-type]  # pairs
    return histogram
