"""An HL7 sender of our own making, byte for byte, and python-hl7's `mllp_send` as a process."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.peers.ports import LOOPBACK

_VT, _END = b"\x0b", b"\x1c\r"


class Hl7Sender:
    """One connection; sends messages and reads their acknowledgements."""

    def __init__(
        self, port: int, *, timeout_s: float = 20.0, tls: ssl.SSLContext | None = None
    ) -> None:
        """Raises OSError."""
        self._sock = socket.create_connection((LOOPBACK, port), timeout=timeout_s)
        if tls is not None:
            self._sock = tls.wrap_socket(self._sock, server_hostname="localhost")
        self._held = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def send(self, message: bytes) -> bytes:
        """The acknowledgement's bytes, without its block. Raises OSError, EOFError."""
        self.put(_VT + message + _END)
        return self.answer()

    def put(self, data: bytes) -> None:
        """Bytes as they are."""
        self._sock.sendall(data)

    def answer(self) -> bytes:
        """The next block. Raises EOFError where the other side closed, TimeoutError."""
        while _END not in self._held:
            data = self._sock.recv(65_536)
            if not data:
                raise EOFError("closed")
            self._held += data
        block, _, self._held = self._held.partition(_END)
        assert block[:1] == _VT, block[:40]
        return block[1:]


def code_of(answer: bytes) -> str:
    """MSA-1."""
    segments = answer.split(b"\r")
    return segments[1].split(answer[3:4])[1].decode("ascii")


def mllp_send(port: int, file: Path) -> subprocess.CompletedProcess[str]:
    """python-hl7's own sender, on a file of messages in blocks."""
    program = Path(sys.executable).with_name("mllp_send")
    return subprocess.run(
        [program, "--file", str(file), "-p", str(port), LOOPBACK],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
