"""One HTTP connection: kept, ended, and what is learnt from how it ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from echonode.delivery.stow.connection import LARGEST_ANSWER, HttpConnection
from echonode.errors import AssociationLost, Damaged, PeerUnreachable

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class RawServer:
    """Answers each connection with fixed bytes once a request's head has come, then ends it."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = answers
        self.heads: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        accepted, _ = self._listener.accept()
        with accepted:
            for answer in self._answers:
                head = b""
                while b"\r\n\r\n" not in head:
                    received = accepted.recv(65536)
                    if not received:
                        return
                    head += received
                self.heads.append(head)
                accepted.sendall(answer)

    def wait(self) -> None:
        """Until it has ended the connection."""
        self._thread.join(5.0)

    def end(self) -> None:
        self.wait()
        self._listener.close()


def connected(server: RawServer, answer_s: float = 5.0) -> HttpConnection:
    return HttpConnection("127.0.0.1", server.port, tls=None, answer_s=answer_s)


def test_two_requests_go_over_one_connection_and_its_end_is_seen() -> None:
    """The server ends it after the second."""
    server = RawServer(OK, OK)
    connection = connected(server)
    assert connection.request("GET", "/a", {}).body == b"ok"
    assert connection.is_open
    assert connection.request("GET", "/b", {}).status == 200
    server.end()
    assert not connection.is_open


@pytest.mark.parametrize(
    ("answer", "by_peer"),
    [
        (b"", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok", True),
        (b"no HTTP at all\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", True),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + bytes(LARGEST_ANSWER + 1),
            False,
        ),
    ],
    ids=["closed", "cut", "not HTTP", "bad chunk", "too long"],
)
def test_an_answer_that_does_not_come_whole_is_a_lost_association(
    answer: bytes, *, by_peer: bool
) -> None:
    """Nothing is known of the instance then, and the connection is not used again."""
    server = RawServer(answer)
    connection = connected(server)
    with pytest.raises(AssociationLost) as caught:
        connection.request("GET", "/", {})
    assert caught.value.by_peer is by_peer
    assert not connection.is_open
    server.end()


def test_an_answer_that_comes_before_the_whole_request_counts() -> None:
    """413, and the server reads no further."""
    refused = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    server = RawServer(refused)
    connection = connected(server)

    def body() -> Iterator[bytes]:
        yield b"x" * 10
        server.wait()
        for _ in range(100):
            yield b"y" * 100_000

    headers = {"Content-Length": "10000010"}
    assert connection.request("POST", "/", headers, body()).status == 413
    assert not connection.is_open
    server.end()


def test_a_file_that_is_damaged_is_not_begun() -> None:
    """The server sees no request."""

    def body() -> Iterator[bytes]:
        raise Damaged("its bytes are not those that were stored")
        yield b""

    server = RawServer(OK)
    connection = connected(server)
    with pytest.raises(Damaged):
        connection.request("POST", "/", {}, body())
    assert not connection.is_open
    server.end()
    assert server.heads == []


def test_another_thread_ends_a_request_that_waits() -> None:
    """At a stop."""
    listener = socket.create_server(("127.0.0.1", 0))
    connection = HttpConnection("127.0.0.1", listener.getsockname()[1], tls=None)
    begun = threading.Event()

    def body() -> Iterator[bytes]:
        yield b"x"
        begun.set()

    def end() -> None:
        begun.wait(5.0)
        connection.break_off()

    ending = threading.Thread(target=end)
    ending.start()
    with pytest.raises(AssociationLost):
        connection.request("POST", "/", {"Content-Length": "1"}, body())
    ending.join()
    listener.close()


def test_a_server_that_does_not_answer_is_waited_for_no_longer_than_allowed() -> None:
    """It is lost, and not by the peer."""
    listener = socket.create_server(("127.0.0.1", 0))
    connection = HttpConnection("127.0.0.1", listener.getsockname()[1], tls=None, answer_s=0.05)
    with pytest.raises(AssociationLost, match="no answer within") as caught:
        connection.request("GET", "/", {})
    assert not caught.value.by_peer
    listener.close()


def test_where_nothing_listens_the_address_is_named() -> None:
    """As of any peer that is down."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(PeerUnreachable, match=f"no connection with 127.0.0.1:{port}"):
        HttpConnection("127.0.0.1", port, tls=None)
