"""The worklist that the node keeps: what a RIS answered, messages ordered, or a person entered.

Rules
- An item is a row by its id; the same item again takes the row's place.
- What its source no longer names is withdrawn: it is not shown, and stays until it is removed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from echonode.model.worklist_item import WorklistItem, WorklistSource
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.dialects import insert_or
from echonode.store.exams.json_values import from_json, to_json

_item = schema.worklist_item.c
_SHOWN = sa.select(_item.item).where(_item.withdrawn_at.is_(None))
# Values made of rows' texts, kept so that a list that did not change is not read again: a list of
# 2,000 takes a tenth of a second otherwise, each time that it is shown.
_MOST_REMEMBERED = 5_000
_AT_ONCE = 500  # ids in one statement; SQLite takes 32,766 parameters


class WorklistItems:
    """Thread-safe; a change is durable on return. Each raises StoreError."""

    def __init__(self, writer: Writer, readers: sa.Engine) -> None:
        self._writer = writer
        self._readers = readers
        self._remembered: dict[str, WorklistItem] = {}  # by their texts; values never change

    def put(self, items: Sequence[WorklistItem]) -> None:
        """Add items, or have them take the place of those with their ids."""
        if items:
            self._writer.run(lambda connection: put_items(connection, items))

    def replace(
        self,
        source: WorklistSource,
        source_name: str,
        items: Sequence[WorklistItem],
        *,
        now: datetime,
    ) -> None:
        """All that a source names at `now`; what it named only before is withdrawn.

        An item that it names again after that is shown again.
        """
        wanted = {item.id for item in items}

        def work(connection: sa.Connection) -> None:
            put_items(connection, items)
            known = connection.execute(
                sa.select(_item.id).where(
                    _item.source == source.value,
                    _item.source_name == source_name,
                    _item.withdrawn_at.is_(None),
                )
            ).scalars()
            withdraw_items(connection, set(known) - wanted, now=now)

        self._writer.run(work)

    def withdraw(self, ids: Collection[str], *, now: datetime) -> None:
        """Cancelled, or not named by the source any more."""
        self._writer.run(lambda connection: withdraw_items(connection, ids, now=now))

    def remove_withdrawn(self, *, before: datetime) -> int:
        """Delete what was withdrawn before a moment; how many. Exams keep their own copies."""
        gone = sa.delete(schema.worklist_item).where(_item.withdrawn_at < before)
        return self._writer.run(lambda connection: connection.execute(gone).rowcount)

    def items(
        self,
        *,
        start_date_from: str = "",
        start_date_to: str = "",
        source: WorklistSource | None = None,
        limit: int | None = None,
    ) -> list[WorklistItem]:
        """What is shown, by start; start dates DA, inclusive, '' unbounded.

        An item without a start date is in every range.
        """
        statement = _SHOWN.order_by(_item.start_date, _item.start_time, _item.id).limit(limit)
        if start_date_from:
            statement = statement.where(
                sa.or_(_item.start_date == "", _item.start_date >= start_date_from)
            )
        if start_date_to:
            statement = statement.where(_item.start_date <= start_date_to)
        if source is not None:
            statement = statement.where(_item.source == source.value)
        return self._read(statement)

    def item(self, item_id: str) -> WorklistItem | None:
        """One item, withdrawn or not; None where it is unknown."""
        found = self._read(sa.select(_item.item).where(_item.id == item_id))
        return found[0] if found else None

    def of_patient(self, patient_id: str) -> list[WorklistItem]:
        """What is shown of one Patient ID, of any issuer."""
        return self._read(
            _SHOWN.where(_item.patient_id == patient_id).order_by(_item.start_date, _item.id)
        )

    def fetched_at(
        self, source: WorklistSource | None = None, source_name: str | None = None
    ) -> datetime | None:
        """When the newest item came; None where there is none."""
        statement = sa.select(sa.func.max(_item.fetched_at, type_=schema.UtcTime))
        if source is not None:
            statement = statement.where(_item.source == source.value)
        if source_name is not None:
            statement = statement.where(_item.source_name == source_name)
        with reading(self._readers) as connection:
            newest: datetime | None = connection.scalar(statement)
            return newest

    def _read(self, statement: sa.Select[str]) -> list[WorklistItem]:
        with reading(self._readers) as connection:
            texts = connection.execute(statement).scalars().all()
        return [item for text in texts if (item := self._item(text)) is not None]

    def _item(self, text: str) -> WorklistItem | None:
        item = self._remembered.get(text)
        if item is None:
            item = from_json(WorklistItem, text)
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            if item is not None:
                self._remembered[text] = item
        return item


def put_items(connection: sa.Connection, items: Sequence[WorklistItem]) -> None:
    """As WorklistItems.put, in the caller's transaction."""
    if not items:
        return
    added = insert_or(connection, schema.worklist_item)
    changes = {column.name: added.excluded[column.name] for column in _item if column.name != "id"}
    connection.execute(
        added.on_conflict_do_update(index_elements=[_item.id], set_=changes),
        [_values(item) for item in items],
    )


def withdraw_items(connection: sa.Connection, ids: Collection[str], *, now: datetime) -> None:
    """As WorklistItems.withdraw, in the caller's transaction."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), _AT_ONCE):
        connection.execute(
            sa.update(schema.worklist_item)
            .where(_item.id.in_(ordered[start : start + _AT_ONCE]), _item.withdrawn_at.is_(None))
            .values(withdrawn_at=now)
        )


def _values(item: WorklistItem) -> dict[str, object]:
    return {
        "id": item.id,
        "source": item.source.value,
        "source_name": item.source_name,
        "patient_id": item.patient.id,
        "patient_name": item.patient.name,
        "accession_number": item.accession_number.value,
        "study_instance_uid": item.study_instance_uid,
        "modality": item.step.modality,
        "start_date": item.step.start_date,
        "start_time": item.step.start_time,
        "fetched_at": item.fetched_at,
        "withdrawn_at": None,
        "item": to_json(item),
    }
