"""A C-STORE session under TLS whose encrypted bytes can end anywhere."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from echonode.commands.lying_pacs import wire
from tests.faults.archives.breaking_archive import Ending, end
from tests.faults.callers.client import LOOPBACK, RELEASE, request, store_message
from tests.faults.callers.instances import Instance

T = TypeVar("T")


class CutOff(Exception):
    """The byte is reached."""


class TLSSession:
    """One connection; OpenSSL's output goes through our hands, and stops after `budget` bytes."""

    def __init__(self, port: int, context: ssl.SSLContext, *, budget: int | None = None) -> None:
        self.socket = socket.create_connection((LOOPBACK, port), timeout=60)
        self.sent = 0
        self._budget = budget
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")

    def shake_hands(self) -> None:
        self._carry_out(self._tls.do_handshake)

    def send(self, data: bytes) -> None:
        """Raises CutOff, OSError."""
        self._carry_out(partial(self._tls.write, data))

    def read_pdu(self) -> tuple[int, bytes]:
        """The next PDU's type and body. Raises WireError when the connection ends, OSError."""
        header = self._read(6)
        return header[0], self._read(int.from_bytes(header[2:], "big"))

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += self._carry_out(partial(self._tls.read, count - len(data)))
        return data

    def _carry_out(self, action: Callable[[], T]) -> T:
        while True:
            try:
                result = action()
            except ssl.SSLWantReadError:
                self._flush()
                received = self.socket.recv(65_536)
                if not received:
                    raise wire.WireError("the connection ended") from None
                self._incoming.write(received)
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        data = self._outgoing.read()
        allowed = data if self._budget is None else data[: self._budget - self.sent]
        self.socket.sendall(allowed)
        self.sent += len(allowed)
        if len(allowed) < len(data):
            raise CutOff


def store_by_tls(
    port: int,
    context: ssl.SSLContext,
    instance: Instance,
    *,
    budget: int | None = None,
    ending: Ending = Ending.FINISH,
) -> tuple[int | None, int]:
    """A whole session, or as much of it as `budget` bytes; the status if any, the bytes sent."""
    status = None
    session = TLSSession(port, context, budget=budget)
    with suppress(CutOff):
        session.shake_hands()
        session.send(request("SCU"))
        kind, _ = session.read_pdu()
        assert kind == wire.ASSOCIATE_AC, kind
        session.send(store_message(instance))
        _, body = session.read_pdu()
        status = int.from_bytes(wire.read_command(body[6:])[0x0900], "little")
        session.send(RELEASE)
        kind, _ = session.read_pdu()
        assert kind == wire.RELEASE_RP, kind
    end(session.socket, ending)
    return status, session.sent
