"""What may be read of a store beside a running node, or without one.

Commands that only read import this module and not store.py, which brings pydicom with it: a
monitoring script that asks for the ledger every minute pays for what it uses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType

from echonode.errors import UsageError
from echonode.model.criteria import Query, Selection
from echonode.model.instance import IdentityConflict, StoredInstance
from echonode.store.database.connections import reader_engine, reading
from echonode.store.database.event_log import FlightEvent, read_study
from echonode.store.database.migrations import SCHEMA_VERSION, refuse_newer
from echonode.store.database.opening import has_wal
from echonode.store.deliveries.capture_facts import CaptureFacts, read_capture_facts
from echonode.store.deliveries.ledger import EVERYTHING, count_deliveries, read_ledger
from echonode.store.deliveries.selection import DeliveryChoice, read_chosen
from echonode.store.files.disk import disk_errors, is_read_only
from echonode.store.files.layout import Layout
from echonode.store.index.identity_conflicts import standing
from echonode.store.index.reader import IndexReader
from echonode.store.statistics import (
    DestinationFigures,
    StoreFigures,
    read_destination,
    read_store,
)
from echonode.store.values import LedgerChoice, LedgerRow


def open_read_only(data_dir: Path) -> ReadOnlyStore:
    """Raises UsageError where there is no store, SchemaTooNew."""
    layout = Layout(data_dir.absolute())
    if not layout.database.exists():
        raise UsageError(f"there is no store in {data_dir}: has the node run there?")
    unchanging = is_read_only(data_dir) and not has_wal(layout)
    return ReadOnlyStore(layout, unchanging=unchanging)


class ReadOnlyStore:
    """No lock, no writes. Thread-safe."""

    def __init__(self, layout: Layout, *, unchanging: bool = False) -> None:
        """Use open_read_only. Raises SchemaTooNew; UsageError for an older one."""
        self.data_dir = layout.data_dir
        self._layout = layout
        self._readers = reader_engine(layout.database, unchanging=unchanging)
        self._index = IndexReader(self._readers, layout)
        try:
            with reading(self._readers) as connection:
                version = refuse_newer(connection)
            if version < SCHEMA_VERSION:
                raise UsageError(
                    f"the database has version {version}, older than this EchoNode: start the "
                    "node once, and it is brought up to date"
                )
        except BaseException:
            self._readers.dispose()
            raise

    def __enter__(self) -> ReadOnlyStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; streams that are still read come to their end first."""
        self._readers.dispose()

    def find(self, query: Query) -> Iterator[Mapping[str, str]]:
        """The rows of the query's level that may match: keyword -> value, '' where unknown.

        All attributes that the index holds of that level and those above, computed ones included.
        A superset, narrowed by the criteria; query/matching decides. A stream: close it (or read
        it to its end) to give its connection back.
        """
        return self._index.find(query)

    def select(self, selection: Selection) -> Iterator[StoredInstance]:
        """The instances that a C-MOVE or C-GET names, as a stream."""
        return self._index.select(selection)

    def select_to_send(self, selection: Selection) -> Iterator[StoredInstance]:
        """The same, without what waits for its exam's patient: that does not leave the node."""
        return self._index.select(selection, may_leave=True)

    def instance(self, sop_instance_uid: str) -> StoredInstance | None:
        """One instance; None where it is unknown."""
        return self._index.instance(sop_instance_uid)

    def ledger(self, choice: LedgerChoice = EVERYTHING) -> Iterator[LedgerRow]:
        """The instances and destinations chosen, in the order they were stored; a stream.

        With `choice.last` the newest rows, newest first.
        """
        return read_ledger(self._readers, choice)

    def chosen_instances(self, choice: DeliveryChoice) -> list[str]:
        """The SOP Instance UIDs that have a delivery of the choice, in the order of storing."""
        return read_chosen(self._readers, choice)

    def capture_facts(self, sop_instance_uids: Collection[str]) -> Mapping[str, CaptureFacts]:
        """SOP Instance UID -> where it came from and how long it is; only of those stored here."""
        return read_capture_facts(self._readers, sop_instance_uids)

    def delivery_counts(self) -> Mapping[str, Mapping[str, int]]:
        """destination -> state of the ledger -> number of instances in it."""
        return count_deliveries(self._readers)

    def destination_figures(self, destination: str) -> DestinationFigures:
        """What waits at a destination since when, and what came of it."""
        return read_destination(self._readers, destination)

    def figures(self, *, since: datetime) -> StoreFigures:
        """What a person should know of the store; refused reports since `since`."""
        return read_store(self._readers, since=since)

    def identity_conflicts(self) -> tuple[IdentityConflict, ...]:
        """What stands and nobody has acknowledged (identity_conflicts.py), some hundred at most."""
        with reading(self._readers) as connection:
            return standing(connection)

    def quarantined_files(self) -> int:
        """How many files lie in quarantine now; whoever has looked at one takes it out."""
        with disk_errors("to list the quarantine"):
            return sum(1 for _ in self._layout.quarantine.glob("*.dcm"))

    def flight(self, study_instance_uid: str) -> Iterator[FlightEvent]:
        """The flight recorder's events of a study, in order; a stream."""
        return read_study(self._readers, study_instance_uid)
