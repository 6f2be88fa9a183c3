"""A real HAProxy that ends TLS in front of a plain HTTP server, as hospitals place it.

Debian's Orthanc breaks off with a certificate of its own (`SslEnabled`); behind this it has TLS.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from tests.peers.authority import Issued
from tests.peers.part import Part
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import ChildProcess, has_listener
from tests.peers.programs import find_program

_CONFIGURATION = """
global
    maxconn 100

defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s

listen front
    bind {host}:{port} ssl crt {pem} ca-file {clients} verify required
    server behind {host}:{behind}
"""


class TlsFront(Part):
    """Serves on `port` by TLS what a server on this machine serves without.

    server: its certificate. clients: the authority that a caller's certificate must be of.
    """

    def __init__(
        self, behind: int, *, server: Issued, clients: Path, folder: Path | None = None
    ) -> None:
        super().__init__(prefix="tls-front", folder=folder)
        self.port = free_port()
        self._behind, self._server, self._clients = behind, server, clients

    def start(self) -> Self:
        """Start it and wait until it listens. Raises PeerMissing or NotReady."""
        pem = self.folder / "server.pem"
        pem.write_text(self._server.cert.read_text() + self._server.key.read_text())
        configuration = self.folder / "haproxy.cfg"
        configuration.write_text(
            _CONFIGURATION.format(
                host=LOOPBACK, port=self.port, pem=pem, clients=self._clients, behind=self._behind
            )
        )
        self._child = ChildProcess(
            [find_program("haproxy"), "-f", configuration], folder=self.folder, name="haproxy"
        )
        self._child.start(ports=[self.port], answers=has_listener)
        return self
