"""Who watches, and how slowly, does not matter to what is captured."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from tests.integration.web.live_room import Room, live_room
from tests.peers.live_viewer import LiveViewer

pytestmark = [pytest.mark.timing, pytest.mark.timeout(180)]

SLOW, IDLE = 10, 200
MOST_DELAY_MS = 20.0
ATTEMPTS = 3
UPGRADE = (
    b"GET /api/probes/handheld/frames HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with live_room(20.0) as opened:
        yield opened


def still_ms(room: Room, exam: str, count: int) -> list[float]:
    """How long each still took, from the request to its answer."""
    took = []
    for _ in range(count):
        began = time.perf_counter()
        room.client.still(exam)
        took.append(1000 * (time.perf_counter() - began))
    return took


@contextmanager
def crowd(port: int) -> Iterator[None]:
    """Ten viewers that take nothing after their first pictures, and 200 sockets that say nothing.

    Half of these stay silent behind their upgrade, the others have not even asked for it.
    """
    with ExitStack() as parts:
        for _ in range(SLOW):
            parts.enter_context(LiveViewer(port, credits=False)).next()
        for number in range(IDLE):
            made = parts.enter_context(
                socket.create_connection(
                    ("127.0.0.1", port), source_address=(f"127.0.1.{1 + number // 10}", 0)
                )
            )
            if number % 2:
                with suppress(OSError):  # there is no room for all of them
                    made.sendall(UPGRADE)
        yield


def delay_ms(room: Room, exam: str) -> float:
    """By how much the crowd delays a still, by the medians of stills taken in turns."""
    alone: list[float] = []
    crowded: list[float] = []
    for _ in range(3):
        alone += still_ms(room, exam, 15)
        with crowd(room.client.port):
            crowded += still_ms(room, exam, 15)
    return statistics.median(crowded) - statistics.median(alone)


def test_slow_viewers_and_idle_sockets_do_not_delay_a_capture(room: Room) -> None:
    """What another program on this machine delays is not so in each of three attempts."""
    exam = room.client.open(patient={"id": "P-1", "name": "Doe^Jane"})
    room.client.first_still(exam)
    delays: list[float] = []
    while len(delays) < ATTEMPTS and not any(delay < MOST_DELAY_MS for delay in delays):
        delays.append(delay_ms(room, exam))
    room.client.post(f"/api/exams/{exam}/end")
    assert min(delays) < MOST_DELAY_MS, delays


def test_no_frame_is_lost_while_three_watch(room: Room) -> None:
    """All that the probe sends becomes an image."""
    before = room.client.get("/api/probes")[0]
    with room.viewer() as one, room.viewer() as two, room.viewer() as three:
        for _ in range(60):
            for viewer in (one, two, three):
                viewer.next()
    after = room.client.get("/api/probes")[0]
    # A viewer's first picture is of the frame that was the newest when it came.
    assert after["frames_received"] - before["frames_received"] >= 59
    assert after["frames_dropped"] == before["frames_dropped"]
