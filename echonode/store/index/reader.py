"""The index as query_retrieve/ reads it: streams, each on a connection of its own.

A stream holds its connection until it is exhausted or closed. It keeps at most ROWS_AT_ONCE rows in
memory, so an answer set of a million rows needs none. The first part is small, so that the first
answer does not wait for two hundred rows where few rows match.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from typing import Any

import sqlalchemy as sa

from echonode.model.criteria import Query, Selection
from echonode.model.instance import IdentityConflict, Origin, StoredInstance
from echonode.store.database import schema
from echonode.store.database.connections import reading, streaming
from echonode.store.database.dialects import is_true
from echonode.store.database.exam_holds import WAITS
from echonode.store.database.rows import SELECT_INSTANCE, SELECT_INSTANCES, stored_instance
from echonode.store.files.layout import Layout
from echonode.store.index.identity_conflicts import standing
from echonode.store.index.patient_identity import with_own
from echonode.store.index.query_sql import (
    asks_of_patient,
    candidates,
    in_order,
    keywords_of,
    own_candidates,
    selected,
)

FIRST_ROWS = 8
ROWS_AT_ONCE = 200

_BY_UID = SELECT_INSTANCE.where(schema.instance.c.sop_instance_uid == sa.bindparam("uid"))
_ORIGIN = sa.select(schema.instance.c.origin).where(
    schema.instance.c.sop_instance_uid == sa.bindparam("uid")
)
_LOOK = (
    sa.select(schema.pixel_look.c.instance_id)
    .select_from(schema.pixel_look.join(schema.instance))
    .where(schema.instance.c.sop_instance_uid == sa.bindparam("uid"))
)
# In the words of the partial index.
_VARIED = sa.select(schema.patient.c.id).where(is_true(schema.patient.c.varied)).limit(1)


class IndexReader:
    """Reads instances and the rows above them. Thread-safe."""

    def __init__(self, engine: sa.Engine, layout: Layout) -> None:
        self._engine = engine
        self._layout = layout

    def find(self, query: Query) -> Iterator[Mapping[str, str]]:
        """The rows of the query's level that may match: keyword -> value, '' where unknown.

        All attributes that the index holds of that level and the levels above, computed ones
        included. A superset, narrowed by the criteria; query_retrieve/matching decides. A stream:
        close it (or read it to its end) to release its connection.
        """
        yield from self._rows(query, self._statements(query))

    def find_in_order(
        self, query: Query, *, skip: int = 0
    ) -> Generator[Mapping[str, str], None, None]:
        """The rows of `find`, those that were stored last first: the same at every call.

        skip: rows to leave out at the beginning; only for a query without criteria, of which every
        row matches.
        """
        statements = [in_order(each, query.level, skip=skip) for each in self._statements(query)]
        yield from self._rows(query, statements)

    def _statements(self, query: Query) -> list[sa.Select[*tuple[str, ...]]]:
        statements = [candidates(query)]
        if asks_of_patient(query) and self._are_some_varied():
            statements.append(own_candidates(query))
        return statements

    def _rows(
        self, query: Query, statements: list[sa.Select[*tuple[str, ...]]]
    ) -> Iterator[Mapping[str, str]]:
        keywords = keywords_of(query.level)
        for statement in statements:
            for *values, own in self._stream(statement):
                yield with_own(dict(zip(keywords, values, strict=True)), own)

    def _are_some_varied(self) -> bool:
        """Whether any patient's images came with several names; in most stores none did."""
        with reading(self._engine) as connection:
            return connection.scalar(_VARIED) is not None

    def select(self, selection: Selection, *, may_leave: bool = False) -> Iterator[StoredInstance]:
        """The instances that a C-MOVE or C-GET names, each once; a stream.

        may_leave: without those that wait for their exam's patient (exam_holds.py).
        """
        for statement in selected(selection, SELECT_INSTANCES):
            if may_leave:
                statement = statement.where(sa.not_(WAITS))
            for row in self._stream(statement):
                yield stored_instance(row, self._layout)

    def select_to_send(self, selection: Selection) -> Iterator[StoredInstance]:
        """`select`, without what waits for its exam's patient: that does not leave the node."""
        return self.select(selection, may_leave=True)

    def instance(self, sop_instance_uid: str) -> StoredInstance | None:
        """One instance; None where it is unknown."""
        with reading(self._engine) as connection:
            row = connection.execute(_BY_UID, {"uid": sop_instance_uid}).first()
        return None if row is None else stored_instance(row, self._layout)

    def is_made_here(self, sop_instance_uid: str) -> bool:
        """Whether this node built the instance of a probe's frames."""
        with reading(self._engine) as connection:
            origin = connection.scalar(_ORIGIN, {"uid": sop_instance_uid})
        return bool(origin == Origin.CAPTURED.value)

    def is_looked_at(self, sop_instance_uid: str) -> bool:
        """Whether a person has seen that no text is in its pixels (deliveries/looks.py)."""
        with reading(self._engine) as connection:
            return connection.execute(_LOOK, {"uid": sop_instance_uid}).first() is not None

    def identity_conflicts(self) -> tuple[IdentityConflict, ...]:
        """Open conflicts without acknowledgement (identity_conflicts.py), at most some hundred."""
        with reading(self._engine) as connection:
            return standing(connection)

    def _stream(self, statement: sa.Select[*tuple[Any, ...]]) -> Iterator[sa.Row[*tuple[Any, ...]]]:
        with (
            streaming(self._engine) as connection,
            closing(connection.execute(statement)) as result,
        ):
            part = result.fetchmany(FIRST_ROWS)
            while part:
                yield from part
                part = result.fetchmany(ROWS_AT_ONCE)
