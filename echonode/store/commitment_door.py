"""The part of the store's door that commitment/ uses: transactions both ways, and their reports."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from echonode.model.commitment import CommitmentReport, CommitmentRequest, TransactionEvent
from echonode.model.delivery import DeliveryState
from echonode.store.commitment.inbound import InboundCommitments
from echonode.store.commitment.reports import Reports, resend_now
from echonode.store.commitment.transactions import Transactions
from echonode.store.values import DecideFailure, InboundCommitment, ReportOutcome, Transaction


class CommitmentDoor:
    """What Store does for storage commitment; Store sets the attributes."""

    _transactions: Transactions
    _reports: Reports
    _inbound: InboundCommitments

    def _due(self, destinations: Sequence[str]) -> None:
        """Tell the workers of these destinations that something became due."""
        raise NotImplementedError

    # Asking

    def create_transaction(
        self,
        destination: str,
        transaction_uid: str,
        jobs: Sequence[int],
        *,
        peer_ae_title: str,
        now: datetime,
    ) -> None:
        """Write a transaction down before its N-ACTION; its jobs, all `sent`, wait for its report.

        peer_ae_title: the only AE whose report will count. Raises IllegalTransition, UsageError.
        """
        self._transactions.create(
            destination, transaction_uid, jobs, peer_ae_title=peer_ae_title, now=now
        )

    def transaction_event(
        self,
        transaction_uid: str,
        event: TransactionEvent,
        *,
        now: datetime,
        next_attempt_at: datetime | None = None,
        error: str = "",
    ) -> int:
        """Apply ACCEPTED, REFUSED or GIVE_UP; returns how many jobs still waited for its report.

        After the latter two they are `sent` again, to be asked for from `next_attempt_at` on.
        Raises IllegalTransition, UsageError for an unknown transaction.
        """
        return self._transactions.event(
            transaction_uid, event, now=now, next_attempt_at=next_attempt_at, error=error
        )

    def apply_report(
        self,
        peer_ae_title: str,
        report: CommitmentReport,
        *,
        now: datetime,
        decide: DecideFailure = resend_now,
    ) -> ReportOutcome:
        """Apply an archive's report by the rules at the head of reports.py, in one transaction.

        decide: what to do with a job that the report does not commit; called inside the
        transaction, perhaps more than once, so it must be pure. Answer 0000 to the archive only
        after this returned (and 0110 when it raised).
        """
        outcome = self._reports.apply(peer_ae_title, report, now=now, decide=decide)
        if any(job.state is DeliveryState.QUEUED for job, _ in outcome.failed):
            self._due([outcome.destination])
        return outcome

    def open_transactions(self, destination: str) -> list[Transaction]:
        """Transactions that may still be reported, the eldest first."""
        return self._transactions.open(destination)

    # Answering

    def create_inbound_commitment(
        self, peer_ae_title: str, request: CommitmentRequest, now: datetime
    ) -> InboundCommitment | None:
        """Write a peer's request down before its N-ACTION is answered; due at once.

        None where that peer used the Transaction UID before: answer 0131.
        """
        return self._inbound.create(peer_ae_title, request, now)

    def pending_inbound(
        self,
        now: datetime,
        *,
        limit: int,
        without: Collection[str] = (),
        but_with: Collection[int] = (),
    ) -> list[InboundCommitment]:
        """Requests that are due for a report, `limit` at most, the oldest first.

        without: AE titles whose requests are left out, but for those with the IDs `but_with`.
        """
        return self._inbound.pending(now, limit=limit, without=without, but_with=but_with)

    def next_inbound_due(self, *, without: Collection[str] = ()) -> datetime | None:
        """When the next report to a peer is due; `without` these AE titles."""
        return self._inbound.next_due(without=without)

    def answer_commitment(self, request: CommitmentRequest) -> CommitmentReport:
        """What we can promise of a request now; row, class and bytes of each are checked."""
        return self._inbound.answer(request)

    def inbound_reported(self, inbound_id: int, now: datetime) -> None:
        """The peer took the report (its answer was 0000)."""
        self._inbound.end(inbound_id, "reported", now, "")

    def inbound_retry(
        self, inbound_id: int, now: datetime, next_attempt_at: datetime, error: str = ""
    ) -> None:
        """The peer could not be reached or did not take the report."""
        self._inbound.retry(inbound_id, next_attempt_at, error)

    def inbound_given_up(self, inbound_id: int, now: datetime, error: str = "") -> None:
        """The report will not be tried again; the peer will have to ask anew."""
        self._inbound.end(inbound_id, "given_up", now, error)
