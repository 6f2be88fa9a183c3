"""What may be read of a store beside a running node, or without one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType

from echonode.model.criteria import Query, Selection
from echonode.model.instance import StoredInstance
from echonode.store.database import database_errors, reader_engine
from echonode.store.index_reader import IndexReader
from echonode.store.layout import Layout
from echonode.store.ledger import count_deliveries, read_ledger
from echonode.store.migrations import refuse_newer
from echonode.store.values import LedgerRow


class ReadOnlyStore:
    """No lock, no writes. Thread-safe."""

    def __init__(self, layout: Layout) -> None:
        """Use Store.open_read_only. Raises SchemaTooNew."""
        self.data_dir = layout.data_dir
        self._layout = layout
        self._readers = reader_engine(layout.database)
        self._index = IndexReader(self._readers, layout)
        try:
            with database_errors(), self._readers.connect() as connection:
                refuse_newer(connection)
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

    def instance(self, sop_instance_uid: str) -> StoredInstance | None:
        """One instance; None where it is unknown."""
        return self._index.instance(sop_instance_uid)

    def ledger(self) -> Iterator[LedgerRow]:
        """Every instance and destination, in the order they were stored; a stream."""
        return read_ledger(self._readers)

    def delivery_counts(self) -> Mapping[str, Mapping[str, int]]:
        """destination -> state of the ledger -> number of instances in it."""
        return count_deliveries(self._readers)
