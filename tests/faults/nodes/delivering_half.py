"""The delivering half of a node in the test's process, in a time of the test's own.

Store, worker, requestor, commitment and housekeeping are the product's, put together as node.py
does it; the archive is at the other end of a real connection. Only what waits is the test's: the
worker's thread is a loop on a clock that jumps to whatever is due next, so that a day takes seconds
and every attempt is seen at its own second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from echonode.commitment.commitment_scu import CommitmentSCU
from echonode.commitment.report_scp import ReportSCP
from echonode.delivery.factory import DeliveryServices, delivery_worker
from echonode.delivery.policy import DeliveryPolicy
from echonode.dimse.contexts import ProposedContext
from echonode.dimse.limits import Limits
from echonode.dimse.requested_association import RequestedAssociation
from echonode.dimse.requestor import Requestor
from echonode.maintenance.housekeeping import Housekeeping
from echonode.model.identity import CallBackAddress, CommitmentPolicy, Destination, Peer
from echonode.model.instance import Origin
from echonode.store.retention.policy import LOOK_EVERY_S, RetentionPolicy
from echonode.store.store import Store
from echonode.store.values import DeliveryJob, LedgerRow
from echonode.transcoding.process_pool import TranscodeWorkers
from echonode.transcoding.reencoder import Reencoder
from tests.faults.callers.instances import Instance
from tests.faults.judging.books import Book
from tests.faults.nodes.set_clock import SetClock

PACS = "pacs"
# Of the worker's own waits none is longer, so a loop that turns more often than this does not rest.
MOST_TURNS_AN_HOUR = 20_000


class DeliveringHalf:
    """A node that delivers to one archive on loopback; `close` ends it, as an orderly stop does.

    port: where the archive is called; may be changed at any time. keep_s: the grace period of
    retention. book: where what is captured is written down. reencoding: whether what the archive
    does not take as stored is re-encoded. association_times: when an association was asked for, in
    seconds that really passed.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        clock: SetClock | None = None,
        book: Book | None = None,
        commitment: CommitmentPolicy = CommitmentPolicy.NONE,
        limits: Limits | None = None,
        keep_s: float = 7 * 86_400,
        reencoding: bool = False,
    ) -> None:
        self.clock = clock or SetClock()
        self.port = port
        self.data_dir = folder
        self._book = book
        self.association_times: list[float] = []
        self._open: list[RequestedAssociation] = []
        peer = Peer(name=PACS, ae_title="PACS", host="127.0.0.1", port=port, may=frozenset())
        self.store = Store.open(folder, now=self.clock.now)
        self.store.on_delivery_due.append(self._wake)
        self._woken = False
        self._reencoder = (
            Reencoder(self.store.files.scratch, TranscodeWorkers(1)) if reencoding else None
        )
        self._requestor = Requestor(
            ae_title="ECHONODE", limits=limits, commit_report=self._report_scp()
        )
        self.worker = delivery_worker(
            Destination(peer=peer, commitment=commitment),
            DeliveryServices(
                store=self.store.deliveries,
                associate=self._associate,
                commitment=CommitmentSCU(
                    store=self.store.commitment.transactions,
                    call_back=CallBackAddress(ae_title="ECHONODE", host="127.0.0.1", port=11112),
                    now=self.clock.now,
                    random=_no_jitter,
                ),
                now=self.clock.now,
                check_bytes=self.store.files.check_bytes,
                key_value=self.store.key_value,
                monotonic=self.clock.monotonic,
                random=_no_jitter,
            ),
            # One association, and no thread but the test's: what happens has an order.
            policy=DeliveryPolicy(associations=1),
            reencode=self._reencoder.lossless if self._reencoder else None,
        )
        self.housekeeping = Housekeeping(
            self.store,
            policy=RetentionPolicy(keep_s=keep_s, destinations={PACS: commitment}),
            alarms=list,
            now=self.clock.now,
            monotonic=self.clock.monotonic,
        )
        self._next_look_s = 0.0

    def _report_scp(self) -> ReportSCP:
        return ReportSCP(
            store=self.store.commitment.reports,
            wake=self._wake,
            now=self.clock.now,
            random=_no_jitter,
        )

    def _wake(self, destination: str) -> None:
        self._woken = True

    def _associate(self, peer: Peer, contexts: Sequence[ProposedContext]) -> RequestedAssociation:
        self.association_times.append(self.clock.passed_s)
        association = self._requestor.associate(replace(peer, port=self.port), contexts)
        self._open = [earlier for earlier in self._open if earlier.is_open] + [association]
        return association

    # --- what it holds ---

    def put(self, instance: Instance, *, acquired_at: datetime | None = None) -> None:
        """An instance is captured, now or then, and is to be delivered."""
        incoming = self.store.files.open_incoming(
            sop_class_uid=instance.sop_class_uid,
            sop_instance_uid=instance.sop_instance_uid,
            transfer_syntax_uid=instance.transfer_syntax_uid,
        )
        incoming.write(instance.dataset)
        self._write("offered", instance)
        self.store.files.commit(
            incoming,
            self.store.files.read_record(incoming),
            origin=Origin.CAPTURED,
            destinations=[PACS],
            acquired_at=acquired_at or self.clock.now(),
        )
        self._write("answered", instance, status=0)

    def _write(self, kind: str, instance: Instance, **more: int) -> None:
        if self._book is not None:
            uid, sha256 = instance.sop_instance_uid, instance.sha256
            self._book.write(kind, uid=uid, sha256=sha256, **more)

    def job(self, sop_instance_uid: str) -> DeliveryJob:
        """The delivery of an instance."""
        [job] = self.store.deliveries.of_instance(sop_instance_uid)
        return job

    def row(self, sop_instance_uid: str) -> LedgerRow:
        """The line of an instance in the ledger, which also knows those that are gone."""
        [row] = [r for r in self.store.ledger.rows() if r.sop_instance_uid == sop_instance_uid]
        return row

    # --- its life ---

    def live(self, seconds: float, *, housekeeping: bool = False) -> None:
        """Do all that becomes due in so many seconds. Raises AssertionError where it spins."""
        until = self.clock.passed_s + seconds
        most_turns = 100 + MOST_TURNS_AN_HOUR * (1 + int(seconds / 3600))
        for _ in range(most_turns):
            self._woken = False
            wait_s = self.worker.run_once()
            if self._woken:
                continue
            step_s = min(wait_s, self._look()) if housekeeping else wait_s
            if self.clock.passed_s + step_s > until:
                self.clock.go(until - self.clock.passed_s)
                return
            self.clock.go(step_s)
        raise AssertionError(f"the worker did not come to rest in {most_turns} turns")

    def _look(self) -> float:
        """Housekeeping, when it is due; returns the seconds until it is again."""
        if self.clock.passed_s >= self._next_look_s:
            self.housekeeping.look()
            self._next_look_s = self.clock.passed_s + LOOK_EVERY_S
        return self._next_look_s - self.clock.passed_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is under way: the association is let go and the folder is free."""
        for association in self._open:
            association.release()
        if self._reencoder is not None:
            self._reencoder.close()
        self.store.close()


def _no_jitter() -> float:
    return 0.0


@contextmanager
def memory_folder() -> Iterator[Path]:
    """A folder in memory where the system has one: a simulated day syncs to disk far too often."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="echonode-", dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)
