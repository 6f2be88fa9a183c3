"""Metrics by the conventions of Prometheus; documentation, dashboard and alert rules agree."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from echonode.audit.status import AuditStatus, ForwardingStatus
from echonode.intake.captures import IntakeCounters
from echonode.maintenance.scrubbing import ScrubCounters
from echonode.monitoring.commit_times import CommitTimes
from echonode.monitoring.metrics import Metric, metrics_of
from echonode.store.statistics import StoreStatistics
from echonode.web.health import Alarm
from echonode.web.status import DestinationStatus, NodeStatus, ProbeStatus

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
STATUS = NodeStatus(
    ae_title="ECHONODE",
    version="0.1.0",
    now=NOW,
    started_at=NOW,
    disk_free_percent=61.5,
    minutes_of_cine=2.0,
    probes=(
        ProbeStatus(
            name="handheld",
            connected=True,
            frames_received=200,
            frames_dropped=32,
            frames_dropped_by={"this_machine_too_slow": 20, "incomplete_on_the_wire": 12},
            frames_partial=3,
            refusal="no room",
            battery_percent=80,
            temperature_c=31.5,
        ),
    ),
    destinations=(
        DestinationStatus(
            name="pacs",
            ae_title="ORTHANC",
            commitment="required",
            deliveries={"committed": 11, "held": 1},
            last_report_s=60.0,
            problem="PACS does not know us",
            contact="reached",
        ),
        DestinationStatus(name="backup", ae_title="B", commitment="verify", deliveries={}),
        DestinationStatus(
            name="teaching",
            ae_title="T",
            commitment="none",
            deliveries={},
            contact="not_reached",
        ),
    ),
    alarms=(Alarm(name="held:pacs", text="..."), Alarm(name="quarantine", text="...")),
)
INTAKE = IntakeCounters(stored=5, invalid=1, conflicts=1, lost=2)


class _Node(Collector):
    def collect(self) -> Iterator[Metric]:
        times = CommitTimes()
        for seconds in (0.5, 20.0, 1e9):
            times.observe("pacs", seconds)
        yield from metrics_of(
            STATUS,
            INTAKE,
            active_associations=2,
            store=StoreStatistics(
                missing_files=1,
                refused_reports=0,
                kept_after_warning=0,
                instances_deleted=7,
            ),
            scrub=ScrubCounters(files=9, damaged=1),
            commit_times=times.snapshot(),
            audit=AuditStatus(sending=ForwardingStatus()),
        )


def exposition() -> str:
    registry = CollectorRegistry()
    registry.register(_Node())
    ProcessCollector(registry=registry)
    return generate_latest(registry).decode()


def samples() -> list[Sample]:
    """As Prometheus reads them from the text."""
    families = text_string_to_metric_families(exposition())
    return [sample for family in families for sample in family.samples]


def value(metric: str, /, **labels: str) -> float | None:
    found = [each.value for each in samples() if (each.name, each.labels) == (metric, labels)]
    return found[0] if found else None


def test_units_are_base_units() -> None:
    """Ratios, seconds and Unix time."""
    assert value("echonode_disk_free_ratio") == 0.615
    assert value("echonode_disk_recording_seconds") == 120
    assert value("echonode_probe_battery_ratio", probe="handheld") == 0.8
    stamp = value("echonode_last_commitment_report_timestamp_seconds", destination="pacs")
    assert stamp == NOW.timestamp() - 60
    for name in {each.name for each in samples()}:
        assert not re.search(r"percent|minutes|milliseconds|_ms\b|hours|days", name), name


def test_nothing_is_counted_twice() -> None:
    """The sum over a name's series is meaningful: 212 frames began, 9 captures ended."""
    frames = {s.labels["fate"]: s.value for s in samples() if s.name == "echonode_frames_total"}
    assert frames == {"used": 180, "dropped": 32}
    dropped = [s.value for s in samples() if s.name == "echonode_frames_dropped_total"]
    assert sum(dropped) == 32
    captures = [s.value for s in samples() if s.name == "echonode_captures_total"]
    assert sum(captures) == 9


def test_each_alarm_is_a_series_of_its_own() -> None:
    """An alert can say which one stands, and for which archive."""
    assert value("echonode_alarms", name="held", subject="pacs") == 1
    assert value("echonode_alarms", name="quarantine", subject="") == 1


def test_what_is_not_known_has_no_sample() -> None:
    """An archive that was never called is neither reachable nor unreachable; what else is wrong
    with one does not count.
    """
    assert value("echonode_destination_reachable", destination="pacs") == 1
    assert value("echonode_destination_reachable", destination="teaching") == 0
    assert value("echonode_destination_reachable", destination="backup") is None
    name = "echonode_last_commitment_report_timestamp_seconds"
    assert value(name, destination="backup") is None


def test_the_time_to_commit_is_a_histogram() -> None:
    """Cumulated buckets up to +Inf, count and sum."""
    name = "echonode_time_to_commit_seconds"
    assert value(f"{name}_bucket", destination="pacs", le="1.0") == 1
    assert value(f"{name}_bucket", destination="pacs", le="60.0") == 2
    assert value(f"{name}_bucket", destination="pacs", le="+Inf") == 3
    assert value(f"{name}_count", destination="pacs") == 3
    assert value(f"{name}_sum", destination="pacs") == 1e9 + 20.5


def test_every_metric_has_a_help_text_that_is_a_sentence() -> None:
    """Long enough to be understood without the code."""
    for name, text in re.findall(r"# HELP (echonode_\S+) (.*)", exposition()):
        assert text == "1, with the versions of EchoNode and Python as labels" or len(text) > 20, (
            name
        )


def documented() -> set[str]:
    table = (ROOT / "docs" / "metrics.md").read_text()
    return set(re.findall(r"^\| `(echonode_\w+)`", table, re.MULTILINE))


@pytest.mark.slow
def test_the_documentation_lists_every_metric_and_no_other() -> None:
    """docs/metrics.md is complete, with the type of each and its labels."""
    given = set(re.findall(r"# TYPE (echonode_\S+)", exposition()))
    assert documented() == given
    table = (ROOT / "docs" / "metrics.md").read_text()
    for name, kind in re.findall(r"# TYPE (echonode_\S+) (\w+)", exposition()):
        [row] = [line for line in table.splitlines() if line.startswith(f"| `{name}` |")]
        _, _, documented_kind, labels, *_ = (cell.strip() for cell in row.split("|"))
        assert documented_kind == kind
        found = {key for s in samples() if s.name.startswith(name) for key in s.labels} - {"le"}
        if name != "echonode_frames":
            assert set(re.findall(r"`(\w+)`", labels)) == found, name


def names_in(text: str) -> set[str]:
    """The names of ours in the expressions of a file."""
    return set(re.findall(r"\b(?:echonode|process)_[a-z_]+\b", text))


def test_the_dashboard_asks_only_for_what_exists() -> None:
    """Every metric named in an expression is one that the node exposes."""
    dashboard = json.loads((ROOT / "deploy" / "monitoring" / "grafana-dashboard.json").read_text())
    expressions = [t["expr"] for panel in dashboard["panels"] for t in panel["targets"]]
    assert len(expressions) > 10
    assert names_in(" ".join(expressions)) <= {each.name for each in samples()}


def test_the_alert_rules_ask_only_for_what_exists() -> None:
    """Metrics, label values of alarms and outcomes; each alert has its severity and its words."""
    rules = yaml.safe_load((ROOT / "deploy" / "monitoring" / "alerts.yml").read_text())
    [group] = rules["groups"]
    for rule in group["rules"]:
        assert names_in(rule["expr"]) <= {each.name for each in samples()}, rule["alert"]
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
    operations = (ROOT / "docs" / "operations.md").read_text()
    for name in re.findall(r'echonode_alarms\{name!~"([^"]+)"', str(rules)):
        for part in name.split("|"):
            assert f"`{part}:NAME`" in operations
