"""The port that HL7 senders connect to: who is let in, and how many.

Rules
- A sender from an address that is not in `addresses` is closed at once, and logged: the first at
  once, then once a minute with a count.
- CONNECTIONS at the same time. Where they are used up the one that has been silent longest makes
  room, if it has been so for CROWDED_IDLE_S: senders that leave dead connections behind must not
  keep themselves out. Otherwise the new one is closed.
- Stopping answers what is under way first.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from echonode.dimse.upper_layer.log_throttle import Tally
from echonode.exam.hl7.connection import Connection, CurrentTLS
from echonode.log import get_logger

log = get_logger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# A RIS, a HIS and an interface engine have one to four each; each costs a thread and a buffer.
CONNECTIONS = 32
CROWDED_IDLE_S = 30.0
_BACKLOG = 16
_SHORTAGE_S = 0.1
_LOG_EVERY_S = 60.0
_HANG_UP_S = 1.0


class Hl7Listener:
    """Listens, and serves each sender in a thread of its own.

    addresses: the networks senders may come from; none is any.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        answer: Callable[[bytes, str], bytes],
        addresses: Sequence[Network] = (),
        tls: CurrentTLS | None = None,
        connections: int = CONNECTIONS,
    ) -> None:
        self._wanted = (host, port)
        self._answer, self._tls, self._most = answer, tls, connections
        self._addresses = tuple(addresses)
        self._tally = Tally(_LOG_EVERY_S)
        self._lock = threading.Lock()
        self._open: set[Connection] = set()
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._pause = threading.Event()  # set once we stop

    @property
    def address(self) -> tuple[str, int]:
        """(host, port), with the port that was given out for port 0; after `start`."""
        assert self._listener is not None
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    def start(self) -> None:
        """Listen. Raises OSError that says where and why not; TLSFilesUnusable."""
        if self._tls is not None:
            self._tls()  # now, so that a fault stops the start
        host, port = self._wanted
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        except OSError as error:
            raise OSError(error.errno, f"{host}:{port}: {error.strerror}") from None
        self._thread = threading.Thread(target=self._accept, name="hl7 listener", daemon=True)
        self._thread.start()

    def stop(self, deadline_s: float) -> None:
        """Accept no more, answer what is under way within `deadline_s`, then end it all."""
        end = time.monotonic() + deadline_s
        self._pause.set()
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
            self._listener.close()
        if self._thread is not None:
            self._thread.join(_HANG_UP_S)
        with self._lock:
            remaining = list(self._open)
        for connection in remaining:
            connection.ask_end()
        for connection in remaining:
            connection.join(max(0.0, end - time.monotonic()))
        for connection in remaining:
            connection.hang_up()
        for connection in remaining:
            connection.join(_HANG_UP_S)

    def _accept(self) -> None:
        assert self._listener is not None
        while not self._pause.is_set():
            try:
                sock, address = self._listener.accept()
            except OSError:
                self._pause.wait(_SHORTAGE_S)  # of descriptors: those that are open end some time
                continue
            self._take(sock, str(address[0]).partition("%")[0])

    def _take(self, sock: socket.socket, host: str) -> None:
        if not self._may_come_from(host):
            sock.close()
            self._tell(
                host,
                "its address is not one of `hl7.addresses`",
                "Enter the address under `hl7.addresses`, if it may send.",
            )
            return
        if not self._has_room():
            sock.close()
            self._tell(
                host,
                f"{self._most} senders are connected",
                "Let senders keep one connection open instead of opening ever more.",
            )
            return
        try:
            connection = Connection(
                sock, host, answer=self._answer, tls=self._tls, on_over=self._over
            )
            with self._lock:
                self._open.add(connection)
            connection.start()
        except (OSError, RuntimeError):  # it is gone already; the system gives no more threads
            with self._lock:
                self._open = {each for each in self._open if each.ident is not None}
            sock.close()

    def _has_room(self) -> bool:
        """Whether there is a place; the longest silent one may have to go for it."""
        with self._lock:
            if len(self._open) < self._most:
                return True
            silent = min(self._open, key=lambda each: each.silent_since)
            if time.monotonic() - silent.silent_since < CROWDED_IDLE_S:
                return False
            self._open.discard(silent)
        silent.hang_up()
        return True

    def _over(self, connection: Connection, problem: str, remedy: str) -> None:
        with self._lock:
            self._open.discard(connection)
        if problem:
            self._tell(connection.host, problem, remedy)

    def _may_come_from(self, host: str) -> bool:
        if not self._addresses:
            return True
        caller = ipaddress.ip_address(host)
        caller = getattr(caller, "ipv4_mapped", None) or caller
        return any(caller in network for network in self._addresses)

    def _tell(self, host: str, problem: str, remedy: str) -> None:
        count = self._tally.note(host, problem, now=time.monotonic())
        if count is not None:
            log.warning(
                "hl7_sender_refused", address=host, reason=problem, remedy=remedy, count=count
            )
