"""A port that senders connect to serves the probe, whatever else connects to it."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import structlog
import trustme

from echonode.dimse.upper_layer.tls_context import server_context
from echonode.model.certificate import TLSFiles
from echonode.probe.link.connection import Callbacks, ConnectionSettings, LossReason, OpenConnection
from echonode.probe.link.reconnecting import Link, LinkSettings
from echonode.probe.link.tcp_listener import UNPRODUCTIVE_S, YIELD_SILENCE_S, TcpListener
from tests.support.waiting import wait_until

QUICK = LinkSettings(first_pause_s=0.01, longest_pause_s=0.01, connection=ConnectionSettings())


class Clock:
    """The listener's clock, set by the test."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Reader:
    """What was read, one entry a connection, and why each ended."""

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.ended: list[tuple[LossReason, str]] = []
        self.frames = False

    def callbacks(self) -> Callbacks:
        return Callbacks(
            on_connected=self._connected,
            on_bytes=self._bytes,
            on_lost=lambda reason, detail: self.ended.append((reason, detail)),
            has_frames=lambda: self.frames,
        )

    def _connected(self, _: OpenConnection) -> None:
        self.data.append(b"")

    def _bytes(self, data: bytes) -> None:
        self.data[-1] += data


@contextmanager
def listening(
    clock: Callable[[], float], *networks: str, tls: Callable[[], ssl.SSLContext] | None = None
) -> Iterator[tuple[Callable[[], socket.socket], Reader]]:
    """(how a sender connects, what is read of them)."""
    reader = Reader()
    listener = TcpListener(
        "127.0.0.1",
        0,
        QUICK.connection,
        name="tablet",
        addresses=[ipaddress.ip_network(text) for text in networks],
        tls=tls,
        monotonic=clock,
    )
    link = Link(name="tablet", endpoint=listener, callbacks=reader.callbacks(), settings=QUICK)
    link.start()
    with ExitStack() as senders:

        def sender() -> socket.socket:
            return senders.enter_context(socket.create_connection(listener.address, 5))

        yield sender, reader
        assert link.stop(30)


@pytest.mark.parametrize("frames", [False, True])
def test_a_mute_connection_does_not_keep_the_probe_out(frames: bool) -> None:
    """A sender that is silent for so long is closed when the next sender comes."""
    clock = Clock()
    with listening(clock) as (sender, reader):
        mute = sender()
        wait_until(lambda: len(reader.data) == 1)
        reader.frames = frames
        clock.now = YIELD_SILENCE_S
        probe = sender()
        probe.sendall(b"images")
        wait_until(lambda: reader.data[1:] == [b"images"])
        mute.settimeout(5)
        assert mute.recv(1) == b""
        assert reader.ended[0][0] is LossReason.SILENT


def test_a_sender_that_only_keeps_the_line_alive_yields_too() -> None:
    """Bytes without a frame hold the port for UNPRODUCTIVE_S at most while another waits."""
    clock = Clock()
    with listening(clock) as (sender, reader):
        idle = sender()
        wait_until(lambda: len(reader.data) == 1)
        for second in (5, 10, 15, 20, 25):
            clock.now = second
            idle.sendall(b"status")
            wait_until(lambda second=second: len(reader.data[0]) == 6 * second // 5)  # type: ignore[misc]
        clock.now = UNPRODUCTIVE_S
        probe = sender()
        probe.sendall(b"images")
        wait_until(lambda: reader.data[1:] == [b"images"])


def test_a_probe_that_sends_is_not_disturbed_by_those_who_wait() -> None:
    """While it brings frames, others wait or are closed, however many come."""
    clock = Clock()
    with listening(clock) as (sender, reader):
        probe = sender()
        probe.sendall(b"a")
        wait_until(lambda: reader.data == [b"a"])
        reader.frames = True
        others = [sender() for _ in range(50)]
        closed = 0
        for other in others[1:]:
            other.settimeout(5)
            closed += other.recv(1) == b""
        assert closed == 49  # one may wait; the rest hold no descriptor of the node
        sent = b"a"
        while clock.now < 5 * UNPRODUCTIVE_S:
            clock.now += YIELD_SILENCE_S / 2  # at no moment has it been silent for too long
            probe.sendall(b"b")
            sent += b"b"
            wait_until(lambda sent=sent: reader.data == [sent])  # type: ignore[misc]


def test_a_paused_probe_that_is_alone_is_left_alone() -> None:
    """Silence by itself ends nothing: a frozen probe keeps its connection, and its study."""
    clock = Clock()
    with listening(clock) as (sender, reader):
        probe = sender()
        probe.sendall(b"a")
        wait_until(lambda: reader.data == [b"a"])
        clock.now = 86_400.0
        probe.sendall(b"b")
        wait_until(lambda: reader.data == [b"ab"])
        assert reader.ended == []


def test_one_that_waited_and_left_gives_its_place_to_the_next() -> None:
    """Who gave up waiting does not stand before the probe."""
    clock = Clock()
    with listening(clock) as (sender, reader):
        first = sender()
        wait_until(lambda: len(reader.data) == 1)
        gone = sender()
        gone.close()
        probe = sender()
        probe.sendall(b"images")
        first.close()
        wait_until(lambda: b"images" in reader.data)


def test_only_the_addresses_of_the_probe_may_send() -> None:
    """Others are closed at once, not read, and logged once with the remedy."""
    clock = Clock()
    logged = structlog.testing.capture_logs()
    with logged as logs, listening(clock, "10.0.0.0/8") as (sender, reader):
        for _ in range(20):
            stranger = sender()
            stranger.settimeout(5)
            assert stranger.recv(1) == b""
        assert reader.data == []
    (line,) = [entry for entry in logs if entry["event"] == "probe_sender_refused"]
    assert (line["address"], line["probe"]) == ("127.0.0.1", "tablet")
    assert "addresses" in line["remedy"]
    with listening(clock, "10.0.0.0/8", "127.0.0.0/30") as (sender, reader):
        sender().sendall(b"images")
        wait_until(lambda: reader.data == [b"images"])


# --- TLS ---


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def node_tls(authority: trustme.CA, tmp_path: Path) -> Callable[[], ssl.SSLContext]:
    """What a listener of the configuration has: our certificate, and the probes' authority."""
    issued = authority.issue_cert("127.0.0.1")
    for name, pem in (
        ("cert", issued.cert_chain_pems[0]),
        ("key", issued.private_key_pem),
        ("ca", authority.cert_pem),
    ):
        (tmp_path / name).write_bytes(pem.bytes())
    files = TLSFiles(cert=tmp_path / "cert", key=tmp_path / "key", ca=tmp_path / "ca", crl=None)
    return lambda: server_context(files, require_client_cert=True)


def proving(sock: socket.socket, authority: trustme.CA, issuer: trustme.CA) -> ssl.SSLSocket:
    """The sender's side of the handshake, with a certificate of `issuer`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    issuer.issue_cert("probe.example").configure_cert(context)
    sock.settimeout(10)
    return context.wrap_socket(sock, server_hostname="127.0.0.1")


def test_a_sender_that_proves_itself_is_read(
    authority: trustme.CA, node_tls: Callable[[], ssl.SSLContext]
) -> None:
    """A megabyte over TLS, in its order, and an answer in the other direction at the end."""
    data = bytes(range(256)) * 4096
    with listening(Clock(), tls=node_tls) as (sender, reader):
        with proving(sender(), authority, authority) as probe:
            probe.sendall(data)
            wait_until(lambda: reader.data == [data])
        wait_until(lambda: len(reader.ended) == 1)


def test_senders_that_prove_nothing_do_not_keep_the_probe_out(
    authority: trustme.CA, node_tls: Callable[[], ssl.SSLContext]
) -> None:
    """Plain bytes and the certificate of a stranger: closed, not read, logged once."""
    logged = structlog.testing.capture_logs()
    with logged as logs, listening(Clock(), tls=node_tls) as (sender, reader):
        plain = sender()
        plain.sendall(b"images" * 1000)
        plain.settimeout(10)
        with suppress(ConnectionError):
            while plain.recv(4096):
                pass
        with proving(sender(), authority, trustme.CA()) as stranger, suppress(OSError):
            stranger.sendall(b"images")  # TLS 1.3: the refusal comes with the first read
            assert stranger.recv(1) == b""
        with proving(sender(), authority, authority) as probe:
            probe.sendall(b"true")
            wait_until(lambda: reader.data == [b"true"])
    refusals = [entry for entry in logs if entry["event"] == "probe_sender_refused"]
    assert len(refusals) == 1
    assert "TLS" in refusals[0]["remedy"]
