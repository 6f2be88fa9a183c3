"""Handshakes are limited: who says nothing keeps no one out, and holds no connection for long."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from echonode.commands.web_certificate import make_certificate
from echonode.web import tls_listener
from echonode.web.server import WebServer
from echonode.web.tls_listener import PER_ADDRESS, ServerCertificate


async def scheme(request: Request) -> Response:
    return PlainTextResponse(request.url.scheme)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_certificate(tmp_path, ["127.0.0.1"], now=datetime.now(UTC))
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[WebServer]:
    server = WebServer(
        host="127.0.0.1",
        port=0,
        routes=[Route("/", scheme)],
        tls=ServerCertificate(folder / "web.pem", folder / "web.key"),
    )
    server.start()
    yield server
    server.stop(deadline_s=3)


def ask(server: WebServer, folder: Path, *, source: str = "127.0.0.1") -> bytes:
    context = ssl.create_default_context(cafile=str(folder / "web-ca.pem"))
    with (
        socket.create_connection(server.address, 10, source_address=(source, 0)) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as line,
    ):
        assert line.selected_alpn_protocol() is None
        line.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: line.recv(4096), b""))


def is_closed(line: socket.socket) -> bool:
    line.settimeout(10)
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_page_comes_by_tls(server: WebServer, folder: Path) -> None:
    """And the application knows that it does."""
    assert ask(server, folder).endswith(b"https")


def test_callers_without_a_handshake_are_few(server: WebServer, folder: Path) -> None:
    """One address has PER_ADDRESS of them; another address is served meanwhile."""
    with ExitStack() as open_lines:
        silent = [
            open_lines.enter_context(socket.create_connection(server.address, 10))
            for _ in range(PER_ADDRESS)
        ]
        one_more = open_lines.enter_context(socket.create_connection(server.address, 10))
        assert is_closed(one_more)
        assert ask(server, folder, source="127.0.0.2").endswith(b"https")
        silent[0].close()


def test_a_handshake_has_its_time(
    server: WebServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the connection is closed, and its place is free."""
    monkeypatch.setattr(tls_listener, "HANDSHAKE_S", 0.3)
    with socket.create_connection(server.address, 10) as silent:
        assert is_closed(silent)
    assert ask(server, folder).endswith(b"https")


def test_plain_http_is_not_answered(server: WebServer) -> None:
    """This port speaks TLS alone."""
    with socket.create_connection(server.address, 10) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert is_closed(line)


def test_a_certificate_that_cannot_be_used_is_an_error_at_the_start(folder: Path) -> None:
    """As an OSError, whichever file it is."""
    (folder / "web.key").write_text("broken")
    with pytest.raises(ssl.SSLError, match="PEM"):
        ServerCertificate(folder / "web.pem", folder / "web.key")
    with pytest.raises(FileNotFoundError):
        ServerCertificate(folder / "none.pem", folder / "web.key")


def test_a_stop_ends_what_shakes_hands(folder: Path) -> None:
    """No task is left."""

    async def run() -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        certificate = ServerCertificate(folder / "web.pem", folder / "web.key")
        accepting = tls_listener.TlsListener(listener, certificate, asyncio.Protocol)
        accepting.start()
        with socket.create_connection(listener.getsockname(), 10):
            await asyncio.sleep(0.05)
            accepting.close()
            await asyncio.wait_for(accepting.wait_closed(), 5)
        listener.close()
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run(run()) == 0
