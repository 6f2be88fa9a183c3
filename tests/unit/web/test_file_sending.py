"""Files that the server sends by itself: the same bytes, whatever a caller does meanwhile."""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import socket
import ssl
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from echonode.commands.web_certificate import make_certificate
from echonode.web import connections, file_sending
from echonode.web.file_answers import FileAnswer, FilePiece, LaterFile, takes_file_pieces
from echonode.web.server import WebServer
from echonode.web.tls_listener import ServerCertificate
from tests.unit.web.conftest import STOP_S, Browser, Serve

BEFORE, BETWEEN = b"before", b"between"
SIZE = 24 * 1024 * 1024  # more than the buffers of a connection take
STEP = 32 * 1024


class Deaf(FileAnswer):
    """Does not hear that its caller is gone."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.stream_response(send)


class Files:
    """Routes that answer with pieces of one file, and what became of the answers."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "file"
        self.content = random.Random(9).randbytes(SIZE)
        self.path.write_bytes(self.content)
        self.closed = threading.Semaphore(0)
        self.failed: list[str] = []

    @property
    def answer(self) -> bytes:
        """What /known and /chunked answer."""
        return BEFORE + self.content[3:] + BETWEEN + self.content[:100]

    def routes(self) -> list[BaseRoute]:
        async def known(request: Request) -> Response:
            return self._answer(request, {"Content-Length": str(len(self.answer))})

        async def chunked(request: Request) -> Response:
            return self._answer(request, {})

        async def too_long(_request: Request) -> Response:
            return FileAnswer(self._pieces(1), 200, {"Content-Length": str(SIZE + 1)}, "a/b")

        async def gone(_request: Request) -> Response:
            return FileAnswer(self._gone(), 200, {"Content-Length": str(SIZE)}, "a/b")

        async def mixed(_request: Request) -> Response:
            return FileAnswer(self._mixed(), 200, {"Content-Length": str(SIZE)}, "a/b")

        async def deaf(_request: Request) -> Response:
            return Deaf(self._both(), 200, {}, "a/b")

        async def offered(request: Request) -> Response:
            return PlainTextResponse(str(takes_file_pieces(request.scope)))

        return [
            Route("/known", known),
            Route("/chunked", chunked),
            Route("/too-long", too_long),
            Route("/gone", gone),
            Route("/mixed", mixed),
            Route("/deaf", deaf, methods=["POST"]),
            Route("/offered", offered),
        ]

    def _answer(self, request: Request, headers: dict[str, str]) -> Response:
        assert takes_file_pieces(request.scope)
        return FileAnswer(self._both(), 200, headers, "a/b")

    async def _both(self) -> AsyncGenerator[bytes | FilePiece, None]:
        with closing(LaterFile(self.path)) as file:
            try:
                yield BEFORE
                yield FilePiece(file=file, offset=3, length=SIZE - 3)
                yield BETWEEN
                yield FilePiece(file=file, offset=0, length=100)
            finally:
                self.closed.release()

    async def _mixed(self) -> AsyncGenerator[bytes | FilePiece, None]:
        """Bytes, more bytes, a piece of the file, and so on: its content in all."""
        with closing(LaterFile(self.path)) as file:
            for start in range(0, SIZE, 3 * STEP):
                end = min(SIZE, start + 3 * STEP)
                yield self.content[start : start + 2 * STEP]
                yield self.content[start + 2 * STEP : end - 1000]
                yield FilePiece(file=file, offset=end - 1000, length=1000)

    async def _gone(self) -> AsyncGenerator[bytes | FilePiece, None]:
        with closing(LaterFile(self.path.with_name("gone"))) as file:
            yield FilePiece(file=file, offset=0, length=SIZE)

    async def _pieces(self, beyond: int) -> AsyncGenerator[bytes | FilePiece, None]:
        with closing(LaterFile(self.path)) as file:
            yield FilePiece(file=file, offset=0, length=SIZE + beyond)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("files"))


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def asked(
    browser: Browser, parts: ExitStack, path: str, source: str = "127.0.0.1"
) -> socket.socket:
    """A connection on which the answer has begun, its body unread."""
    line = socket.socket()
    parts.enter_context(line)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    line.settimeout(20)
    line.bind((source, 0))
    line.connect(browser.server.address)
    line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert line.recv(15) == b"HTTP/1.1 200 OK"
    return line


def rest_of(line: socket.socket) -> bytes:
    received = bytearray()
    while piece := line.recv(1 << 20):
        received += piece
    return bytes(received)


def digest(content: bytes) -> str:
    """Unlike the bytes themselves, short in a failure."""
    return hashlib.sha256(content).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/known", "/chunked"])
def test_the_bytes_of_the_file_are_in_their_place(serve: Serve, files: Files, path: str) -> None:
    """Between what the application gave; the connection is used again afterwards."""
    browser = serve(files.routes())
    connection = http.client.HTTPConnection(*browser.server.address, timeout=20)
    for _ in range(2):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200
        assert digest(answer.read()) == digest(files.answer)
    connection.close()


@pytest.mark.slow
def test_bytes_of_both_kinds_stay_in_their_order(
    serve: Serve, files: Files, parts: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also to a caller so slow that some bytes still wait when the file's turn comes."""
    monkeypatch.setattr(file_sending, "NEAR_BYTES", 4096)
    line = asked(serve(files.routes()), parts, "/mixed")
    received = bytearray()
    while piece := line.recv(10_000):
        received += piece
    assert digest(bytes(received[-SIZE:])) == digest(files.content)


def test_a_head_has_no_body(serve: Serve, files: Files) -> None:
    """The extension is not offered where the answer has none."""
    browser = serve(files.routes())
    assert browser.ask("/offered").body == b"True"
    connection = http.client.HTTPConnection(*browser.server.address, timeout=20)
    connection.request("HEAD", "/offered")
    assert connection.getresponse().headers["Content-Length"] == str(len("False"))
    connection.close()


@pytest.mark.slow
def test_callers_that_stop_reading_hold_up_no_one(
    serve: Serve, files: Files, parts: ExitStack
) -> None:
    """More of them than there are threads; each has its answer whole once it reads on."""
    browser = serve(files.routes())
    stalled = [
        asked(browser, parts, "/known", source=f"127.0.0.{2 + number % 4}")
        for number in range(file_sending.THREADS + 4)
    ]
    assert digest(browser.ask("/known").body) == digest(files.answer)
    for line in (stalled[0], stalled[-1]):
        assert digest(rest_of(line)[-len(files.answer) :]) == digest(files.answer)


@pytest.mark.slow
def test_a_caller_that_leaves_ends_its_answer(serve: Serve, files: Files, parts: ExitStack) -> None:
    """While it takes nothing, and while it takes; the file is closed at once."""
    browser = serve(files.routes())
    while files.closed.acquire(blocking=False):
        pass
    stalled, reading = (asked(browser, parts, "/known") for _ in range(2))
    assert len(reading.recv(1 << 20)) > 0
    for line in (reading, stalled):
        line.close()
        assert files.closed.acquire(timeout=20)
    assert digest(browser.ask("/known").body) == digest(files.answer)


@pytest.mark.slow
def test_a_connection_that_is_cut_off_ends_its_answer(
    serve: Serve, files: Files, parts: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even one that does not ask whether its caller is there: here it owes the rest of a body."""
    monkeypatch.setattr(connections, "BODY_SILENCE_S", 0.5)
    while files.closed.acquire(blocking=False):
        pass
    line = parts.enter_context(socket.create_connection(serve(files.routes()).server.address))
    line.sendall(b"POST /deaf HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx")
    assert files.closed.acquire(timeout=20)


def test_a_file_that_became_shorter_breaks_the_answer(serve: Serve, files: Files) -> None:
    """It must not look whole."""
    browser = serve(files.routes())
    with pytest.raises(http.client.IncompleteRead):
        browser.ask("/too-long")
    assert browser.ask("/offered").status == 200


@pytest.mark.slow
def test_a_stop_waits_for_no_caller_that_stalls(files: Files, parts: ExitStack) -> None:
    """The node's own stop has a deadline."""
    server = WebServer(host="127.0.0.1", port=0, routes=files.routes())
    server.start()
    line = asked(Browser(server), parts, "/known")
    server.stop(deadline_s=2)
    with pytest.raises(OSError):
        socket.create_connection(server.address, 5)
    assert len(rest_of(line)) < len(files.answer)


def test_over_tls_the_application_gives_the_bytes(files: Files, tmp_path: Path) -> None:
    """Nothing is written past TLS."""
    make_certificate(tmp_path, ["127.0.0.1"], now=datetime.now(UTC))
    certificate = ServerCertificate(tmp_path / "web.pem", tmp_path / "web.key")
    server = WebServer(host="127.0.0.1", port=0, routes=files.routes(), tls=certificate)
    server.start()
    trusted = ssl.create_default_context(cafile=str(tmp_path / "web-ca.pem"))
    connection = http.client.HTTPSConnection(*server.address, timeout=20, context=trusted)
    connection.request("GET", "/offered")
    assert connection.getresponse().read() == b"False"
    connection.close()
    server.stop(deadline_s=STOP_S)


def test_a_file_that_is_opened_later_stays_the_same(tmp_path: Path) -> None:
    """From its first reader on: the store may remove its name while a slow caller takes it."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    file = LaterFile(path)
    for _ in range(2):
        with open(file.duplicate(), "rb") as opened:  # noqa: PTH123  # a descriptor
            assert opened.read() == b"content"
            opened.seek(0)  # they share their place
        path.unlink(missing_ok=True)
    file.close()
    file.close()
    with pytest.raises(EOFError):
        file.duplicate()


def test_a_file_that_was_open_is_not_looked_for(tmp_path: Path) -> None:
    """Its descriptor is closed with it."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    given = os.open(path, os.O_RDONLY)
    path.unlink()
    file = LaterFile(path, given)
    with open(file.duplicate(), "rb") as opened:  # noqa: PTH123  # a descriptor
        assert opened.read() == b"content"
    file.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(given)


def test_a_file_that_is_gone_breaks_its_answer_off(
    serve: Serve, files: Files, parts: ExitStack
) -> None:
    """Its head went out before: the caller sees an answer that is too short, not another one."""
    line = asked(serve(files.routes()), parts, "/gone")
    head, _, content = rest_of(line).partition(b"\r\n\r\n")
    assert (b"content-length" in head.lower(), content) == (True, b"")
