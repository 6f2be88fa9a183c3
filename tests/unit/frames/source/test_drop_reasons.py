"""A frame that became no image says whose fault it is: log, API and metrics give the reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import structlog

from echonode.audit.status import AuditStatus
from echonode.frames.settings import StreamSettings
from echonode.frames.source.receiver import Item, ProbeReceiver
from echonode.frames.source.source_counts import DropReason
from echonode.frames.streams.openigtlink_stream import OpenIGTLinkStream
from echonode.intake.captures import IntakeCounters
from echonode.maintenance.scrubbing import ScrubCounters
from echonode.monitoring.metrics import metrics_of
from echonode.probe.link.connection import LossReason, OpenConnection
from echonode.probe.link.frame_queue import FrameQueue
from echonode.store.statistics import StoreStatistics
from echonode.web.status import NodeStatus, ProbeStatus
from tests.unit.frames.igtl_messages import image

OPENED = datetime(2026, 11, 20, 8, tzinfo=UTC)


def reception(*, room: int) -> tuple[ProbeReceiver, list[float]]:
    """One whose backlog is never emptied, and its clock."""
    clock, backlog = [0.0], FrameQueue[Item](limit=room)
    made = ProbeReceiver(
        name="handheld",
        new_stream=lambda: OpenIGTLinkStream(StreamSettings()),
        backlog=backlog,
        monotonic=lambda: clock[0],
    )
    made.on_connected(OpenConnection(opened_at=OPENED, opened_monotonic=0.0, send=lambda _: None))
    return made, clock


def drops(logged: list[Any]) -> list[tuple[str, int, int]]:
    return [(e["reason"], e["frames"], e["total"]) for e in logged if e["event"] == "frame_dropped"]


def damaged() -> bytes:
    data = bytearray(image())
    data[-1] ^= 1
    return bytes(data)


def test_a_slow_machine_and_a_bad_network_are_told_apart() -> None:
    """Whole frames that there was no time for; damaged ones; and those no picture comes of."""
    made, clock = reception(room=2)
    with structlog.testing.capture_logs() as logged:
        made.on_bytes(image() * 5)
        assert drops(logged) == [("this_machine_too_slow", 3, 3)]
        logged.clear()
        clock[0] = 2.0
        made.count_fault()
        made.on_bytes(damaged() * 2 + image())
    assert sorted(drops(logged)) == [
        ("incomplete_on_the_wire", 2, 7),
        ("no_image_possible", 1, 7),
        ("this_machine_too_slow", 1, 7),
    ]
    counts = made.counts(acquisitions=0)
    assert counts.dropped == {
        DropReason.TOO_SLOW: 4,
        DropReason.INCOMPLETE: 2,
        DropReason.NO_IMAGE: 1,
    }
    assert counts.frames_dropped == 7


def test_a_reason_is_logged_once_a_second_and_at_the_end() -> None:
    """What was dropped in between is in the next line, none is left out."""
    made, clock = reception(room=1)
    with structlog.testing.capture_logs() as logged:
        for tenth in range(25):
            clock[0] = tenth / 10
            made.on_bytes(image())
        made.on_bytes(image()[:80])
        made.on_lost(LossReason.CLOSED, "")
    told = drops(logged)
    assert len(told) == 5
    assert sum(frames for reason, frames, _ in told if reason == "this_machine_too_slow") == 24
    assert told[-1][0] == "incomplete_on_the_wire"


def test_the_reasons_are_metrics() -> None:
    """echonode_frames_dropped_total, by probe and reason."""
    probe = ProbeStatus(
        name="handheld",
        connected=True,
        frames_received=812,
        frames_dropped=5,
        frames_partial=0,
        frames_dropped_by={"this_machine_too_slow": 5, "incomplete_on_the_wire": 0},
    )
    status = NodeStatus(
        ae_title="ECHONODE",
        version="0",
        now=OPENED,
        started_at=OPENED,
        disk_free_percent=50.0,
        probes=(probe,),
        destinations=(),
    )
    store = StoreStatistics(
        missing_files=0, refused_reports=0, kept_after_warning=0, instances_deleted=0
    )
    found = metrics_of(
        status,
        IntakeCounters(),
        active_associations=0,
        store=store,
        scrub=ScrubCounters(),
        commit_times={},
        audit=AuditStatus(),
    )
    (metric,) = (one for one in found if one.name == "echonode_frames_dropped")
    assert [(s.name, s.labels["reason"], s.value) for s in metric.samples] == [
        ("echonode_frames_dropped_total", "this_machine_too_slow", 5),
        ("echonode_frames_dropped_total", "incomplete_on_the_wire", 0),
    ]
