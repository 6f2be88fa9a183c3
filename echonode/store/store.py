"""The durable store: its parts, and how they are opened and closed.

What is promised
- What `files.commit` returned for survives a kill or a power cut: the bytes, the index row and the
  deliveries, all or none. The same holds for every method that changes a state: it is durable on
  return. Nothing is acknowledged before (PS3.4 B.2.3: success means stored).
- One SOP Instance UID, one instance: the first. The same bytes again are a success that changes
  nothing, once the first's file was read and found whole; if it is damaged or gone, the new file
  takes its place. Other bytes go to quarantine.
- States change only by the tables of model.delivery and model.commitment.
- Only `retention.recycle` deletes instances, by the rules of policy.py.
- A failure of the disk is OutOfSpace, and the store can be used again as soon as the disk can.
- No value from the wire is part of a path or of SQL text.

Not promised: that two processes may write (a lock refuses the second), that two threads use one
Incoming, or that a callback of `on_delivery_due` may take long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType

from echonode.errors import Damaged, OutOfSpace
from echonode.store.access.sessions import Sessions
from echonode.store.access.users import Users
from echonode.store.commitment.commitment import Commitment
from echonode.store.commitment.inbound import InboundCommitments
from echonode.store.commitment.reports import Reports
from echonode.store.commitment.transactions import Transactions
from echonode.store.database.connections import RefusingWriter, watch_for_damage
from echonode.store.database.corruption_marker import CorruptionMarker
from echonode.store.database.counters import next_value
from echonode.store.database.event_log import EventLog
from echonode.store.database.file_size import make_shrinkable
from echonode.store.database.key_value import KeyValue
from echonode.store.database.opening import (
    Opened,
    has_wal,
    mark_orderly_stop,
    open_on_any_disk,
    open_writer,
    read_node_id,
    set_aside,
)
from echonode.store.database.page_check import DatabaseCheck
from echonode.store.database.postgres_opening import open_on_server
from echonode.store.deliveries.deliveries import Deliveries
from echonode.store.deliveries.operator_actions import OperatorActions
from echonode.store.exams.captures import Captures
from echonode.store.exams.corrections import Corrections
from echonode.store.exams.documents import Documents
from echonode.store.exams.exams import Exams
from echonode.store.exams.hl7_results import Hl7Results
from echonode.store.exams.known_patients import KnownPatients
from echonode.store.exams.measurements import Measurements
from echonode.store.exams.naming import Naming
from echonode.store.exams.order_messages import OrderMessages
from echonode.store.exams.procedure_steps import ProcedureSteps
from echonode.store.exams.rejections import Rejections
from echonode.store.exams.reported_steps import ReportedSteps
from echonode.store.exams.step_reports import StepReports
from echonode.store.exams.worklist_items import WorklistItems
from echonode.store.files.durability import Durability, Kind
from echonode.store.files.incoming_file import Incoming
from echonode.store.files.layout import FileIds, Layout
from echonode.store.files.lock import FolderLock, lock_for_node
from echonode.store.files.pending_removals import PendingRemovals
from echonode.store.files.reserve import DiskReserve
from echonode.store.index.descriptions import Descriptions
from echonode.store.index.refresh import IndexRefresh, RefreshReport
from echonode.store.ingest.ingest import InstanceFiles, check_bytes
from echonode.store.ingest.insertion import FileInserter
from echonode.store.ingest.quarantine import Quarantine
from echonode.store.journal.journal import Journal
from echonode.store.journal.restoring import Restoring
from echonode.store.nodes.membership import Membership
from echonode.store.objects.bucket import ObjectsAt
from echonode.store.objects.opening import opened_storage
from echonode.store.patients.erasure import PatientErasure
from echonode.store.printing.print_jobs import PrintJobs
from echonode.store.read_only_store import ReadOnlyStore
from echonode.store.recovery.folders_in_use import use_folder
from echonode.store.recovery.orphans import AdoptionPlan
from echonode.store.recovery.place import settle_place
from echonode.store.recovery.recovery import Recovery
from echonode.store.recovery.scrub import Scrub
from echonode.store.retention.deletion import Deletions
from echonode.store.retention.retention import Retention
from echonode.store.values import CheckBytes

__all__ = ["Incoming", "ReadOnlyStore", "Store", "utc_now"]


def utc_now() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


class Store(ReadOnlyStore):
    """The store of one node, as its parts. Thread-safe.

    files: takes instances in. index, ledger, statistics: see ReadOnlyStore. deliveries: the jobs
    of the delivery workers. operator: what a person does to them. commitment: transactions in both
    roles. retention: deletes proved copies. recovery: what the last stop left. scrub: reads kept
    files again. event_log: takes events from outside. key_value: small texts of other parts.
    descriptions: what DICOMweb answers of each instance.
    exams, captures, measurements, documents, prints, hl7_results, naming, corrections, worklist,
    known_patients, order_messages, rejections, reported_steps, procedure_steps, step_reports: see
    exams/. users, sessions: see access/. nodes: this node among those on the database.
    durability: whether what is written becomes durable. journal: what only the database knows, in
    a file beside it.

    node_id: random, made once for a database; goes into derived UIDs.
    unwritable: why the disk could not be written at `open`, '' where it could; then what reads
    works, and all else raises OutOfSpace.
    on_delivery_due: each is called with a destination's name after deliveries to it became due, in
    the thread that made them so; it must be quick and must not raise.
    """

    def __init__(
        self,
        layout: Layout,
        lock: FolderLock,
        opened: Opened | RefusingWriter,
        *,
        plan: AdoptionPlan,
        now: Callable[[], datetime],
        check: CheckBytes,
        marker: CorruptionMarker,
        durability: Durability,
        unwritable: str = "",
        waiting_prefix: str = "",
        index_url: str = "",
    ) -> None:
        """Use Store.open."""
        super().__init__(
            layout, unchanging=bool(unwritable) and not has_wal(layout), index_url=index_url
        )
        writer = opened.writer if isinstance(opened, Opened) else opened
        readers, due = self._readers, self._due
        self.on_delivery_due: list[Callable[[str], None]] = []
        self.unwritable = unwritable
        self._lock = lock
        self._writer = writer
        self._now = now
        watch_for_damage(readers, marker.mark_corrupt)
        self._marker = marker
        self._check = DatabaseCheck(
            readers, marker, needed=isinstance(opened, Opened) and not opened.checked
        )
        self._disk_reserve = DiskReserve(layout)
        self._pending_removals = PendingRemovals()
        inserter = FileInserter(writer, layout, check, now)
        ids = FileIds(layout, on_folder=lambda folder: use_folder(writer, folder, layout.node))
        self.nodes = Membership(writer, name=layout.node, now=now)
        self.journal = Journal(writer, readers, layout)
        deletions = Deletions(writer, readers, layout, self.journal.flush)

        self.node_id = read_node_id(readers)
        self.durability = durability
        self.files = InstanceFiles(
            layout=layout,
            inserter=inserter,
            durability=durability,
            pending_removals=self._pending_removals,
            quarantine=Quarantine(writer, layout),
            ids=ids,
            check=check,
            on_due=due,
            now=now,
            unwritable=unwritable,
        )
        self.deliveries = Deliveries(writer, readers, layout, nodes=self.nodes, on_due=due, now=now)
        self.operator = OperatorActions(writer, on_due=due)
        self.commitment = Commitment(
            transactions=Transactions(writer, readers),
            reports=Reports(writer, readers, layout, check_bytes=check, on_due=due),
            inbound=InboundCommitments(writer, readers, self.index.instance, check),
        )
        self.recovery = Recovery(
            writer=writer,
            readers=readers,
            layout=layout,
            deliveries=self.deliveries,
            inserter=inserter,
            deletions=deletions,
            ids=ids,
            nodes=self.nodes,
            check=self._check,
            plan=plan,
            waiting_prefix=waiting_prefix,
            on_due=due,
            now=now,
        )
        self.retention = Retention(
            writer, readers, layout, deletions, is_recovering=lambda: self.recovery.is_running
        )
        self.scrub = Scrub(writer, readers, layout, check_bytes=check, on_due=due, now=now)
        self.event_log = EventLog(writer)
        self.key_value = KeyValue(writer, readers)
        self.descriptions = Descriptions(writer, readers, layout)
        self.exams = Exams(writer, readers, self.node_id)
        self.captures = Captures(writer, self.node_id)
        self.corrections = Corrections(writer, readers, self.node_id)
        self.naming = Naming(
            writer, readers, layout, ids, remove=self._pending_removals.remove, on_due=due
        )
        self.measurements = Measurements(writer, readers)
        self.prints = PrintJobs(writer, readers)
        self.documents = Documents(writer, readers, self.node_id)
        self.hl7_results = Hl7Results(writer, readers)
        self.worklist = WorklistItems(writer, readers)
        self.known_patients = KnownPatients(readers)
        self.rejections = Rejections(writer, readers)
        self.order_messages = OrderMessages(writer, readers)
        self.reported_steps = ReportedSteps(writer, readers)
        self.procedure_steps = ProcedureSteps(writer, readers)
        self.step_reports = StepReports(writer, readers)
        self.erasure = PatientErasure(
            writer,
            layout,
            holdings=self.holdings,
            deletions=Deletions(writer, readers, layout, self.journal.flush),
            rewrite_journal=self.journal.rewrite,
        )
        self.users: Users = Users(writer, readers)
        self.sessions = Sessions(writer, readers)

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
        waiting_prefix: str = "",
        index_url: str = "",
        objects: ObjectsAt | None = None,
        node: str = "",
    ) -> Store:
        """Lock the folder, bring the database up to date, and repair what the last stop left.

        adopt_to, forward_to, on_adopted: see AdoptionPlan. check_bytes: raises Damaged when an
        instance's bytes have changed (replaced in tests). recover_later: what may wait is left to
        `recovery.step` (recovery.py says what may). waiting_prefix: what the Patient ID of our
        captures begins with that wait for their patient; such a file that is found after the
        database was lost waits in an exam of its own. index_url: of the database on a PostgreSQL
        server; '' the file in data_dir. objects: the object storage that has the instances; None:
        they are files in data_dir. node: the name of one of several nodes on one database. On a
        full disk the reserve is removed; where the disk still cannot be written, an existing store
        is opened for reading only (`unwritable`). Raises StoreLocked, SchemaTooNew,
        RestoreUnfinished; ConfigError where the folder cannot be used; OutOfSpace where there is no
        store to read.
        """
        layout, lock = _locked(data_dir, node, objects)
        durability = Durability(layout)
        plan = AdoptionPlan(adopt_to=adopt_to, forward_to=forward_to, on_adopted=on_adopted)

        store_with = partial(
            cls,
            layout,
            lock,
            plan=plan,
            now=now,
            check=check_bytes,
            durability=durability,
            waiting_prefix=waiting_prefix,
            index_url=index_url,
        )

        def recovered() -> Store:
            marker = CorruptionMarker(layout)
            if index_url:
                opened = open_on_server(
                    index_url, now(), marker, guard=lock.check, on_outcome=durability.committed
                )
            else:
                opened = open_writer(
                    layout,
                    now(),
                    marker,
                    check_later=recover_later,
                    guard=lock.check,
                    on_outcome=durability.committed,
                )
            with ExitStack() as undo:
                undo.callback(opened.writer.close)
                restoring = Restoring(opened.writer, layout)
                opened = restoring.begin(opened)
                store = store_with(opened, marker=marker)
                undo.callback(ReadOnlyStore.close, store)
                settle_place(opened.writer, store._readers, objects)
                store.nodes.join()
                undo.callback(store.nodes.leave)
                store._recover(opened, restoring, later=recover_later)
                if not index_url:
                    durability.watch_database()
                undo.pop_all()
            return store

        def recovered_or_rebuilt() -> Store:
            try:
                return recovered()
            except Damaged:
                set_aside(layout, now())
                return recovered()

        def unwritable(reason: OutOfSpace) -> Store:
            refusal = f"{reason}; queries alone are served until the node is started again"
            durability.refused(Kind.DATABASE, OutOfSpace(refusal))
            return store_with(
                RefusingWriter(refusal), marker=CorruptionMarker(layout), unwritable=refusal
            )

        try:
            if index_url:
                return recovered()
            return open_on_any_disk(
                recovered_or_rebuilt, unwritable, disk_reserve=DiskReserve(layout), layout=layout
            )
        except BaseException:
            lock.release()
            raise

    def _recover(self, opened: Opened, restoring: Restoring, *, later: bool) -> None:
        """Repair what the last stop left; later: what may wait is left to `recovery.step`."""
        if not restoring.is_under_way:
            self.journal.begin()
        self.recovery.begin(database_made=opened.made)
        while not (later and opened.trusted) and self.recovery.step():
            pass
        if restoring.is_under_way:
            self.recovery.given_back(restoring.end())
            self.journal.begin()

    def __enter__(self) -> Store:
        return self

    def close(self) -> None:
        """Release the folder; nothing may use the store any more. May be called once."""
        try:
            with suppress(OutOfSpace, Damaged):  # the next start goes on with it
                self.journal.close()
            super().close()
            with suppress(OutOfSpace):  # then it is taken for dead after a while
                self.nodes.leave()
            orderly = self._check.is_done and not self._marker and not self.unwritable
            if orderly and not self._writer.is_on_server:
                with suppress(OutOfSpace):  # without the mark, the next start checks the pages
                    mark_orderly_stop(self._writer)
        finally:
            self._writer.close()
            self._lock.release()

    @property
    def own_dir(self) -> Path:
        """What is this node's alone, of several on one data_dir."""
        return self._layout.own

    @property
    def is_corrupt(self) -> bool:
        """Whether the database was found damaged since `open`; a restart repairs it."""
        return bool(self._marker)

    def refresh_index(self, progress: Callable[[int, int], None]) -> RefreshReport:
        """Read every file's attributes into the index again (index/refresh.py).

        progress: called with how many instances are done, and of how many. Nothing else may use
        the store during that time. Raises OutOfSpace.
        """
        report = IndexRefresh(self._writer, self._readers, self._layout, self._now).run(progress)
        with suppress(OutOfSpace):  # the index is right; it only stays as large as it is
            make_shrinkable(self._writer)
        return report

    def prove_writable(self) -> None:
        """Try the disk (durability.py). Where it works, remove the files that it refused to remove
        and restore the reserve; where the database is refused, remove it. Does not raise.
        """
        self.durability.try_now()
        if self.durability.is_refused(Kind.DATABASE) and not self.unwritable:
            self._disk_reserve.give_up()
        if self.durability.problem:
            return
        self._pending_removals.retry()
        with suppress(OutOfSpace):
            self._disk_reserve.restore()

    def counter(self, name: str) -> int:
        """1, 2, 3 and so on for each name: durable before it returns, never the same twice."""
        return self._writer.run(lambda connection: next_value(connection, name))

    def _due(self, destinations: Sequence[str]) -> None:
        for destination in dict.fromkeys(destinations):
            for wake in self.on_delivery_due:
                wake(destination)


def _locked(data_dir: Path, node: str, objects: ObjectsAt | None) -> tuple[Layout, FolderLock]:
    """The paths of a data_dir that is ours alone from now on."""
    layout = Layout(data_dir.absolute(), node)
    layout.make()
    lock = lock_for_node(layout)
    try:
        return replace(layout, remote=opened_storage(objects)), lock
    except BaseException:
        lock.release()
        raise
