"""A probe that is missing, or connected and silent, is shown: once in the log, and on the page."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog

from echonode.frames.settings import StreamSettings
from echonode.frames.source.receiver import (
    NO_FRAMES_S,
    UNREACHABLE_LOG_INTERVAL_S,
    Item,
    ProbeReceiver,
)
from echonode.frames.streams.openigtlink_stream import OpenIGTLinkStream
from echonode.probe.link.connection import OpenConnection
from echonode.probe.link.frame_queue import FrameQueue
from echonode.probe.openigtlink.messages import Message, encode

REASON = "127.0.0.1:7538: Connection refused"


class Bench:
    """A reception with a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reception = ProbeReceiver(
            name="tablet",
            new_stream=lambda: OpenIGTLinkStream(StreamSettings()),
            backlog=FrameQueue[Item](limit=8),
            monotonic=lambda: self.now,
        )

    def connect(self) -> None:
        self.reception.on_connected(
            OpenConnection(
                opened_at=datetime(2026, 1, 1, tzinfo=UTC),
                opened_monotonic=self.now,
                send=lambda _: None,
            )
        )

    @property
    def problem(self) -> str:
        return self.reception.counts(acquisitions=0).problem


def test_a_missing_probe_is_logged_once_an_hour() -> None:
    """At the first attempt with the reason, then once an hour, and again after it was back."""
    bench = Bench()
    with structlog.testing.capture_logs() as logs:
        for attempt in range(3000):  # each 3 s
            bench.now = attempt * 3.0
            bench.reception.on_unreachable(REASON)
        assert bench.problem == REASON
        bench.connect()
        assert bench.problem == ""
        bench.reception.on_unreachable(REASON)
    warnings = [entry for entry in logs if entry["event"] == "probe_unreachable"]
    assert len(warnings) == 1 + int(3000 * 3.0 / UNREACHABLE_LOG_INTERVAL_S) + 1
    assert {(entry["log_level"], entry["reason"]) for entry in warnings} == {("warning", REASON)}


def test_a_connection_without_images_is_told_with_what_came() -> None:
    """After a while, once in the log, with the types of the messages; an image ends it."""
    bench = Bench()
    bench.connect()
    note = encode(Message(type="NDARRAY", device="x", content=b"\0" * 8))
    with structlog.testing.capture_logs() as logs:
        bench.reception.on_bytes(note)
        assert bench.problem == ""
        bench.now = NO_FRAMES_S
        bench.reception.on_bytes(note)
        bench.reception.on_bytes(note)
    assert "no image came; what came: NDARRAY (3)" in bench.problem
    (line,) = [entry for entry in logs if entry["event"] == "probe_sends_no_images"]
    assert line["probe"] == "tablet"


def test_a_mute_connection_is_told_too() -> None:
    """Nothing at all came: said without a byte that would have woken anything."""
    bench = Bench()
    bench.connect()
    bench.now = NO_FRAMES_S
    assert bench.problem.endswith("no image came; nothing that belongs to a frame came")
