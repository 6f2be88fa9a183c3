"""A viewer of the live picture, as the console is one: by WebSocket, a credit for each picture."""

from __future__ import annotations

import json
import struct
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

HEAD = struct.Struct(">QQIHH")


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture as it came."""

    sequence: int
    captured_at_us: int
    geometry: int
    width: int
    height: int
    jpeg: bytes

    def pixels(self) -> NDArray[np.uint8]:
        """(rows, columns), grey."""
        decoded: NDArray[np.uint8] = simplejpeg.decode_jpeg(self.jpeg, "GRAY")[..., 0]
        return decoded


@dataclass
class LiveViewer:
    """Watches by `with`. credits: whether it asks for the next picture after each.

    states, geometries: what came so far.
    """

    port: int
    probe: str = "handheld"
    credits: bool = True
    path: str = ""
    origin: str | None = None
    token: str = ""
    states: list[dict[str, Any]] = field(default_factory=list)
    geometries: dict[int, dict[str, Any]] = field(default_factory=dict)
    _socket: ClientConnection | None = None

    def __enter__(self) -> Self:
        path = self.path or f"/api/probes/{self.probe}/frames"
        self._context = connect(
            f"ws://127.0.0.1:{self.port}{path}",
            origin=self.origin,  # type: ignore[arg-type]
            subprotocols=["echonode.watch", self.token] if self.token else None,  # type: ignore[list-item]
            compression=None,
            proxy=None,
            max_size=None,
            open_timeout=30,
        )
        self._socket = self._context.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._context.__exit__(*error)  # type: ignore[arg-type]

    @property
    def socket(self) -> ClientConnection:
        assert self._socket is not None
        return self._socket

    def send(self, **message: object) -> None:
        self.socket.send(json.dumps(message))

    def next(self, timeout_s: float = 20.0) -> Shown:
        """The next picture; states and geometries on the way are kept. Raises TimeoutError."""
        ends = time.monotonic() + timeout_s
        while True:
            message = self.socket.recv(max(0.0, ends - time.monotonic()))
            if isinstance(message, bytes):
                if self.credits:
                    self.send(type="credit", count=1)
                sequence, captured_at_us, geometry, width, height = HEAD.unpack_from(message)
                return Shown(
                    sequence, captured_at_us, geometry, width, height, message[HEAD.size :]
                )
            self._told(json.loads(message))

    def next_state(self, timeout_s: float = 20.0) -> dict[str, Any]:
        """The next state; pictures are let go by. Raises TimeoutError."""
        before = len(self.states)
        while len(self.states) == before:
            message = self.socket.recv(timeout_s)
            if isinstance(message, str):
                self._told(json.loads(message))
            elif self.credits:
                self.send(type="credit", count=1)
        return self.states[-1]

    def until_closed(self, timeout_s: float = 20.0) -> None:
        """Read until the node closes the socket. Raises TimeoutError."""
        ends = time.monotonic() + timeout_s
        with suppress(ConnectionClosed):
            while True:
                self.next(max(0.0, ends - time.monotonic()))

    def _told(self, message: dict[str, Any]) -> None:
        if message["type"] == "geometry":
            self.geometries[message["id"]] = message
        else:
            self.states.append(message)
