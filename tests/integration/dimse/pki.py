"""The certificates of a small clinic, and its node with a TLS listener and a plain one."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from echonode.dimse.acceptor import ListenerAddress
from echonode.dimse.contexts import VERIFICATION
from echonode.dimse.limits import Limits
from echonode.dimse.requestor import Requestor
from echonode.model.certificate import TLSFiles
from echonode.model.identity import Peer
from tests.integration.dimse.parts import LOOPBACK, Node, peer
from tests.peers.authority import Authority, Issued


class Clinic:
    """An authority, the certificates that it issued, and another authority that is not trusted."""

    def __init__(self, folder: Path) -> None:
        now, day = datetime.now(UTC), timedelta(days=1)
        self.authority = Authority(folder / "clinic")
        issue = self.authority.issue
        self.node = issue("echonode")
        self.modality = issue("SCU")
        self.viewer = issue("VIEWER")
        self.anybody = issue("somebody")
        self.wrong_name = issue("elsewhere", sans=("DNS:pacs.elsewhere.example",))
        self.expired = issue("expired", ends=now - day)
        self.future = issue("future", starts=now + day)
        self.only_called = issue("only-called", usage="serverAuth")
        self.revoked = issue("revoked")
        self.authority.revoke(self.revoked)
        self.crl = self.authority.crl()
        self.other = Authority(folder / "other", name="Other CA")
        self.untrusted = self.other.issue("SCU")

    def files(self, issued: Issued | None = None, *, crl: bool = False) -> TLSFiles:
        """What an end with this certificate is configured with."""
        return TLSFiles(
            ca=self.authority.certificate,
            cert=issued.cert if issued else None,
            key=issued.key if issued else None,
            crl=self.crl if crl else None,
        )

    def listener(self, *, require_client_cert: bool = True) -> ListenerAddress:
        return ListenerAddress(
            host=LOOPBACK,
            port=0,
            tls=self.files(self.node, crl=True),
            require_client_cert=require_client_cert,
        )


@dataclass(frozen=True)
class TLSNode:
    """A running node: a plain listener, a TLS listener, and the clinic it belongs to."""

    node: Node
    clinic: Clinic

    @property
    def plain_port(self) -> int:
        return self.node.port

    @property
    def tls_port(self) -> int:
        return self.node.acceptor.addresses[1][1]

    def as_peer(self, issued: Issued | None, **changes: object) -> Peer:
        """How a requestor with this certificate knows it."""
        known = peer("node", ae_title="ECHONODE", port=self.tls_port)
        return replace(known, tls=self.clinic.files(issued), **changes)  # type: ignore[arg-type]

    def echo(self, issued: Issued | None, *, calling: str = "SCU", **changes: object) -> int:
        """C-ECHO by TLS, with this certificate. Raises what `associate` does."""
        requestor = Requestor(ae_title=calling, limits=Limits(acse_s=10.0))
        with requestor.associate(self.as_peer(issued, **changes), [VERIFICATION]) as assoc:
            return assoc.c_echo()

    def is_alive(self) -> bool:
        """Whether a C-ECHO is answered on either port before a stalled handshake is cut off."""
        began = time.monotonic()
        with Requestor(ae_title="PLAIN").associate(self.node.as_peer, [VERIFICATION]) as assoc:
            plain = assoc.c_echo()
        return plain == self.echo(self.clinic.modality) == 0 and time.monotonic() - began < 2.0
