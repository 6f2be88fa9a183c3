"""Requesting commitment from archives (PS3.4 annex J, service class user).

Rules
- The transaction is durable before its N-ACTION is sent, because its report may come before the
  answer, after days, or after our restart. Its UID is random and never used again.
- N-ACTION success means that the archive has the request, and nothing more.
- An error of our own code at one instance is a failure of that instance: commitment of the others
  is requested without it.
- A transaction that was requested waits for its report through restarts. One whose answer was not
  received before the node stopped is requested again.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from echonode.commitment.ports import RequestingAssociation
from echonode.commitment.schedule import backoff_s, is_alarming, report_overdue_in_s
from echonode.errors import (
    AssociationLost,
    ContextNotAccepted,
    NetworkError,
    StoreError,
    described,
)
from echonode.log import get_logger, place_of
from echonode.model import remedies
from echonode.model.backoff import Random
from echonode.model.commitment import CommitmentRequest, TransactionEvent
from echonode.model.identity import CallBackAddress, Destination, Peer
from echonode.model.status import SUCCESS
from echonode.store.commitment.transactions import Transactions
from echonode.store.values import DeliveryJob, Transaction

# In one transaction: an archive checks all of them before it reports on any.
INSTANCES_PER_TRANSACTION = 1000

log = get_logger(__name__)


@dataclass(frozen=True)
class Refusal:
    """Why a request was not taken. remedy: what the operator does; '' where nothing can be done."""

    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason}. {self.remedy}" if self.remedy else self.reason


def log_fields(destination: Destination) -> Mapping[str, object]:
    """The fields of a log line that name an archive."""
    peer = destination.peer
    return {
        "destination": destination.name,
        "ae_title": peer.ae_title,
        "host": peer.host,
        "port": peer.port,
    }


def random_transaction_uid() -> str:
    """A UID that was never used (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"


class CommitmentSCU:
    """Requests commitment; each destination's worker calls it on its own thread."""

    def __init__(
        self,
        *,
        store: Transactions,
        call_back: CallBackAddress,
        now: Callable[[], datetime],
        random: Random,
        new_transaction_uid: Callable[[], str] = random_transaction_uid,
        instances_per_transaction: int = INSTANCES_PER_TRANSACTION,
    ) -> None:
        """`call_back`: what the archive's operator has to enter, for the operator's messages."""
        self._store = store
        self._call_back = call_back
        self._now = now
        self._started_at = self._now()
        self._random = random
        self._new_transaction_uid = new_transaction_uid
        self._instances_per_transaction = instances_per_transaction
        # By destination, each set by its own worker's thread.
        self._problems: dict[str, str] = {}

    def problem_of(self, destination: str) -> str:
        """Why the archive takes no commitment requests, and the remedy; '' when it takes them."""
        return self._problems.get(destination, "")

    def request(
        self,
        association: RequestingAssociation,
        destination: Destination,
        jobs: Sequence[DeliveryJob],
    ) -> int:
        """Request commitment of `jobs`, which are `sent`; how many were requested or refused.

        Where the archive refuses, its jobs are `sent` again on return, due for another request
        later. Raises AssociationLost where it did not answer; they are `sent` again by then too.
        """
        return sum(
            self._ask(association, destination, chunk)
            for chunk in _chunks(jobs, self._instances_per_transaction)
        )

    def _ask(
        self,
        association: RequestingAssociation,
        destination: Destination,
        jobs: Sequence[DeliveryJob],
    ) -> int:
        """In one transaction. Where our own code fails on it, in halves, down to the faulty one.

        Returns how many were requested, or refused until later.
        """
        request = None
        try:
            request = self._created(destination, jobs)
            self._request_one(association, destination, jobs, request)
        except (NetworkError, StoreError):
            raise
        except Exception as error:  # noqa: BLE001  # the border of one instance, found by halves
            if request is not None:
                refusal = Refusal(f"this node failed to request it: {described(error)}", "")
                self._refused(request, destination, jobs, refusal)
            if len(jobs) > 1:
                middle = len(jobs) // 2
                halves = (jobs[:middle], jobs[middle:])
                return sum(self._ask(association, destination, half) for half in halves)
            log.error(
                "commitment_request_failed",
                **log_fields(destination),
                sop_instance_uid=jobs[0].instance.sop_instance_uid,
                error=described(error),
                where=place_of(error),
            )
            return 0 if request is None else 1
        return len(jobs)

    def _created(self, destination: Destination, jobs: Sequence[DeliveryJob]) -> CommitmentRequest:
        """The request, its transaction durable. Raises IllegalTransition where a job changed."""
        request = CommitmentRequest(
            transaction_uid=self._new_transaction_uid(),
            instances=tuple(job.sent_as for job in jobs),
        )
        self._store.create(
            destination.name,
            request.transaction_uid,
            [job.id for job in jobs],
            peer_ae_title=destination.peer.ae_title,
            now=self._now(),
        )
        return request

    def _request_one(
        self,
        association: RequestingAssociation,
        destination: Destination,
        jobs: Sequence[DeliveryJob],
        request: CommitmentRequest,
    ) -> None:
        try:
            status = association.request_commitment(request)
        except ContextNotAccepted:
            refusal = Refusal(
                "the archive offers no storage commitment",
                remedies.no_commitment_service(destination.peer),
            )
            self._refused(request, destination, jobs, refusal)
        except NetworkError as error:
            self._refused(request, destination, jobs, self._unanswered(destination.peer, error))
            raise
        else:
            self._answered(request, destination, jobs, status)

    def _unanswered(self, peer: Peer, error: NetworkError) -> Refusal:
        # Seen: an archive that does not know the caller breaks the association off.
        broke_off = isinstance(error, AssociationLost) and error.by_peer
        remedy = remedies.add_us(peer, self._call_back) if broke_off else ""
        return Refusal(f"the commitment request was not answered: {error}", remedy)

    def _answered(
        self,
        request: CommitmentRequest,
        destination: Destination,
        jobs: Sequence[DeliveryJob],
        status: int,
    ) -> None:
        if status != SUCCESS:
            refusal = Refusal(
                f"the commitment request was answered {status:04X}",
                remedies.commitment_refused(destination.peer, self._call_back, status),
            )
            self._refused(request, destination, jobs, refusal)
            return
        self._problems.pop(destination.name, None)
        self._store.apply_event(request.transaction_uid, TransactionEvent.ACCEPTED, now=self._now())
        log.info(
            "commitment_requested",
            destination=destination.name,
            ae_title=destination.peer.ae_title,
            transaction_uid=request.transaction_uid,
            instances=len(jobs),
        )

    def _refused(
        self,
        request: CommitmentRequest,
        destination: Destination,
        jobs: Sequence[DeliveryJob],
        refusal: Refusal,
    ) -> None:
        now = self._now()
        if refusal.remedy:
            self._problems[destination.name] = str(refusal)
        asked_before = max(job.commitments_asked for job in jobs)
        next_attempt_at = now + timedelta(seconds=backoff_s(asked_before, self._random))
        self._store.apply_event(
            request.transaction_uid,
            TransactionEvent.REFUSED,
            now=now,
            next_attempt_at=next_attempt_at,
            error=str(refusal),
        )
        log.error(
            "commitment_failed",
            **log_fields(destination),
            transaction_uid=request.transaction_uid,
            instances=len(jobs),
            reason=refusal.reason,
            remedy=refusal.remedy,
            next_attempt_at=next_attempt_at.isoformat(),
        )

    def give_up_overdue(
        self, destination: Destination, *, back_at: datetime | None = None
    ) -> float | None:
        """End the transactions whose report is overdue: their instances are requested again.

        back_at: when the archive last answered again after an outage.
        Returns the seconds until the next one is overdue; None where none is open.
        """
        now = self._now()
        waits = []
        for transaction in self._store.list_open(destination.name):
            remaining_s = report_overdue_in_s(
                transaction, now, node_started_at=self._started_at, back_at=back_at
            )
            if remaining_s > 0:
                waits.append(remaining_s)
            else:
                self._give_up(transaction, destination, now)
        return min(waits, default=None)

    def _give_up(self, transaction: Transaction, destination: Destination, now: datetime) -> None:
        waited = self._store.apply_event(
            transaction.transaction_uid, TransactionEvent.GIVE_UP, now=now
        )
        if not waited:  # a late report of an earlier request has settled all of them
            return
        alarm = is_alarming(transaction, now)
        log.log(
            logging.ERROR if alarm else logging.WARNING,
            "commitment_failed",
            **log_fields(destination),
            transaction_uid=transaction.transaction_uid,
            instances=waited,
            times_asked=transaction.times_asked,
            first_requested_at=transaction.first_requested_at.isoformat(),
            reason=f"no report came; the archive must be able to call back {self._call_back}",
            remedy=remedies.add_us(destination.peer, self._call_back),
            alarm=alarm,
        )


def _chunks(jobs: Sequence[DeliveryJob], size: int) -> Iterator[Sequence[DeliveryJob]]:
    for start in range(0, len(jobs), size):
        yield jobs[start : start + size]
