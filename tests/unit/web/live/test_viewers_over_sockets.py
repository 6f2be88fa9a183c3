"""Viewers over real sockets: how many, what becomes of those that do not read, the server's end."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from echonode.errors import UsageError
from echonode.model.live_picture import LivePicture, LiveState
from echonode.web import server as server_module
from echonode.web.live import socket as socket_module
from echonode.web.live import viewing as viewing_module
from echonode.web.live.routes import live_routes
from echonode.web.live.viewer_limits import PER_ADDRESS
from echonode.web.live.viewing import Viewing
from echonode.web.live.watch_links import WatchLinks
from echonode.web.server import WebServer
from tests.peers.live_viewer import LiveViewer
from tests.support.waiting import wait_until
from tests.unit.web.live.kept_links import SharedLinks
from tests.unit.web.live.pictures import picture

UPGRADE = (
    b"GET /api/probes/handheld/frames HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class Probe:
    """The only probe of the node; shows what the test sends."""

    def __init__(self) -> None:
        self._takers: dict[object, Callable[[LivePicture], None]] = {}

    def probes(self) -> Sequence[Mapping[str, Any]]:
        return [{"name": "handheld"}]

    def require(self, probe: str) -> None:
        self.state(probe)

    def state(self, probe: str) -> LiveState:
        if probe != "handheld":
            raise UsageError("no such probe")
        return LiveState(connected=True, frames_per_s=20)

    def unmade(self, probe: str) -> int:
        return 0

    def watch(self, probe: str, take: Callable[[LivePicture], None]) -> Callable[[], None]:
        key = object()
        self._takers[key] = take
        return lambda: self._takers.pop(key, None) and None

    def show(self, number: int, *, size: int = 100) -> None:
        for take in list(self._takers.values()):
            take(replace(picture(number), jpeg=bytes(size)))


class Screen:
    """A server with the routes of the live picture."""

    def __init__(self) -> None:
        self.probe = Probe()
        self.links = SharedLinks()
        self.viewing = Viewing(self.probe, WatchLinks(self.links))
        self.server = WebServer(
            host="127.0.0.1",
            port=0,
            routes=live_routes(self.probe, self.viewing),
            on_stop=self.viewing.stop,
        )
        others = set(threading.enumerate())
        self.server.start()
        # Other tests' servers may be stopping still, and their threads have the same name.
        [self.thread] = (each for each in set(threading.enumerate()) - others if each.name == "web")

    @property
    def port(self) -> int:
        return self.server.address[1]

    @property
    def viewers(self) -> int:
        counts = self.viewing.counts().get("handheld")
        return counts.viewers if counts else 0

    def stream(self, parts: ExitStack) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        parts.callback(connection.close)
        connection.request("GET", "/api/probes/handheld/live")
        return connection.getresponse()


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def screen(parts: ExitStack) -> Screen:
    made = Screen()
    parts.callback(made.server.stop, 5)
    return made


def test_one_address_has_so_many_viewers(screen: Screen, parts: ExitStack) -> None:
    """One more hears 503, by WebSocket and as a stream; who leaves makes room."""
    first = LiveViewer(screen.port)
    with first:
        for _ in range(PER_ADDRESS - 1):
            parts.enter_context(LiveViewer(screen.port))
        with pytest.raises(InvalidStatus) as refused, LiveViewer(screen.port):
            pass
        assert refused.value.response.status_code == 503
        assert screen.stream(parts).status == 503
    wait_until(lambda: screen.viewers == PER_ADDRESS - 1, "the first has left")
    parts.enter_context(LiveViewer(screen.port)).next_state()


def test_a_screen_that_does_not_read_is_cut_off(
    screen: Screen, parts: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives credit and takes no picture: what is on its way is bounded, and so is its time."""
    monkeypatch.setattr(socket_module, "SENDING_S", 0.3)
    deaf = parts.enter_context(socket.create_connection(("127.0.0.1", screen.port)))
    deaf.sendall(UPGRADE)
    wait_until(lambda: screen.viewers == 1, "it watches")
    credit = b'{"type":"credit","count":8}'
    deaf.sendall(bytes([0x81, 0x80 | len(credit), 0, 0, 0, 0]) + credit)  # masked with zeros

    def gone() -> bool:
        screen.probe.show(1, size=4_000_000)
        return screen.viewers == 0

    wait_until(gone, "it is cut off")


def test_a_screen_that_answers_no_ping_is_cut_off(
    parts: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tablet whose network went away without a word."""
    monkeypatch.setattr(server_module, "PING_S", 0.2)
    screen = Screen()
    parts.callback(screen.server.stop, 5)
    silent = parts.enter_context(socket.create_connection(("127.0.0.1", screen.port)))
    silent.sendall(UPGRADE)
    wait_until(lambda: screen.viewers == 1, "it watches")
    wait_until(lambda: screen.viewers == 0, "it is cut off")


def test_a_reader_of_the_stream_that_is_gone_is_noticed(screen: Screen) -> None:
    """Also while the probe shows nothing."""
    with ExitStack() as reading:
        assert screen.stream(reading).status == 200
        wait_until(lambda: screen.viewers == 1, "it watches")
    wait_until(lambda: screen.viewers == 0, "it is gone")


def test_a_server_that_stops_waits_for_no_viewer(screen: Screen, parts: ExitStack) -> None:
    """A stream has no end of its own, and the node's stop has a deadline."""
    parts.enter_context(LiveViewer(screen.port)).next_state()
    assert screen.stream(parts).status == 200
    wait_until(lambda: screen.viewers == 2, "both watch")
    serving = screen.thread
    began = time.monotonic()
    screen.server.stop(deadline_s=20)
    assert time.monotonic() - began < 10
    assert not serving.is_alive()


def test_a_stream_of_no_probe_is_not_found(screen: Screen, parts: ExitStack) -> None:
    """404 before anything is streamed."""
    connection = http.client.HTTPConnection("127.0.0.1", screen.port, timeout=20)
    parts.callback(connection.close)
    connection.request("GET", "/api/probes/cellar/live")
    assert connection.getresponse().status == 404


def test_a_link_that_another_node_ended_ends_here(
    screen: Screen, parts: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is looked at while the link is in use, and pictures need not come for it."""
    monkeypatch.setattr(viewing_module, "LOOK_S", 0.05)
    token, link = screen.viewing.links.add("handheld", minutes=5)
    watcher = parts.enter_context(LiveViewer(screen.port, path="/api/watch", token=token))
    watcher.next_state()
    assert WatchLinks(screen.links).end("handheld", link.id) == 1
    watcher.until_closed()
    wait_until(lambda: screen.viewers == 0, "it is gone")
