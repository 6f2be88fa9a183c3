"""What Prometheus is told, from what the status says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from echonode.intake import IntakeCounters
from echonode.metrics import metrics_of
from echonode.web.status import DestinationStatus, NodeStatus

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def reachable(contact: str) -> list[float]:
    """The samples of echonode_destination_reachable for one destination."""
    status = NodeStatus(
        ae_title="ECHONODE",
        version="0",
        now=NOON,
        started_at=NOON,
        disk_free_percent=50.0,
        probes=(),
        destinations=(
            DestinationStatus(
                name="pacs",
                ae_title="PACS",
                commitment="required",
                deliveries={},
                problem="PACS does not know us",
                contact=contact,
            ),
        ),
    )
    metrics = metrics_of(status, IntakeCounters(), active_associations=0, instances_deleted=0)
    [metric] = [m for m in metrics if m.name == "echonode_destination_reachable"]
    return [sample.value for sample in metric.samples]


@pytest.mark.parametrize(
    ("contact", "samples"), [("not_tried", []), ("reached", [1.0]), ("not_reached", [0.0])]
)
def test_an_archive_that_was_never_called_is_not_said_to_be_reachable(
    contact: str, samples: list[float]
) -> None:
    """The metric is what came of the last call, whatever else is wrong with the archive, and is
    absent until there was one."""
    assert reachable(contact) == samples
