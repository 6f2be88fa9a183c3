"""The durable store's one door.

What is promised
- What `commit` returned for survives a kill or a power cut: the bytes, the index row and the
  deliveries, all or none. The same holds for every method that changes a state: it is durable on
  return. Nothing is acknowledged before (PS3.4 B.2.3: success means stored).
- One SOP Instance UID, one instance: the first. The same bytes again are a success that changes
  nothing, once the first's file was read and found whole; if it is damaged or gone, the new file
  takes its place. Other bytes go to quarantine.
- States change only by the tables of model.delivery and model.commitment.
- Nothing is deleted but by `recycle`, by the rules of policy.py.
- A failure of the disk is OutOfSpace, and the store can be used again as soon as the disk can.
- No value from the wire is part of a path or of SQL text.

Not promised: that two processes may write (a lock refuses the second), that an Incoming is used by
two threads, or that a callback of `on_delivery_due` may take long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from echonode.errors import Damaged, OutOfSpace
from echonode.model.instance import InstanceRecord, Origin, StoredInstance
from echonode.store.commitment.inbound import InboundCommitments
from echonode.store.commitment.reports import Reports, resend_now
from echonode.store.commitment.transactions import Transactions
from echonode.store.commitment_door import CommitmentDoor
from echonode.store.database.connections import RefusingWriter, Writer, watch_for_damage
from echonode.store.database.corruption_marker import IndexDoubt
from echonode.store.database.counters import next_value
from echonode.store.database.file_size import make_shrinkable
from echonode.store.database.key_value import Notes
from echonode.store.database.opening import (
    has_wal,
    mark_orderly_stop,
    open_on_any_disk,
    open_writer,
    read_node_id,
    set_aside,
)
from echonode.store.database.page_check import DatabaseCheck
from echonode.store.deliveries.deliveries import Deliveries
from echonode.store.deliveries.operator_actions import OperatorMoves
from echonode.store.delivery_door import DeliveryDoor
from echonode.store.exams.captures import Captures
from echonode.store.exams.corrections import Corrections
from echonode.store.exams.exams import Exams
from echonode.store.exams.naming import Naming
from echonode.store.exams.order_messages import OrderMessages
from echonode.store.exams.procedure_steps import ProcedureSteps
from echonode.store.exams.reported_steps import ReportedSteps
from echonode.store.exams.step_reports import StepReports
from echonode.store.exams.worklist_items import WorklistItems
from echonode.store.files.durability import Durability, Kind
from echonode.store.files.incoming_file import Incoming
from echonode.store.files.layout import FileIds, Layout
from echonode.store.files.lock import FolderLock
from echonode.store.files.pending_removals import Leftovers
from echonode.store.files.reserve import Ballast
from echonode.store.index.refresh import IndexRefresh, RefreshReport
from echonode.store.ingest.ingest import InstanceFiles, check_bytes
from echonode.store.ingest.insertion import Keeping
from echonode.store.ingest.quarantine import Quarantine
from echonode.store.operator_door import OperatorDoor
from echonode.store.read_only_store import ReadOnlyStore, open_read_only
from echonode.store.recovery.folders_in_use import use_folder
from echonode.store.recovery.scrub import Scrub
from echonode.store.recovery_door import RecoveryDoor
from echonode.store.retention.deletion import Tombstones
from echonode.store.retention.pruning import Pruning
from echonode.store.retention_door import RetentionDoor
from echonode.store.values import CommitOutcome, StoreOutcome

__all__ = ["Incoming", "ReadOnlyStore", "Store", "resend_now", "utc_now"]

CheckBytes = Callable[[StoredInstance], None]


def utc_now() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


class Store(CommitmentDoor, DeliveryDoor, OperatorDoor, RecoveryDoor, RetentionDoor, ReadOnlyStore):
    """The store of one node. Thread-safe.

    node_id: random, made once for a database; goes into derived UIDs.
    scrub: reads kept files again (scrub.py). notes: small texts of other parts. exams, captures,
    naming, corrections, worklist, order_messages, procedure_steps, reported_steps: see exams/.
    durability: whether what is written becomes durable. unwritable: why the disk could not be
    written at `open`, '' where it could; then what reads works, and all else raises OutOfSpace.
    on_delivery_due: each is called with a destination's name after deliveries to it became due, in
    the thread that made them so; it must be quick and must not raise.
    """

    def __init__(
        self,
        layout: Layout,
        lock: FolderLock,
        writer: Writer,
        *,
        now: Callable[[], datetime],
        check: CheckBytes,
        doubt: IndexDoubt,
        durability: Durability,
        unwritable: str = "",
    ) -> None:
        """Use Store.open."""
        super().__init__(layout, unchanging=bool(unwritable) and not has_wal(layout))
        self.unwritable = unwritable
        self.durability = durability
        self._ballast = Ballast(layout)
        self._leftovers = Leftovers()
        watch_for_damage(self._readers, doubt.arise)
        self._doubt = doubt
        self.on_delivery_due: list[Callable[[str], None]] = []
        self.node_id = read_node_id(self._readers)
        self._lock = lock
        self._writer = writer
        self._now = now
        self._check_bytes = check
        self._keeping = Keeping(writer, layout, check, now)
        self._ids = FileIds(layout, on_folder=lambda folder: use_folder(writer, folder))
        self._files = InstanceFiles(
            layout,
            self._keeping,
            durability,
            self._leftovers,
            Quarantine(writer, layout),
            self._ids,
            now,
        )
        self.scrub = Scrub(
            writer, self._readers, layout, check_bytes=check, on_due=self._due, now=now
        )
        self._deliveries = Deliveries(writer, self._readers, layout)
        self._moves = OperatorMoves(writer)
        self._transactions = Transactions(writer, self._readers)
        self._reports = Reports(writer, self._readers, layout, check)
        self._check = DatabaseCheck(self._readers, doubt, needed=False)
        self._tombstones = Tombstones(writer, self._readers, layout)
        self._pruning = Pruning(writer, self._readers, layout)
        self.notes = Notes(writer, self._readers)
        self.exams = Exams(writer, self._readers, self.node_id)
        self.captures = Captures(writer, self.node_id)
        self.corrections = Corrections(writer, self._readers, self.node_id)
        self.naming = Naming(
            writer,
            self._readers,
            layout,
            self._ids,
            remove=self._leftovers.remove,
            on_due=self._due,
        )
        self.worklist = WorklistItems(writer, self._readers)
        self.order_messages = OrderMessages(writer, self._readers)
        self.reported_steps = ReportedSteps(writer, self._readers)
        self.procedure_steps = ProcedureSteps(writer, self._readers)
        self.step_reports = StepReports(writer, self._readers)
        self._inbound = InboundCommitments(writer, self._readers, self._index.instance, check)

    @classmethod
    def open(
        cls,
        data_dir: Path,
        *,
        now: Callable[[], datetime] = utc_now,
        adopt_to: Sequence[str] = (),
        forward_to: Mapping[str, Sequence[str]] = MappingProxyType({}),
        check_bytes: CheckBytes = check_bytes,
        on_adopted: Callable[[int], None] = lambda count: None,
        recover_later: bool = False,
        nobodys: str = "",
    ) -> Store:
        """Take the folder, bring the database up to date, and mend what the last stop left.

        adopt_to: the destinations that files without a row are queued to when we captured them.
        forward_to: AE title -> those that they are queued to when it had sent them.
        check_bytes: raises Damaged when an instance's bytes have changed (replaced in tests).
        on_adopted: told how many files without a row were taken in so far, for a long mending.
        nobodys: what the Patient ID of our captures begins with that wait for their patient; such
        a file that is found after the database was lost waits in an exam of its own.
        recover_later: what may wait is left to `recover` (recovery.py says what may).
        On a full disk the ballast is given up; on one that still cannot be written the store that
        is there is served for reading alone (`unwritable`). Raises StoreLocked, SchemaTooNew;
        ConfigError where the folder cannot be; OutOfSpace where there is not even a store to read.
        """
        layout = Layout(data_dir.absolute())
        layout.make()
        lock = FolderLock(layout.lock)
        durability = Durability(layout)

        def store_with(writer: Writer, doubt: IndexDoubt, *, unwritable: str = "") -> Store:
            return cls(
                layout,
                lock,
                writer,
                now=now,
                check=check_bytes,
                doubt=doubt,
                durability=durability,
                unwritable=unwritable,
            )

        def mended() -> Store:
            doubt = IndexDoubt(layout)
            opened = open_writer(
                layout,
                now(),
                doubt,
                check_later=recover_later,
                guard=lock.check,
                on_outcome=durability.committed,
            )
            with ExitStack() as broken_off:
                broken_off.callback(opened.writer.close)
                store = store_with(opened.writer, doubt)
                broken_off.callback(ReadOnlyStore.close, store)
                store._begin_recovery(adopt_to, forward_to, on_adopted, opened, nobodys)
                while not (recover_later and opened.trusted) and store.recover():
                    pass
                durability.watch_database()
                broken_off.pop_all()
            return store

        def mended_or_made_anew() -> Store:
            try:
                return mended()
            except Damaged:
                set_aside(layout, now())
                return mended()

        def unwritable(reason: OutOfSpace) -> Store:
            refusal = f"{reason}; queries alone are served until the node is started again"
            durability.refused(Kind.DATABASE, OutOfSpace(refusal))
            return store_with(RefusingWriter(refusal), IndexDoubt(layout), unwritable=refusal)

        try:
            return open_on_any_disk(
                mended_or_made_anew, unwritable, ballast=Ballast(layout), layout=layout
            )
        except BaseException:
            lock.release()
            raise

    @property
    def scratch(self) -> Path:
        """A folder for temporary files (.part); what a crash leaves in it is removed at start."""
        return self._layout.incoming

    @property
    def is_doubted(self) -> bool:
        """Whether the database was found damaged since `open`: only a restart mends that."""
        return bool(self._doubt)

    @classmethod
    def open_read_only(cls, data_dir: Path) -> ReadOnlyStore:
        """Raises UsageError where there is no store, SchemaTooNew."""
        return open_read_only(data_dir)

    def __enter__(self) -> Store:
        return self

    def close(self) -> None:
        """Let the folder go; nobody may be using the store any more. May be called once."""
        super().close()
        try:
            if self._check.is_done and not self._doubt and not self.unwritable:
                with suppress(OutOfSpace):  # without the mark, the next start checks the pages
                    mark_orderly_stop(self._writer)
        finally:
            self._writer.close()
            self._lock.release()

    def refresh_index(self, progress: Callable[[int, int], None]) -> RefreshReport:
        """Read every file's attributes into the index again; see index_refresh.

        progress: told how many instances are done, of how many. Nobody else may use the store.
        Raises OutOfSpace.
        """
        report = IndexRefresh(self._writer, self._readers, self._layout, self._now).run(progress)
        with suppress(OutOfSpace):  # the index is right; it only stays as large as it is
            make_shrinkable(self._writer)
        return report

    # Files in

    def open_incoming(
        self,
        *,
        sop_class_uid: str,
        sop_instance_uid: str,
        transfer_syntax_uid: str,
        source_ae_title: str = "",
    ) -> Incoming:
        """A temporary Part 10 file whose dataset is still to be written. Raises OutOfSpace.

        source_ae_title: who sent it, for its File Meta Information; '' for what we capture.
        """
        if self.unwritable:
            raise OutOfSpace(self.unwritable)
        return self._files.open_incoming(
            sop_class_uid=sop_class_uid,
            sop_instance_uid=sop_instance_uid,
            transfer_syntax_uid=transfer_syntax_uid,
            source_ae_title=source_ae_title,
        )

    def read_record(self, incoming: Incoming) -> InstanceRecord:
        """What the index keeps of it, from the dataset that was written (without its pixels).

        Raises Unreadable (answer C000) or Mismatch (A900); the file is still the caller's then.
        """
        return self._files.read_record(incoming)

    def commit(
        self,
        incoming: Incoming,
        record: InstanceRecord,
        *,
        origin: Origin,
        destinations: Sequence[str],
        acquired_at: datetime | None = None,
        evidence: Mapping[str, int | str] | None = None,
    ) -> CommitOutcome:
        """Make an instance durable, with one queued delivery for each destination.

        acquired_at: when the picture was taken; deliveries go in this order. evidence: how it came
        to be (frames dropped and the like), kept with the row. `incoming` is used up, whatever
        happens. Raises InstanceConflict, OutOfSpace, Mismatch.
        """
        done = self._files.commit(
            incoming,
            record,
            origin=origin,
            destinations=destinations,
            acquired_at=acquired_at,
            evidence=evidence or {},
        )
        self._due(destinations if done.outcome is StoreOutcome.STORED else done.released)
        return done

    def check_bytes(self, instance: StoredInstance) -> None:
        """Raises Damaged when an instance's file is gone or its dataset is not what was stored."""
        self._check_bytes(instance)

    # Other

    def prove_writable(self) -> None:
        """Try the disk (durability.py); where it is well, remove what it kept against our will, and
        keep ballast where there is room; where the database is refused, give it up. Does not raise.
        """
        self.durability.try_now()
        if self.durability.is_refused(Kind.DATABASE) and not self.unwritable:
            self._ballast.give_up()
        if self.durability.problem:
            return
        self._leftovers.retry()
        with suppress(OutOfSpace):
            self._ballast.restore()

    def counter(self, name: str) -> int:
        """1, 2, 3 and so on for each name: durable before it returns, never the same twice."""
        return self._writer.run(lambda connection: next_value(connection, name))

    def _due(self, destinations: Sequence[str]) -> None:
        for destination in dict.fromkeys(destinations):
            for wake in self.on_delivery_due:
                wake(destination)
