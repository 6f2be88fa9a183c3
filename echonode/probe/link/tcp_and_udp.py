"""Two sockets that are one connection: commands and answers over TCP, scan lines as UDP datagrams.

Rules
- The connection lives as long as its TCP connection. The datagram socket is bound again for each
  connection, so that late datagrams of the one before are not taken for its own.
- Datagrams count only from the address that the TCP connection leads to.
- One thread reads both. Datagrams are read until none waits before it sleeps again: the kernel
  holds few of them, and says nothing of those it drops. The protocol's own counters do.
- It has a pulse: on_tick comes about every tick_s, so that the stream can ask how the probe is.
"""

from __future__ import annotations

import selectors
import socket
import time
from contextlib import suppress

from echonode.errors import ProbeError, ProbeUnreachable
from echonode.probe.link.connection import (
    Callbacks,
    ConnectionSettings,
    LossReason,
    connect,
    hang_up,
    keep_alive,
)
from echonode.system_faults import said_of

LARGEST_DATAGRAM = 65535
# The system grants what its own limit allows; a frame of 100 lines is 160 kB.
RECEIVE_BUFFER = 4 * 1024 * 1024
# Then answers and the pulse get their turn, even where datagrams never end.
DATAGRAMS_A_TURN = 256
SEND_TIMEOUT_S = 2.0


class CommandsAndDatagrams:
    """A probe that takes commands at `commands` and sends scan lines to `local`, an address of
    ours.

    Without a host, `local` is the address that faces the probe: never every address there is.
    """

    def __init__(
        self,
        commands: tuple[str, int],
        local: tuple[str | None, int],
        settings: ConnectionSettings | None = None,
    ) -> None:
        self._commands, self._local = commands, local
        self._settings = settings or ConnectionSettings()

    def prepare(self) -> None:
        """Nothing: the local address may only exist once we are in the probe's Wi-Fi."""

    def next_connection(self) -> CommandConnection:
        """Bind first, so that no datagram is missed, then connect."""
        datagrams = self._bind()
        try:
            commands = connect(self._commands, self._settings)
        except ProbeUnreachable:
            datagrams.close()
            raise
        return CommandConnection(commands, datagrams, self._settings)

    def close(self) -> None:
        """A connect under way takes its own time-out."""

    def _bind(self) -> socket.socket:
        host, port = self._local[0] or self._facing_host(), self._local[1]
        datagrams = socket.socket(_family(host), socket.SOCK_DGRAM)
        datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        try:
            datagrams.bind((host, port))
        except OSError as error:
            datagrams.close()
            raise ProbeUnreachable(f"{host}:{port}: {said_of(error)}") from None
        return datagrams

    def _facing_host(self) -> str:
        """The address that the way to the probe begins at; nothing is sent to find it."""
        try:
            family, *_, address = socket.getaddrinfo(*self._commands, type=socket.SOCK_DGRAM)[0]
            with socket.socket(family, socket.SOCK_DGRAM) as way:
                way.connect(address)
                return str(way.getsockname()[0])
        except (OSError, UnicodeError) as error:
            raise ProbeUnreachable(str(error)) from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class CommandConnection:
    """One connection of such a probe; the form is connection.ProbeConnection."""

    def __init__(
        self, commands: socket.socket, datagrams: socket.socket, settings: ConnectionSettings
    ) -> None:
        self._commands, self._datagrams, self._settings = commands, datagrams, settings
        self._probe_host = commands.getpeername()[0]
        commands.settimeout(SEND_TIMEOUT_S)
        commands.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep_alive(commands)
        datagrams.setblocking(False)

    def send(self, data: bytes) -> None:
        """Send a command."""
        self._commands.sendall(data)

    def read(self, callbacks: Callbacks) -> tuple[LossReason, str]:
        """Hand on answers and datagrams until the TCP connection ends."""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._datagrams, selectors.EVENT_READ)
                selector.register(self._commands, selectors.EVENT_READ)
                return self._read(selector, callbacks)
        except ProbeError as error:
            return LossReason.PROTOCOL, str(error)
        except OSError as error:
            return LossReason.BROKEN, str(error)

    def hang_up(self, farewell: bytes) -> None:
        hang_up(self._commands, farewell)

    def close(self) -> None:
        self._commands.close()
        self._datagrams.close()

    def _read(
        self, selector: selectors.BaseSelector, callbacks: Callbacks
    ) -> tuple[LossReason, str]:
        heard = ticked = time.monotonic()
        while True:
            ready = {key.fileobj for key, _ in selector.select(self._settings.tick_s)}
            if self._datagrams in ready:
                self._read_datagrams(callbacks)
            if self._commands in ready:
                data = self._commands.recv(self._settings.receive_bytes)
                if not data:
                    return LossReason.CLOSED, ""
                callbacks.on_bytes(data)
            now = time.monotonic()
            heard = now if ready else heard
            if self._settings.silence_s is not None and now - heard >= self._settings.silence_s:
                return LossReason.SILENT, f"nothing for {self._settings.silence_s} s"
            if now - ticked >= self._settings.tick_s:
                ticked = now
                callbacks.on_tick()

    def _read_datagrams(self, callbacks: Callbacks) -> None:
        with suppress(BlockingIOError):  # none is left
            for _ in range(DATAGRAMS_A_TURN):
                data, sender = self._datagrams.recvfrom(LARGEST_DATAGRAM)
                if sender[0] == self._probe_host:
                    callbacks.on_datagram(data)
