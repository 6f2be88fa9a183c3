"""A store, peers and a clock that do what a test tells them, for the commitment room."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from echonode.dimse.contexts import ProposedContext
from echonode.model.commitment import (
    CommitmentReport,
    CommitmentRequest,
    ReferencedInstance,
    TransactionEvent,
    TransactionState,
)
from echonode.model.delivery import DeliveryState
from echonode.model.identity import CommitmentPolicy, Destination, Peer, ReportRoute
from echonode.model.instance import StoredInstance
from echonode.store.commitment.inbound import InboundCommitments
from echonode.store.commitment.reports import Reports
from echonode.store.commitment.transactions import Transactions
from echonode.store.values import (
    DecideFailure,
    DeliveryJob,
    FailureAction,
    InboundCommitment,
    ReportOutcome,
    Transaction,
)
from tests.support.clock import START

US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"


def peer(name: str = "pacs", *, report_on: ReportRoute = ReportRoute.NEW_ASSOCIATION) -> Peer:
    return Peer(
        name=name,
        ae_title=name.upper(),
        host="127.0.0.1",
        port=104,
        may=frozenset(),
        report_on=report_on,
    )


def destination() -> Destination:
    return Destination(peer=peer(), commitment=CommitmentPolicy.REQUIRED)


def referenced(number: int) -> ReferencedInstance:
    return ReferencedInstance(sop_class_uid=US_IMAGE, sop_instance_uid=f"1.2.3.{number}")


def delivery_job(
    number: int,
    *,
    state: DeliveryState = DeliveryState.SENT,
    asked: int = 0,
    failed: int = 0,
    last_error: str = "",
) -> DeliveryJob:
    return DeliveryJob(
        id=number,
        destination="pacs",
        state=state,
        attempts=1,
        last_status=0,
        last_error=last_error,
        next_attempt_at=None,
        acquired_at=START,
        sent_at=START,
        commitments_asked=asked,
        commitments_failed=failed,
        first_asked_at=None,
        instance=StoredInstance(
            sop_class_uid=US_IMAGE,
            sop_instance_uid=f"1.2.3.{number}",
            study_instance_uid="1.2.3.1000",
            series_instance_uid="1.2.3.1001",
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            path=Path("/nowhere"),
            size=1,
            dataset_offset=0,
            dataset_sha256="0" * 64,
        ),
    )


def transaction(
    uid: str = "2.25.1",
    *,
    state: TransactionState = TransactionState.REQUESTED,
    first_h: float = 0.0,
    requested_h: float = 0.0,
) -> Transaction:
    """First asked for and requested at so many hours after START."""
    return Transaction(
        transaction_uid=uid,
        destination="pacs",
        peer_ae_title="PACS",
        state=state,
        requested_at=START + timedelta(hours=requested_h),
        first_requested_at=START + timedelta(hours=first_h),
        times_asked=1,
        instances=3,
    )


class FakeTransactions(Transactions):
    """Records the calls, in order, together with what the archive received."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.created: list[tuple[str, str, list[int], str]] = []
        self.events: list[tuple[str, TransactionEvent, datetime | None, str]] = []
        self.open: list[Transaction] = []
        self.waiting = 3

    def create(
        self,
        destination: str,
        transaction_uid: str,
        jobs: Sequence[int],
        *,
        peer_ae_title: str,
        now: datetime,
    ) -> None:
        self.happened.append("row")
        self.created.append((destination, transaction_uid, list(jobs), peer_ae_title))

    def apply_event(
        self,
        transaction_uid: str,
        event: TransactionEvent,
        *,
        now: datetime,
        next_attempt_at: datetime | None = None,
        error: str = "",
    ) -> int:
        self.happened.append(str(event))
        self.events.append((transaction_uid, event, next_attempt_at, error))
        return self.waiting

    def list_open(self, destination: str) -> list[Transaction]:
        return self.open


class RequestAssociation:
    """Answers N-ACTION as scripted, 0000 when out of answers."""

    def __init__(self, store: FakeTransactions, *answers: int | Exception) -> None:
        self.store = store
        self.answers = list(answers)
        self.requests: list[CommitmentRequest] = []

    def request_commitment(self, request: CommitmentRequest) -> int:
        self.store.happened.append("N-ACTION")
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else 0x0000
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeReports(Reports):
    """Gives the outcome that the test chose."""

    def __init__(self, outcome: ReportOutcome | Exception) -> None:
        self.outcome = outcome
        self.asked: list[tuple[str, CommitmentReport]] = []
        self.decide: DecideFailure | None = None

    def apply(
        self,
        peer_ae_title: str,
        report: CommitmentReport,
        *,
        now: datetime,
        decide: DecideFailure = lambda job, reason: FailureAction(event=None),  # type: ignore[arg-type]
    ) -> ReportOutcome:
        self.asked.append((peer_ae_title, report))
        self.decide = decide
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class FakeInbound(InboundCommitments):
    """Inbound commitments in memory; holds the instances whose UID ends in an odd digit."""

    def __init__(self) -> None:
        self.rows: dict[int, InboundCommitment] = {}
        self.ended: dict[int, str] = {}
        self.errors: list[str] = []
        self.largest_limit = 0

    def create(
        self, peer_ae_title: str, request: CommitmentRequest, now: datetime
    ) -> InboundCommitment | None:
        for row in self.rows.values():
            if (row.peer_ae_title, row.request.transaction_uid) == (
                peer_ae_title,
                request.transaction_uid,
            ):
                return None
        row = InboundCommitment(
            id=len(self.rows) + 1,
            peer_ae_title=peer_ae_title,
            request=request,
            attempts=0,
            requested_at=now,
            next_attempt_at=now,
        )
        self.rows[row.id] = row
        return row

    def open_rows(self) -> list[InboundCommitment]:
        return [row for row in self.rows.values() if row.id not in self.ended]

    def pending(
        self,
        now: datetime,
        *,
        limit: int,
        without: Collection[str] = (),
        but_with: Collection[int] = (),
    ) -> list[InboundCommitment]:
        self.largest_limit = max(self.largest_limit, limit)
        due = [
            row
            for row in self.open_rows()
            if row.next_attempt_at <= now
            and (row.peer_ae_title not in without or row.id in but_with)
        ]
        return sorted(due, key=lambda row: (row.next_attempt_at, row.id))[:limit]

    def next_due(self, *, without: Collection[str] = ()) -> datetime | None:
        return min(
            (row.next_attempt_at for row in self.open_rows() if row.peer_ae_title not in without),
            default=None,
        )

    def answer(self, request: CommitmentRequest) -> CommitmentReport:
        held = tuple(i for i in request.instances if int(i.sop_instance_uid[-1]) % 2)
        return CommitmentReport(
            transaction_uid=request.transaction_uid,
            committed=held,
            failed={i: 0x0112 for i in request.instances if i not in held},
        )

    def mark_reported(self, inbound_id: int, now: datetime) -> None:
        self.ended[inbound_id] = "reported"

    def retry_later(self, inbound_id: int, next_attempt_at: datetime, error: str = "") -> None:
        row = self.rows[inbound_id]
        self.errors.append(error)
        self.rows[inbound_id] = InboundCommitment(
            id=row.id,
            peer_ae_title=row.peer_ae_title,
            request=row.request,
            attempts=row.attempts + 1,
            requested_at=row.requested_at,
            next_attempt_at=next_attempt_at,
        )

    def give_up(self, inbound_id: int, now: datetime, error: str = "") -> None:
        self.ended[inbound_id] = "given up"


Answer = int | Exception


class Reached:
    """A peer that takes reports: `refusals` for associations, then `answers`, 0000 when out."""

    def __init__(self) -> None:
        self.refusals: list[Exception] = []
        self.answers: list[Answer] = []
        self.same_answers: list[Answer] = []
        self.reports: list[tuple[str, CommitmentReport]] = []
        self.proposals: list[tuple[ProposedContext, ...]] = []
        self.called: list[Peer] = []
        self.released = self.aborted = 0
        self.on_report: Callable[[], None] = lambda: None
        self.on_call: Callable[[Peer], None] = lambda peer: None

    def associate(self, peer: Peer, contexts: Sequence[ProposedContext]) -> ReportAssociation:
        self.called.append(peer)
        self.on_call(peer)
        self.proposals.append(tuple(contexts))
        if self.refusals:
            raise self.refusals.pop(0)
        return ReportAssociation(self)

    def answer(self, way: str, answers: list[Answer], report: CommitmentReport) -> int:
        self.on_report()
        answer = answers.pop(0) if answers else 0x0000
        if isinstance(answer, Exception):
            raise answer
        self.reports.append((way, report))
        return answer


class ReportAssociation:
    """An association opened to report."""

    def __init__(self, reached: Reached) -> None:
        self.reached = reached
        self.broken_off = threading.Event()

    def __enter__(self) -> ReportAssociation:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.reached.released += 1
        else:
            self.reached.aborted += 1

    def report_commitment(self, report: CommitmentReport) -> int:
        return self.reached.answer("new", self.reached.answers, report)

    def break_off(self) -> None:
        self.broken_off.set()


class SameAssociation:
    """The association that asked."""

    def __init__(self, reached: Reached) -> None:
        self.reached = reached

    def report(self, report: CommitmentReport) -> int:
        return self.reached.answer("same", self.reached.same_answers, report)
