"""What commitment needs of the packages around it; node.py passes it in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol, Self

from echonode.dimse.contexts import ProposedContext
from echonode.model.commitment import CommitmentReport, CommitmentRequest, TransactionEvent
from echonode.model.identity import Peer
from echonode.store.values import DecideFailure, InboundCommitment, ReportOutcome, Transaction

# Tells a destination's delivery worker that there may be something to do.
Wake = Callable[[str], None]


class TransactionStore(Protocol):
    """The part of the store that keeps the transactions that we request."""

    def create(
        self,
        destination: str,
        transaction_uid: str,
        job_ids: Sequence[int],
        *,
        peer_ae_title: str,
        now: datetime,
    ) -> None:
        """Durable on return, and its deliveries COMMIT_REQUESTED."""

    def apply_event(
        self,
        transaction_uid: str,
        event: TransactionEvent,
        *,
        now: datetime,
        next_attempt_at: datetime | None = None,
        error: str = "",
    ) -> int:
        """REFUSED, GIVE_UP: its deliveries become SENT again, to be requested at `next_attempt_at`.

        Returns how many of them waited for its report; none where a late report of an earlier
        request has settled them.
        """

    def list_open(self, destination: str) -> Sequence[Transaction]:
        """Those that have not ended."""


class ReportStore(Protocol):
    """The part of the store that applies what an archive reports."""

    def apply(
        self,
        peer_ae_title: str,
        report: CommitmentReport,
        *,
        now: datetime,
        decide: DecideFailure = ...,
    ) -> ReportOutcome:
        """All of it in one transaction. Raises StoreError."""


class InboundStore(Protocol):
    """The part of the store that keeps the commitments that peers request of us."""

    def create(
        self, peer_ae_title: str, request: CommitmentRequest, now: datetime
    ) -> InboundCommitment | None:
        """Durable on return; None: that peer used the Transaction UID before."""

    def pending(
        self,
        now: datetime,
        *,
        limit: int,
        without: Collection[str] = (),
        but_with: Collection[int] = (),
    ) -> Sequence[InboundCommitment]:
        """Those to be reported now, `limit` at most, the oldest first.

        without: AE titles whose requests are left out, except those with the IDs `but_with`.
        """

    def next_due(self, *, without: Collection[str] = ()) -> datetime | None:
        """When the next one is to be reported; None where none is open."""

    def answer(self, request: CommitmentRequest) -> CommitmentReport:
        """What we can promise now: row, class and bytes are checked."""

    def mark_reported(self, inbound_id: int, now: datetime) -> None:
        """The peer has answered 0000."""

    def retry_later(self, inbound_id: int, next_attempt_at: datetime, error: str = "") -> None:
        """The report is to be sent again."""

    def give_up(self, inbound_id: int, now: datetime, error: str = "") -> None:
        """The report is never sent again."""


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
