"""The parts of the durable store, each built around one open database and folder.

A new table or a new rule of one part is a change here; how a store is opened, repaired and closed
is store.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from echonode.store.access.sessions import Sessions
from echonode.store.access.users import Users
from echonode.store.access.watch_links import KeptWatchLinks
from echonode.store.commitment.commitment import Commitment
from echonode.store.commitment.inbound import InboundCommitments
from echonode.store.commitment.reports import Reports
from echonode.store.commitment.transactions import Transactions
from echonode.store.database.connections import RefusingWriter, watch_for_damage
from echonode.store.database.corruption_marker import CorruptionMarker
from echonode.store.database.event_log import EventLog
from echonode.store.database.key_value import KeyValue
from echonode.store.database.opening import (
    Opened,
    has_wal,
    read_node_id,
)
from echonode.store.database.page_check import DatabaseCheck
from echonode.store.deliveries.deliveries import Deliveries
from echonode.store.deliveries.looks import PixelLooks
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
from echonode.store.files.durability import Durability
from echonode.store.files.layout import FileIds, Layout
from echonode.store.files.lock import FolderLock
from echonode.store.files.pending_removals import PendingRemovals
from echonode.store.files.pool import IncomingPool
from echonode.store.files.reserve import DiskReserve
from echonode.store.index.descriptions import Descriptions
from echonode.store.ingest.ingest import InstanceFiles
from echonode.store.ingest.insertion import FileInserter
from echonode.store.ingest.quarantine import Quarantine
from echonode.store.journal.journal import Journal
from echonode.store.nodes.membership import Membership
from echonode.store.patients.erasure import PatientErasure
from echonode.store.printing.print_jobs import PrintJobs
from echonode.store.read_only_store import ReadOnlyStore
from echonode.store.recovery.folders_in_use import use_folder
from echonode.store.recovery.orphans import AdoptionPlan
from echonode.store.recovery.recovery import Recovery
from echonode.store.recovery.scrub import Scrub
from echonode.store.retention.deletion import Deletions
from echonode.store.retention.retention import Retention
from echonode.store.values import CheckBytes


class StoreParts(ReadOnlyStore):
    """The store of one node, as its parts; `Store` opens and closes it. Thread-safe.

    files: takes instances in. index, ledger, statistics: see ReadOnlyStore. deliveries: the jobs
    of the delivery workers. operator: what a person does to them. looks: at pixels, before copies
    without the patient leave. commitment: transactions in both roles. retention: deletes proved
    copies. recovery: what the last stop left. scrub: reads kept files again. event_log: takes
    events from outside. key_value: small texts of other parts. descriptions: what DICOMweb answers
    of each instance.
    exams, captures, measurements, documents, prints, hl7_results, naming, corrections, worklist,
    known_patients, order_messages, rejections, reported_steps, procedure_steps, step_reports: see
    exams/. users, sessions, watch_links: see access/. nodes: this node among those on the database.
    durability: whether what is written becomes durable. pool: files that instances of peers are
    written into. journal: what only the database knows, in
    a file next to it.

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
        self.pool = IncomingPool(
            layout,
            ids,
            keep_rows=writer.synchronise,
            is_used=not (unwritable or index_url or layout.node or layout.remote),
        )
        if self.pool.is_used:
            durability.watch_pool()
        self.journal = Journal(writer, readers, layout, settle=self.pool.settle)
        deletions = Deletions(writer, readers, layout, self.journal.flush, pool=self.pool)

        self.node_id = read_node_id(readers)
        self.durability = durability
        self.files = InstanceFiles(
            layout=layout,
            inserter=inserter,
            durability=durability,
            pending_removals=self._pending_removals,
            quarantine=Quarantine(writer, layout),
            ids=ids,
            pool=self.pool,
            check=check,
            on_due=due,
            now=now,
            unwritable=unwritable,
        )
        self.deliveries = Deliveries(writer, readers, layout, nodes=self.nodes, on_due=due, now=now)
        self.operator = OperatorActions(writer, on_due=due)
        self.looks = PixelLooks(writer, readers, on_due=due)
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
            deletions=Deletions(writer, readers, layout, self.journal.flush, pool=self.pool),
            rewrite_journal=self.journal.rewrite,
        )
        self.users: Users = Users(writer, readers)
        self.sessions = Sessions(writer, readers)
        self.watch_links = KeptWatchLinks(writer, readers)

    def _due(self, destinations: Sequence[str]) -> None:
        for destination in dict.fromkeys(destinations):
            for wake in self.on_delivery_due:
                wake(destination)
