"""Finds each image's patient again from the files after an upgrade, a part at a time.

An EchoNode before schema version 4 kept everything under one Study Instance UID with the first
patient. Only the files say which rows were affected. The migration leaves a mark; while it exists,
each part reads the files of some hundred rows and moves what belongs to another patient.

Rules
- The position is written with the changes: after an interruption it continues there.
- A file that is gone or cannot be read leaves its rows as they are.
- New instances are stored correctly during that time; reading them too does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from echonode.errors import EchoNodeError
from echonode.model.instance import InstanceRecord
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.files.layout import Layout
from echonode.store.index.moves import place_by_file
from echonode.store.index.stored_records import ROWS, Row, record_of_row

READ_UP_TO = "patients_read_up_to"  # in meta: the row that was read last
_meta = schema.meta.c


@dataclass(frozen=True, kw_only=True)
class Reread:
    """The result of one part. moved: instances that were shown as another patient's.

    unread: those whose file is gone or cannot be read; `reindex` tries them again.
    """

    moved: int
    unread: int


class PatientReread:
    """Used by one thread."""

    def __init__(
        self,
        writer: Writer,
        readers: sa.Engine,
        layout: Layout,
        now: Callable[[], datetime],
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._layout = layout
        self._now = now

    def next_part(self) -> Reread | None:
        """Read the next rows; None where nothing is left to read. Raises OutOfSpace."""
        with reading(self._readers) as connection:
            after = connection.scalar(sa.select(_meta.value).where(_meta["key"] == READ_UP_TO))
            if after is None:
                return None
            part = list(connection.execute(ROWS, {"after": int(after)}).all())
        if not part:
            self._writer.run(forget_reread)
            return None
        records = [(row.id, record) for row in part if (record := self._record(row)) is not None]
        moved = self._writer.run(
            lambda connection: _apply(connection, records, part[-1].id, self._now())
        )
        return Reread(moved=moved, unread=len(part) - len(records))

    def _record(self, row: Row) -> InstanceRecord | None:
        try:
            return record_of_row(self._layout, row)
        except EchoNodeError:
            return None


def _apply(
    connection: sa.Connection,
    records: list[tuple[int, InstanceRecord]],
    read_up_to: int,
    now: datetime,
) -> int:
    """Move each to the patient its file names; returns how many were another patient's."""
    moved = sum(
        place_by_file(connection, instance_id, record, now=now) for instance_id, record in records
    )
    connection.execute(
        sa.update(schema.meta).where(_meta["key"] == READ_UP_TO).values(value=str(read_up_to))
    )
    return moved


def forget_reread(connection: sa.Connection) -> None:
    """Every file has been read: remove the mark."""
    connection.execute(sa.delete(schema.meta).where(_meta["key"] == READ_UP_TO))
