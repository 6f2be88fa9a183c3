"""A real HAProxy that passes DICOM callers on to nodes, with PROXY protocol v2."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.peers.part import Part
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import ChildProcess, has_listener
from tests.peers.programs import find_program

_CONFIGURATION = """
global
    maxconn 500
    stats socket {folder}/stats.sock mode 600

defaults
    mode tcp
    timeout connect 5s
    timeout check 10s
    timeout client 600s
    timeout server 600s

listen dicom
    bind {host}:{port}
    balance leastconn
    option httpchk
    http-check send meth GET uri /health/ready ver HTTP/1.1 hdr Host {host}
{servers}
"""


class HaProxy(Part):
    """Passes on what comes to `port`; targets: DICOM ports, each with the port of its health."""

    def __init__(
        self, targets: Sequence[tuple[int, int | None]], *, folder: Path | None = None
    ) -> None:
        """A target without a health port is not checked."""
        super().__init__(prefix="haproxy", folder=folder)
        self.port = free_port()
        self._targets = tuple(targets)

    def start(self) -> Self:
        """Start it and wait until it listens. Raises PeerMissing or NotReady."""
        servers = "\n".join(
            f"    server node{number} {LOOPBACK}:{dicom} send-proxy-v2"
            + (f" check port {health} inter 1000 fall 1 rise 1" if health else "")
            for number, (dicom, health) in enumerate(self._targets, 1)
        )
        configuration = self.folder / "haproxy.cfg"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=self.folder, host=LOOPBACK, port=self.port, servers=servers
            )
        )
        self._child = ChildProcess(
            [find_program("haproxy"), "-f", configuration], folder=self.folder, name="haproxy"
        )
        self._child.start(ports=[self.port], answers=has_listener)
        return self
