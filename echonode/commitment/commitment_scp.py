"""Promising to keep what others sent to us (PS3.4 annex J, service class provider).

Rules
- The request is durable before it is answered 0000; what it becomes is reported by one thread of
  ours, so that no number of requests makes more threads, and a restart resumes where it was.
- The promise is made of what is on the disk when the report is built: row, SOP class and hash.
- A report is sent until the peer answers 0000, with backoff, for GIVE_UP_AFTER.
- Reported on a new association first, in which we take the SCP role: a requestor that releases
  right after its N-ACTION (most do) would be met in the middle of its release. Where the peer
  cannot be reached, or does not let us be SCP, the association that asked is used if it is still
  open. A peer that only listens on the association that it asked on is configured so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum

from echonode.commitment.ports import (
    AssociateToReport,
    InboundStore,
    ReportingAssociation,
)
from echonode.commitment.schedule import Random, backoff_s
from echonode.dimse.contexts import EXPLICIT_LE, IMPLICIT_LE, ProposedContext
from echonode.dimse.services import SameAssociation
from echonode.errors import NetworkError, StoreError
from echonode.log import get_logger
from echonode.model.commitment import (
    STORAGE_COMMITMENT_PUSH_MODEL,
    CommitmentReport,
    CommitmentRequest,
)
from echonode.model.identity import Peer
from echonode.store.values import InboundCommitment

# PS3.7 10.1.4.1.10, the statuses of N-ACTION; 0131 as in PS3.3 C.14.1.1.
SUCCESS = 0x0000
INVALID_ARGUMENT_VALUE = 0x0115
DUPLICATE_TRANSACTION_UID = 0x0131

# By then the requestor has asked again under another Transaction UID, or is gone for good.
GIVE_UP_AFTER = timedelta(days=7)
# The answer to the N-ACTION goes out first; requestors exist that cannot take its report before.
HEAD_START_S = 0.01
# Due times are by the wall clock, which may be set: look again at least this often.
LONGEST_WAIT_S = 600.0
STALLED_S = 5.0

# PS3.7 D.3.3.4: the requestor of this association is the SCP of the service.
REPORTING = ProposedContext(
    abstract_syntax=STORAGE_COMMITMENT_PUSH_MODEL,
    transfer_syntaxes=(EXPLICIT_LE, IMPLICIT_LE),
    scu_role=False,
    scp_role=True,
)

log = get_logger(__name__)


class ReportRoute(StrEnum):
    """The association that a peer is first reported to on; the other one is the second choice."""

    NEW_ASSOCIATION = "new_association"
    SAME_ASSOCIATION = "same_association"


class CommitmentSCP:
    """Takes requests on any association's thread and reports them on its own."""

    def __init__(
        self,
        *,
        store: InboundStore,
        peers: Iterable[Peer],
        associate: AssociateToReport,
        now: Callable[[], datetime],
        random: Random,
        routes: Mapping[str, ReportRoute] | None = None,
    ) -> None:
        """`routes`: AE title -> first choice, NEW_ASSOCIATION where it is not in there."""
        self._store = store
        self._peers = {peer.ae_title: peer for peer in peers}
        self._associate = associate
        self._now = now
        self._random = random
        self._routes = routes or {}
        self._asked_on: dict[int, SameAssociation] = {}
        self._asked_on_lock = threading.Lock()
        self._reporting_on: ReportingAssociation | None = None
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commitment-scp", daemon=True)

    def start(self) -> None:
        """Begin, with the reports that were still owed before."""
        self._thread.start()

    def stop(self, deadline_s: float) -> bool:
        """Finish the report under way and end. False: it had to be broken off.

        Returns a second after `deadline_s` at the latest; what is owed is owed after a restart.
        """
        self._stopping.set()
        self._wake.set()
        if not self._thread.is_alive():
            return True
        self._thread.join(deadline_s)
        finished = not self._thread.is_alive()
        if not finished:
            if (association := self._reporting_on) is not None:
                association.abort()
            self._thread.join(1.0)
        return finished

    def commit_request(
        self, caller: Peer, request: CommitmentRequest, asked_on: SameAssociation
    ) -> int:
        """Make the request durable; returns the status of its N-ACTION. Raises StoreError."""
        if not request.instances:
            return INVALID_ARGUMENT_VALUE
        # Held across both, or the thread could report before it knows the association.
        with self._asked_on_lock:
            inbound = self._store.create_inbound_commitment(caller.ae_title, request, self._now())
            if inbound is None:
                return DUPLICATE_TRANSACTION_UID
            self._asked_on[inbound.id] = asked_on
        self._wake.set()
        return SUCCESS

    def run_once(self) -> float:
        """Report what is due; returns the seconds until more may be, unless one comes before."""
        now = self._now()
        for inbound in self._store.pending_inbound(now):
            if self._stopping.is_set():
                break
            early_s = HEAD_START_S - (now - inbound.requested_at).total_seconds()
            # Of a clock that was set back nothing can be said but that it is no head start.
            if not 0 < early_s <= HEAD_START_S:
                self._report(inbound)
        return self._next_s()

    def _next_s(self) -> float:
        due_at = self._store.next_inbound_due()
        if due_at is None:
            return LONGEST_WAIT_S
        due_s = (due_at - self._now()).total_seconds()
        return min(max(HEAD_START_S, due_s), LONGEST_WAIT_S)

    def _report(self, inbound: InboundCommitment) -> None:
        with self._asked_on_lock:
            asked_on = self._asked_on.pop(inbound.id, None)
        peer = self._peers.get(inbound.peer_ae_title)
        if peer is None:
            self._give_up(inbound, "its peer is no longer configured")
            return
        report = self._store.answer_commitment(inbound.request)
        try:
            status = self._send(peer, asked_on, report)
        except NetworkError as error:
            self._retry(inbound, str(error))
        else:
            self._answered(inbound, report, status)

    def _send(self, peer: Peer, asked_on: SameAssociation | None, report: CommitmentReport) -> int:
        """The peer's status from the first association that carries the report."""
        ways: list[Callable[[], int]] = [lambda: self._on_new_association(peer, report)]
        if asked_on is not None:
            ways.append(lambda: asked_on.report(report))
        if self._routes.get(peer.ae_title) is ReportRoute.SAME_ASSOCIATION:
            ways.reverse()
        for way in ways[:-1]:
            with suppress(NetworkError):
                return way()
        return ways[-1]()

    def _on_new_association(self, peer: Peer, report: CommitmentReport) -> int:
        with self._associate(peer, (REPORTING,)) as association:
            self._reporting_on = association
            try:
                return association.report_commitment(report)
            finally:
                self._reporting_on = None

    def _answered(self, inbound: InboundCommitment, report: CommitmentReport, status: int) -> None:
        if status != SUCCESS:
            self._retry(inbound, f"the peer answered {status:04X}")
            return
        self._store.inbound_reported(inbound.id, self._now())
        log.info(
            "commitment_reported",
            ae_title=inbound.peer_ae_title,
            transaction_uid=inbound.request.transaction_uid,
            committed=len(report.committed),
            failed=len(report.failed),
        )

    def _retry(self, inbound: InboundCommitment, reason: str) -> None:
        now = self._now()
        if now - inbound.requested_at >= GIVE_UP_AFTER:
            self._give_up(inbound, reason)
            return
        next_attempt_at = now + timedelta(seconds=backoff_s(inbound.attempts, self._random))
        self._store.inbound_retry(inbound.id, now, next_attempt_at, reason)
        log.warning(
            "commitment_report_retried",
            ae_title=inbound.peer_ae_title,
            transaction_uid=inbound.request.transaction_uid,
            attempts=inbound.attempts + 1,
            reason=reason,
            next_attempt_at=next_attempt_at.isoformat(),
        )

    def _give_up(self, inbound: InboundCommitment, reason: str) -> None:
        self._store.inbound_given_up(inbound.id, self._now(), reason)
        log.error(
            "commitment_report_given_up",
            ae_title=inbound.peer_ae_title,
            transaction_uid=inbound.request.transaction_uid,
            reason=reason,
        )

    def _run(self) -> None:
        while True:
            # Cleared before the work, so that what comes during it is not missed, and before the
            # look at `stopping`, which is set before the event.
            self._wake.clear()
            if self._stopping.is_set():
                break
            self._wake.wait(self._step())

    def _step(self) -> float:
        try:
            return self.run_once()
        except StoreError as error:
            log.error("commitment_reports_stalled", reason=str(error))
        except Exception:
            log.exception("commitment_reports_stalled")
        return STALLED_S
