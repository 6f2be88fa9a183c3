"""Committing to keep what peers sent to us (PS3.4 annex J, service class provider).

Rules
- The request is durable before it is answered 0000. One thread sends all reports, so many requests
  do not make many threads; after a restart it continues with the reports that are still due.
- A report commits to what is on the disk when it is built: row, SOP class and hash.
- A report is sent until the peer answers 0000, with back-off, for GIVE_UP_AFTER. An error that one
  request raises is a failure of that request.
- A peer that cannot be called is paused (report_pauses.py), and is called again only while nothing
  is due to another: a live peer waits for one attempt at a dead one at most.
- A report is sent on a new association first, in which we take the SCP role: most requestors
  release right after their N-ACTION, and a report would arrive during that release. Where the peer
  cannot be reached, or does not let us be SCP, the report goes on the requesting association, if it
  is still open. `report_on` configures a peer that takes reports only there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.commitment.ports import (
    AssociateToReport,
    ReportingAssociation,
)
from echonode.commitment.report_pauses import ReportPauses
from echonode.commitment.schedule import backoff_s
from echonode.dimse.contexts import ProposedContext
from echonode.dimse.services import SameAssociation
from echonode.errors import NetworkError, StoreError, described
from echonode.log import get_logger, place_of
from echonode.model.backoff import Random
from echonode.model.commitment import (
    STORAGE_COMMITMENT_PUSH_MODEL,
    CommitmentReport,
    CommitmentRequest,
)
from echonode.model.identity import Peer, ReportRoute
from echonode.model.status import DUPLICATE_TRANSACTION_UID, INVALID_ARGUMENT_VALUE, SUCCESS
from echonode.store.commitment.inbound import InboundCommitments
from echonode.store.values import InboundCommitment
from echonode.threads import RecurringThread

# By then the requestor has made another request, or no longer exists.
GIVE_UP_AFTER = timedelta(days=7)
# The answer to the N-ACTION is sent first: some requestors cannot take the report before it.
HEAD_START_S = 0.01
# Read from the database at once; thousands may be due to a peer that was away.
REPORTS_AT_ONCE = 50
# Due times are by the wall clock, which may be set: look again at least this often.
LONGEST_WAIT_S = 600.0
STALLED_S = 5.0
# At the stop: for work that need not be finished.
EXPENDABLE_S = 1.0

# PS3.7 D.3.3.4: the requestor of this association is the SCP of the service.
REPORTING = ProposedContext(
    abstract_syntax=STORAGE_COMMITMENT_PUSH_MODEL,
    transfer_syntaxes=(ExplicitVRLittleEndian, ImplicitVRLittleEndian),
    scu_role=False,
    scp_role=True,
)

log = get_logger(__name__)


class _NotCalled(NetworkError):
    """No association could be opened to the peer: none of its requests is to blame."""


class CommitmentSCP:
    """Takes requests on any association's thread and reports them on its own."""

    def __init__(
        self,
        *,
        store: InboundCommitments,
        peers: Iterable[Peer],
        associate: AssociateToReport,
        now: Callable[[], datetime],
        random: Random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._peers = {peer.ae_title: peer for peer in peers}
        self._associate = associate
        self._now = now
        self._random = random
        self._monotonic = monotonic
        self._pauses = ReportPauses(random)
        # By request, the AE title that asked and its association; until the first report.
        self._asked_on: dict[int, tuple[str, SameAssociation]] = {}
        self._asked_on_lock = threading.Lock()
        self._reporting_on: ReportingAssociation | None = None
        self._thread = RecurringThread(
            "commitment-scp", self.run_once, on_stalled=_log_stalled, stalled_s=STALLED_S
        )

    def only_while(self, may: Callable[[], bool]) -> None:
        """Work only while `may` is true: of several nodes one does."""
        self._thread.only_while(may)

    def start(self) -> None:
        """Start the thread; it begins with the reports that are still due from before."""
        self._thread.start()

    def stop(self, deadline_s: float) -> bool:
        """Finish the report under way and end. False: it had to be broken off.

        Returns a second after `deadline_s` at the latest; what is due then is due after a restart.
        """
        self._thread.ask_stop()
        if not self._thread.is_alive:
            return True
        until = time.monotonic() + deadline_s
        self._thread.join(min(EXPENDABLE_S, deadline_s))
        if self._reporting_on is not None:  # else it opens an association, or reads files
            self._thread.join(max(0.0, until - time.monotonic()))
        finished = not self._thread.is_alive
        if not finished:
            if (association := self._reporting_on) is not None:
                association.break_off()
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
            inbound = self._store.create(caller.ae_title, request, self._now())
            if inbound is None:
                return DUPLICATE_TRANSACTION_UID
            self._asked_on[inbound.id] = (caller.ae_title, asked_on)
        self._thread.wake()
        return SUCCESS

    def run_once(self) -> float:
        """Report some of what is due; returns the seconds until more may be due."""
        now = self._now()
        wait_s = None
        for inbound in self._due(now):
            if self._thread.is_stopping:
                break
            early_s = HEAD_START_S - (now - inbound.requested_at).total_seconds()
            # The age is negative where the clock was set back: no head start then.
            if 0 < early_s <= HEAD_START_S:
                wait_s = early_s if wait_s is None else wait_s
            elif self._may_report(inbound):
                self._report(inbound)
                wait_s = 0.0  # there may be more
        return self._next_s() if wait_s is None else wait_s

    def _due(self, now: datetime) -> Sequence[InboundCommitment]:
        """The reports of this round: to peers that answer; else one to a peer that does not."""
        suspects = self._pauses.suspects
        due = self._store.pending(
            now, limit=REPORTS_AT_ONCE, without=suspects, but_with=self._asked_by(suspects)
        )
        if due or not suspects:
            return due
        paused = self._pauses.paused(self._monotonic())
        return self._store.pending(now, limit=1, without=paused)

    def _asked_by(self, suspects: Collection[str]) -> Sequence[int]:
        """Requests of paused peers whose association may still be open to take the report."""
        with self._asked_on_lock:
            asked = (key for key, (title, _) in self._asked_on.items() if title in suspects)
            return list(islice(asked, REPORTS_AT_ONCE))

    def _may_report(self, inbound: InboundCommitment) -> bool:
        """Whether its peer is not paused, or can be reported to on the requesting association."""
        with self._asked_on_lock:
            is_asked_on = inbound.id in self._asked_on
        return is_asked_on or not self._is_paused(inbound.peer_ae_title)

    def _is_paused(self, ae_title: str) -> bool:
        return ae_title in self._pauses.paused(self._monotonic())

    def _next_s(self) -> float:
        now_s = self._monotonic()
        waits = [LONGEST_WAIT_S]
        if (pause_s := self._pauses.next_s(now_s)) is not None:
            waits.append(pause_s)
        due_at = self._store.next_due(without=self._pauses.paused(now_s))
        if due_at is not None:
            waits.append((due_at - self._now()).total_seconds())
        return max(HEAD_START_S, min(waits))

    def _report(self, inbound: InboundCommitment) -> None:
        with self._asked_on_lock:
            _, asked_on = self._asked_on.pop(inbound.id, ("", None))
        peer = self._peers.get(inbound.peer_ae_title)
        if peer is None:
            self._give_up(inbound, "its peer is no longer configured")
            return
        try:
            report = self._store.answer(inbound.request)
            status = self._send(peer, asked_on, report)
        except _NotCalled as error:
            self._not_called(inbound, str(error))
        except NetworkError as error:
            self._retry(inbound, str(error))
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  # the border of one request
            log.error("commitment_report_failed", error=type(error).__name__, where=place_of(error))
            self._retry(inbound, f"this node failed to report it: {described(error)}")
        else:
            self._answered(inbound, report, status)

    def _send(self, peer: Peer, asked_on: SameAssociation | None, report: CommitmentReport) -> int:
        """The peer's status from the first association that carries the report."""
        ways: list[Callable[[], int]] = [lambda: self._on_new_association(peer, report)]
        if asked_on is not None and self._is_paused(peer.ae_title):
            ways = [lambda: asked_on.report(report)]
        elif asked_on is not None:
            ways.append(lambda: asked_on.report(report))
            if peer.report_on is ReportRoute.SAME_ASSOCIATION:
                ways.reverse()
        for way in ways[:-1]:
            with suppress(NetworkError):
                return way()
        return ways[-1]()

    def _on_new_association(self, peer: Peer, report: CommitmentReport) -> int:
        try:
            opened = self._associate(peer, (REPORTING,))
        except NetworkError as error:
            self._pauses.failed(peer.ae_title, self._monotonic())
            raise _NotCalled(str(error)) from error
        try:
            with opened as association:
                self._reporting_on = association
                status = association.report_commitment(report)
        except NetworkError:
            self._pauses.failed(peer.ae_title, self._monotonic())
            raise
        finally:
            self._reporting_on = None
        self._pauses.answered(peer.ae_title)
        return status

    def _not_called(self, inbound: InboundCommitment, reason: str) -> None:
        """The peer is paused. No attempt is counted against the request, which stays due."""
        if self._now() - inbound.requested_at >= GIVE_UP_AFTER:
            self._give_up(inbound, reason)
            return
        pause_s = self._pauses.next_of(inbound.peer_ae_title, self._monotonic())
        log.warning(
            "commitment_report_retried",
            ae_title=inbound.peer_ae_title,
            transaction_uid=inbound.request.transaction_uid,
            attempts=inbound.attempts,
            reason=reason,
            pause_s=round(pause_s, 1),
        )

    def _answered(self, inbound: InboundCommitment, report: CommitmentReport, status: int) -> None:
        if status != SUCCESS:
            self._retry(inbound, f"the peer answered {status:04X}")
            return
        self._store.mark_reported(inbound.id, self._now())
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
        self._store.retry_later(inbound.id, next_attempt_at, reason)
        log.warning(
            "commitment_report_retried",
            ae_title=inbound.peer_ae_title,
            transaction_uid=inbound.request.transaction_uid,
            attempts=inbound.attempts + 1,
            reason=reason,
            next_attempt_at=next_attempt_at.isoformat(),
        )

    def _give_up(self, inbound: InboundCommitment, reason: str) -> None:
        self._store.give_up(inbound.id, self._now(), reason)
        log.error(
            "commitment_report_given_up",
            ae_title=inbound.peer_ae_title,
            transaction_uid=inbound.request.transaction_uid,
            reason=reason,
        )


def _log_stalled(error: Exception) -> None:
    log.error("commitment_reports_stalled", error=described(error), where=place_of(error))
