"""One HTTP/1.1 connection with a DICOMweb server, kept alive between requests (RFC 9112 9.3).

Rules
- Redirects are not followed and proxies of the environment are not used: patient data goes to the
  address of the configuration, and to no other.
- An answer is read whole, LARGEST_ANSWER at most, within ANSWER_S of the request's end: it is about
  one instance. A server that answers more, or later, loses the connection.
- A server may answer before it has read the whole request (413, 401) and close: its answer counts.
- In TLS 1.3 a server refuses our certificate after the handshake (RFC 8446 4.4.2.4): what it says
  then is kept, for the next request fails by it.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from echonode.dimse.upper_layer.tls_faults import TLSFailed, explain
from echonode.errors import AssociationLost, PeerUnreachable
from echonode.system_faults import said_of

CONNECT_S = 10.0
# For one piece to be taken or to come, and for the answer in all: archives index before they
# answer.
ANSWER_S = 120.0
LARGEST_ANSWER = 4 * 1024**2
_PIECE = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Answer:
    """retry_after, date: as the header fields have them, '' where there is none."""

    status: int
    body: bytes
    retry_after: str = ""
    date: str = ""


class HttpConnection:
    """An open connection; one thread sends, any may end it."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None,
        answer_s: float = ANSWER_S,
    ) -> None:
        """Connect. Raises PeerUnreachable."""
        self._answer_s = answer_s
        if tls is None:
            self._http = http.client.HTTPConnection(host, port, timeout=CONNECT_S)
        else:
            self._http = http.client.HTTPSConnection(host, port, timeout=CONNECT_S, context=tls)
        self._http.auto_open = 0  # a connection that has ended is not opened again unseen
        try:
            self._http.connect()
        except (OSError, UnicodeError) as error:
            self._http.close()
            raise PeerUnreachable(_connect_problem(error, host, port)) from error
        self._socket: socket.socket = self._http.sock
        self._socket.settimeout(answer_s)
        self._in_use = threading.Lock()
        self._ended = False
        self._refused: ssl.SSLError | None = None

    @property
    def is_open(self) -> bool:
        """Whether neither side has ended it. Any thread may ask."""
        if self._ended or not self._in_use.acquire(blocking=False):
            return not self._ended
        try:
            if self._http.sock is not None and self._is_silent():
                return True
            self.close()
            return False
        finally:
            self._in_use.release()

    def _is_silent(self) -> bool:
        """Nothing is expected between two requests, but for what TLS keeps to itself."""
        try:
            self._socket.settimeout(0)
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            self._socket.settimeout(self._answer_s)
            return True
        except (OSError, ValueError) as error:
            if isinstance(error, ssl.SSLError):
                self._refused = error
            return False
        return False

    def request(
        self, method: str, target: str, headers: Mapping[str, str], body: Iterable[bytes] = ()
    ) -> Answer:
        """Send a request and read its answer. Raises AssociationLost, and what `body` raises.

        After any error the connection has ended. headers: with Content-Length where there is a
        body.
        """
        try:
            with self._in_use:
                return self._exchange(method, target, headers, body)
        except (http.client.HTTPException, OSError) as error:
            self.close()
            by_peer = isinstance(
                error, ConnectionError | http.client.IncompleteRead | ssl.SSLEOFError
            )
            refused = error if isinstance(error, ssl.SSLError) else self._refused
            if isinstance(error, TimeoutError):
                problem = f"no answer within {self._answer_s:.0f} s"
            elif refused is not None and not by_peer:
                problem = f"TLS failed: {explain(refused)}"
            else:
                problem = f"the connection ended before the answer ({type(error).__name__})"
            raise AssociationLost(problem, by_peer=by_peer) from error
        except BaseException:
            self.close()
            raise
        finally:
            if self._http.sock is None:  # by the end of an answer that was the last
                self._ended = True

    def _exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: Iterable[bytes]
    ) -> Answer:
        pieces = iter(body)
        first = next(pieces, b"")  # what is wrong with the file shows before anything is sent
        unsent: OSError | None = None
        try:
            self._http.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers.items():
                self._http.putheader(name, value)
            self._http.endheaders()
            if first:
                self._http.send(first)
            for piece in pieces:
                self._http.send(piece)
        except (BrokenPipeError, ConnectionResetError) as error:
            unsent = error
        try:
            answer = self._answer()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise (unsent or error) from error
        if unsent is not None:
            self.close()
        return answer

    def _answer(self) -> Answer:
        until = time.monotonic() + self._answer_s
        response = self._http.getresponse()
        found = bytearray()
        with response:  # its end lets the next request begin
            while piece := response.read1(_PIECE):
                found += piece
                if len(found) > LARGEST_ANSWER or time.monotonic() > until:
                    raise http.client.HTTPException("the answer does not end")
            if response.length:
                raise http.client.IncompleteRead(bytes(found[:0]), response.length)
        if response.will_close:
            self.close()
        return Answer(
            status=response.status,
            body=bytes(found),
            retry_after=response.getheader("Retry-After", ""),
            date=response.getheader("Date", ""),
        )

    def close(self) -> None:
        """End it; from its own thread. Never raises."""
        self._ended = True
        self._http.close()

    def break_off(self) -> None:
        """End it from another thread, also while its own waits for an answer. Never raises."""
        self._ended = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


def _connect_problem(error: Exception, host: str, port: int) -> str:
    where = f"{host}:{port}"
    if isinstance(error, TLSFailed | ssl.SSLError):
        return f"TLS with {where} failed: {explain(error, host=host)}"
    if isinstance(error, TimeoutError):
        return f"no connection with {where} within {CONNECT_S:.0f} s"
    if isinstance(error, OSError):
        return f"no connection with {where}: {said_of(error)}"
    return f"{where} is no address"
