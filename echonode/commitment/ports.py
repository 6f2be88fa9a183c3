"""What commitment needs of the network and of delivery; node.py passes it in.

What it needs of the store are the store's own parts: Transactions, Reports, InboundCommitments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, Self

from echonode.dimse.contexts import ProposedContext
from echonode.model.commitment import CommitmentReport, CommitmentRequest
from echonode.model.identity import Peer

# Tells a destination's delivery worker that there may be something to do.
Wake = Callable[[str], None]


class RequestingAssociation(Protocol):
    """An association on which commitment is requested."""

    def request_commitment(self, request: CommitmentRequest) -> int:
        """Send N-ACTION, return its status. Raises AssociationLost, ContextNotAccepted."""


class ReportingAssociation(Protocol):
    """An association that we opened in the SCP role; released on a clean exit, else aborted."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None: ...

    def report_commitment(self, report: CommitmentReport) -> int:
        """Send N-EVENT-REPORT, return its status. Raises AssociationLost, ContextNotAccepted."""

    def break_off(self) -> None:
        """End at once, without waiting for it; may be called from another thread."""


class AssociateToReport(Protocol):
    """Opens an association (dimse.requestor.Requestor.associate)."""

    def __call__(self, peer: Peer, contexts: Sequence[ProposedContext]) -> ReportingAssociation:
        """Raises PeerUnreachable, AssociationRejected, AssociationLost."""
