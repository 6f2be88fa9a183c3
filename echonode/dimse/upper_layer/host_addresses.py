"""The IP addresses of the peers' hosts: as configured, or looked up by name periodically.

Rules
- No caller waits for a name server: a separate thread looks names up, and callers read its last
  result. A name that cannot be looked up keeps its last addresses; before the first look-up it has
  none.
- Where every host is an address there is no thread.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Sequence

from echonode.model.certificate import plain
from echonode.model.identity import Peer

# Addresses of names change rarely, and a name server serves others too.
AGAIN_S = 300.0


class HostAddresses:
    """The addresses of each peer's `host`; `of` from any thread."""

    def __init__(self, peers: Sequence[Peer]) -> None:
        hosts = {peer.host for peer in peers}
        self._names = sorted(host for host in hosts if not _is_address(host))
        self._found = {host: frozenset({plain(host)}) for host in hosts if _is_address(host)}
        self._stopping = threading.Event()

    def of(self, peer: Peer) -> frozenset[str]:
        """The addresses of the peer's host, as far as known."""
        return self._found.get(peer.host, frozenset())

    def start(self) -> None:
        if self._names:
            # A daemon: a look-up under way cannot be ended, and nothing depends on it.
            threading.Thread(target=self._run, name="dimse host names", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.look()
            self._stopping.wait(AGAIN_S)

    def look(self) -> None:
        """Look every name up once."""
        for name in self._names:
            try:
                found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError):
                continue
            addresses = frozenset(plain(str(sockaddr[0])) for *_, sockaddr in found)
            self._found = {**self._found, name: addresses}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
