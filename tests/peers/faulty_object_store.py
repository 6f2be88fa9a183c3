"""A scripted way to an S3 server: each PUT of an instance passes, stalls, or is answered otherwise.

Rules
- `next_fault` decides for each PUT below instances/; every other request passes.
- What is answered in the place of the server's answer may have been done or not, as the fault says.
"""

from __future__ import annotations

import http.client
import sys
import threading
from collections.abc import Callable
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from tests.peers.ports import LOOPBACK

_NOT_PASSED_ON = frozenset({"connection", "transfer-encoding", "content-length", "date", "server"})


class Fault(Enum):
    """What becomes of a PUT."""

    NONE = auto()
    BUSY = auto()  # 503 SlowDown, not done
    BUSY_AND_DONE = auto()  # done, and 503 all the same
    FULL = auto()  # 507 and the error of a server whose disks are full, not done
    STALL = auto()  # no answer until the caller gives up, not done
    STALL_AND_DONE = auto()  # done, and no answer
    CUT = auto()  # the connection ends without an answer, not done


_DONE = frozenset({Fault.NONE, Fault.BUSY_AND_DONE, Fault.STALL_AND_DONE})
_ANSWERS = {
    Fault.BUSY: (503, "SlowDown"),
    Fault.BUSY_AND_DONE: (503, "SlowDown"),
    Fault.FULL: (507, "XMinioStorageFull"),
}


class FaultyObjectStore:
    """A proxy on a free port, in front of a server on this machine."""

    def __init__(self, port: int, next_fault: Callable[[], Fault], *, stall_s: float) -> None:
        """port: of the server. stall_s: longer than the caller waits for an answer."""
        self.port, self.next_fault = port, next_fault
        self._stall_s, self._ended = stall_s, threading.Event()
        handler = type("Handler", (_Handler,), {"way": self})
        self._server = _Server((LOOPBACK, 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def stall(self) -> None:
        """Wait longer than the caller does, or until the end."""
        self._ended.wait(self._stall_s)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that is killed, or does not wait any longer, is no error here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as it came


class _Handler(BaseHTTPRequestHandler):
    way: FaultyObjectStore
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing is written."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        is_instance = self.command == "PUT" and "/instances/" in self.path
        fault = self.way.next_fault() if is_instance else Fault.NONE
        answer = self._passed_on(body) if fault in _DONE else None
        if fault in _ANSWERS:
            status, code = _ANSWERS[fault]
            content = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            answer = status, {"Content-Type": "application/xml"}, content
        elif fault is not Fault.NONE:
            if fault is not Fault.CUT:
                self.way.stall()
            answer = None
        if answer is None:
            self.close_connection = True
        else:
            self._answer(*answer)

    def _passed_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(LOOPBACK, self.way.port, timeout=30)
        try:
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return response.status, headers, response.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name not in _NOT_PASSED_ON:
                self.send_header(name, value)
        is_head = self.command == "HEAD"  # its length is that of the object
        length = headers.get("content-length", "0") if is_head else str(len(content))
        self.send_header("Content-Length", length)
        self.end_headers()
        if not is_head:
            self.wfile.write(content)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _serve  # noqa: N815  # as http.server calls
