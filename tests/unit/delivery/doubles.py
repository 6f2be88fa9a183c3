"""A store, an archive and a clock that do what a test tells them, for delivery."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from echonode.delivery.context import DestinationContext
from echonode.delivery.destination_health import DestinationHealth
from echonode.delivery.ports import Associate
from echonode.delivery.retry import Backoff
from echonode.dimse.contexts import ProposedContext
from echonode.dimse.services import Part10File, StoreResponse
from echonode.errors import Damaged, NetworkError
from echonode.model.commitment import CommitmentRequest
from echonode.model.criteria import Root
from echonode.model.delivery import DeliveryEvent, DeliveryState, after
from echonode.model.identity import CommitmentPolicy, Destination, Peer
from echonode.model.instance import StoredInstance
from echonode.store.deliveries.deliveries import Deliveries
from echonode.store.values import Attempt, DeliveryJob
from tests.support.clock import START, Clock

US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"


def destination(
    name: str = "pacs", commitment: CommitmentPolicy = CommitmentPolicy.NONE
) -> Destination:
    peer = Peer(name=name, ae_title=name.upper(), host="127.0.0.1", port=104, may=frozenset())
    return Destination(peer=peer, commitment=commitment)


def context_of(
    clock: Clock, *, store: Deliveries | None = None, associate: Associate | None = None
) -> DestinationContext:
    """What the parts of the delivery to `destination()` share."""
    return DestinationContext(
        destination=destination(),
        store=store or FakeStore(),
        associate=associate or Archive().associate,
        health=DestinationHealth(clock.monotonic, clock.now),
        now=clock.now,
        monotonic=clock.monotonic,
        random=lambda: 0.0,
        backoff=Backoff(),
    )


def stored_instance(
    number: int = 1,
    *,
    sop_class_uid: str = US_IMAGE,
    transfer_syntax_uid: str = ExplicitVRLittleEndian,
) -> StoredInstance:
    return StoredInstance(
        sop_class_uid=sop_class_uid,
        sop_instance_uid=f"1.2.3.{number}",
        study_instance_uid="1.2.3.1000",
        series_instance_uid="1.2.3.1001",
        transfer_syntax_uid=transfer_syntax_uid,
        path=Path(f"/nowhere/{number}.dcm"),
        size=1000,
        dataset_offset=400,
        dataset_sha256="0" * 64,
    )


def delivery_job(job_id: int, instance: StoredInstance, name: str = "pacs") -> DeliveryJob:
    return DeliveryJob(
        id=job_id,
        destination=name,
        state=DeliveryState.QUEUED,
        attempts=0,
        last_status=None,
        last_error="",
        next_attempt_at=None,
        acquired_at=START,
        sent_at=None,
        commitments_asked=0,
        commitments_failed=0,
        first_asked_at=None,
        instance=instance,
    )


class FakeStore(Deliveries):
    """Deliveries in memory, moved by the product's own transition table."""

    def __init__(self, *jobs: DeliveryJob) -> None:
        self.jobs = {job.id: job for job in jobs}
        self.events: list[tuple[int, DeliveryEvent]] = []
        self.fail_next: Exception | None = None

    def put(self, job: DeliveryJob) -> None:
        self.jobs[job.id] = job

    def state(self, job_id: int = 1) -> DeliveryState:
        return self.jobs[job_id].state

    def move(self, job_id: int, event: DeliveryEvent, **changes: object) -> None:
        state = after(self.jobs[job_id].state, event)
        self.jobs[job_id] = replace(self.jobs[job_id], state=state, **changes)  # type: ignore[arg-type]
        self.events.append((job_id, event))

    def claim(self, destination: str, *, now: datetime, limit: int) -> list[DeliveryJob]:
        due = [
            job
            for job in self.jobs.values()
            if job.destination == destination
            and job.state is DeliveryState.QUEUED
            and (job.next_attempt_at is None or job.next_attempt_at <= now)
        ][:limit]
        for job in due:
            self.move(job.id, DeliveryEvent.SEND)
        return [self.jobs[job.id] for job in due]

    def record_attempt(
        self,
        job_id: int,
        event: DeliveryEvent,
        *,
        now: datetime,
        status: int | None = None,
        error: str = "",
        next_attempt_at: datetime | None = None,
    ) -> None:
        attempt = Attempt(
            job_id=job_id,
            event=event,
            status=status,
            error=error,
            next_attempt_at=next_attempt_at,
        )
        self.record_attempts([attempt], now=now)

    def record_attempts(self, attempts: Sequence[Attempt], *, now: datetime) -> None:
        failure, self.fail_next = self.fail_next, None
        if failure is not None:
            raise failure
        for attempt in attempts:
            counted = attempt.event is not DeliveryEvent.INTERRUPTED
            stored = attempt.event is DeliveryEvent.STORED
            self.move(
                attempt.job_id,
                attempt.event,
                derived=attempt.derived if stored else self.jobs[attempt.job_id].derived,
                attempts=self.jobs[attempt.job_id].attempts + counted,
                last_status=attempt.status,
                last_error=attempt.error,
                next_attempt_at=attempt.next_attempt_at,
            )

    def sent(
        self, destination: str, *, limit: int, now: datetime | None = None
    ) -> list[DeliveryJob]:
        return [
            job
            for job in self.jobs.values()
            if job.destination == destination
            and job.state is DeliveryState.SENT
            and (now is None or job.next_attempt_at is None or job.next_attempt_at <= now)
        ][:limit]

    def next_due(self, destination: str) -> datetime | None:
        return min(
            (
                job.next_attempt_at or START
                for job in self.jobs.values()
                if job.destination == destination and job.state is DeliveryState.QUEUED
            ),
            default=None,
        )


Answer = int | Exception
FindAnswers = list[tuple[int, Dataset | None]]


class FakeAssociation:
    """An association with the archive below."""

    def __init__(self, archive: Archive, accepted: frozenset[tuple[str, str]]) -> None:
        self.archive = archive
        self.accepted = accepted
        self.is_open = True
        self.released = self.aborted = self.was_broken = False

    def broken_by_archive(self) -> None:
        """The archive ends it without a release, while nothing is asked on it."""
        self.is_open, self.was_broken = False, True

    def c_echo(self) -> int:
        self.archive.echoes += 1
        return 0x0000

    def c_store(self, file: Part10File) -> StoreResponse:
        self.archive.received.append((file.sop_instance_uid, file.transfer_syntax_uid))
        self.archive.on_store(file)
        answer = self.archive.answers.pop(0) if self.archive.answers else 0x0000
        if isinstance(answer, Exception):
            self.is_open = not isinstance(answer, (NetworkError, Damaged, OSError))
            raise answer
        return StoreResponse(
            status=answer, comment="PATIENT^NAME", names_another=self.archive.names_another
        )

    def c_find(self, root: Root, identifier: Dataset) -> Iterator[tuple[int, Dataset | None]]:
        self.archive.queries.append(identifier)
        yield from self.archive.on_find(identifier)

    def request_commitment(self, request: CommitmentRequest) -> int:
        raise NotImplementedError

    def release(self, patience_s: float | None = None) -> None:
        self.is_open, self.released = False, True

    def abort(self) -> None:
        self.is_open, self.aborted = False, True
        self.archive.on_abort()

    break_off = hang_up = abort


class Archive:
    """Answers as scripted: `refusals` for associations, `answers` for C-STORE (0000 when out).

    accepts: which contexts; by default all.
    """

    def __init__(self) -> None:
        self.refusals: list[Exception] = []
        self.answers: list[Answer] = []
        self.accepts: Callable[[str, str], bool] = lambda sop_class, syntax: True
        self.received: list[tuple[str, str]] = []
        self.queries: list[Dataset] = []
        self.associations: list[FakeAssociation] = []
        self.proposals: list[tuple[ProposedContext, ...]] = []
        self.attempts = self.echoes = 0
        self.names_another = False
        self.on_store: Callable[[Part10File], None] = lambda file: None
        self.on_find: Callable[[Dataset], FindAnswers] = lambda identifier: [(0x0000, None)]
        self.on_associate: Callable[[], None] = lambda: None
        self.on_abort: Callable[[], None] = lambda: None

    def associate(self, peer: Peer, contexts: Sequence[ProposedContext]) -> FakeAssociation:
        self.attempts += 1
        self.on_associate()
        if self.refusals:
            raise self.refusals.pop(0)
        self.proposals.append(tuple(contexts))
        accepted = frozenset(
            (context.abstract_syntax, syntax)
            for context in contexts
            for syntax in context.transfer_syntaxes
            if self.accepts(context.abstract_syntax, syntax)
        )
        self.associations.append(FakeAssociation(self, accepted))
        return self.associations[-1]


class FakeCommitment:
    """Takes every request, moving the deliveries as the real service does."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store
        self.requests: list[list[str]] = []
        self.associations: list[object] = []
        self.overdue_s: float | None = None
        self.failure: Exception | None = None
        self.refused_until: datetime | None = None
        self.problem = ""
        self.back_at: datetime | None = None

    def request(
        self, association: object, destination: Destination, jobs: Sequence[DeliveryJob]
    ) -> int:
        self.associations.append(association)
        self.requests.append([job.sent_as.sop_instance_uid for job in jobs])
        for job in jobs:
            self.store.move(job.id, DeliveryEvent.REQUEST_COMMITMENT)
            if self.refused_until is not None or self.failure is not None:
                self.store.move(
                    job.id, DeliveryEvent.REQUEST_LOST, next_attempt_at=self.refused_until
                )
        if self.failure is not None:
            raise self.failure
        return len(jobs)

    def problem_of(self, destination: str) -> str:
        return self.problem

    def give_up_overdue(
        self, destination: Destination, *, back_at: datetime | None = None
    ) -> float | None:
        self.back_at = back_at
        return self.overdue_s
