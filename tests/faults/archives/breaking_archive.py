"""An archive that stores well, until the test has it break off after any byte."""

from __future__ import annotations

import queue
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Self

from echonode.commands.lying_pacs import wire

PATIENCE_S = 30.0
_RELEASED = wire.pdu(wire.RELEASE_RP, b"\0\0\0\0")


class Ending(Enum):
    """How a connection breaks: RST throws away what is on its way, FIN lets it arrive."""

    RESET = "RST"
    FINISH = "FIN"


def end(sock: socket.socket, ending: Ending) -> None:
    """Break a connection off."""
    if ending is Ending.RESET:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    else:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
            # Closing with something unread would be a reset.
            while sock.recv(65_536):
                pass
    sock.close()


class Side(Enum):
    """Whose bytes are counted."""

    RECEIVED = "received"
    SENT = "sent"


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Where a conversation ends, and how."""

    side: Side
    at: int
    ending: Ending


class _CutOff(Exception):
    """The byte is reached."""


@dataclass
class Conversation:
    """One connection: bytes read and written; answered: the C-STORE's whole answer is out."""

    received: int = 0
    sent: int = 0
    answered: bool = False


class ScriptedArchive:
    """Serves one connection after another; `cut` holds for those that come from then on."""

    def __init__(self) -> None:
        self.cut: Cut | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over: queue.Queue[Conversation] = queue.Queue()
        self._thread = threading.Thread(target=self._serve, name="scripted archive", daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def conversation(self) -> Conversation:
        """The next one that is over. Raises queue.Empty."""
        return self._over.get(timeout=PATIENCE_S)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE_S)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE_S)
            wire.tune(connection)
            talk = _Talk(connection, self.cut)
            try:
                talk.go_on()
            except _CutOff:
                assert talk.cut is not None
                end(connection, talk.cut.ending)
            except (OSError, wire.WireError):
                pass  # we were cut off ourselves
            connection.close()
            self._over.put(talk.state)


class _Talk:
    """One connection, served to its end or to the cut."""

    def __init__(self, connection: socket.socket, cut: Cut | None) -> None:
        self._connection = connection
        self.cut = cut
        self.state = Conversation()

    def go_on(self) -> None:
        command: dict[int, bytes] = {}
        while True:
            self._cut_off_when(Side.RECEIVED, self.state.received)
            kind, length = struct.unpack(">BxI", self._read(6))
            body = self._read(length)
            if kind == wire.ASSOCIATE_RQ:
                self._write(wire.associate_accept(body))
            elif kind == wire.RELEASE_RQ:
                self._write(_RELEASED)
                return
            elif body[5] == wire.COMMAND_LAST:
                command = wire.read_command(body[6:])
            elif body[5] == wire.DATA_LAST:
                self._write(wire.command_pdu(body[4], wire.response_to(command)))
                self.state.answered = True

    def _read(self, count: int) -> bytes:
        allowed = self._allowed(Side.RECEIVED, self.state.received, count)
        data = wire.read_exactly(self._connection, allowed)
        self.state.received += allowed
        if allowed < count:
            raise _CutOff
        return data

    def _write(self, data: bytes) -> None:
        allowed = self._allowed(Side.SENT, self.state.sent, len(data))
        self._connection.sendall(data[:allowed])
        self.state.sent += allowed
        if allowed < len(data):
            raise _CutOff

    def _allowed(self, side: Side, done: int, count: int) -> int:
        if self.cut is None or self.cut.side is not side:
            return count
        return min(count, self.cut.at - done)

    def _cut_off_when(self, side: Side, done: int) -> None:
        if self.cut is not None and self.cut.side is side and self.cut.at == done:
            raise _CutOff
