"""What DICOMweb answers of each instance, made once and kept: its metadata and its frames' places.

Rules
- A description is derived: one that is not there is made when it is asked for, so a stop at any
  moment loses nothing. It is not part of the transaction that stores an instance.
- It is of one file and one form. One of another file (an exam was given its patient) or of an
  earlier EchoNode's form is as good as none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from echonode.model.criteria import Selection
from echonode.model.instance import StoredInstance
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading, streaming
from echonode.store.database.exam_holds import WAITS
from echonode.store.database.rows import JOINED, SELECT_INSTANCES, stored_instance
from echonode.store.files.layout import Layout, file_id_of
from echonode.store.index.query_sql import selected

# Of the metadata's JSON and the frames' encoding. A change of either makes all of them again.
FORM = 1
_ROWS_AT_ONCE = 100
_instance, _description = schema.instance.c, schema.instance_description.c
_VALID = sa.and_(
    _description.instance_id == _instance.id,
    _description.file_id == _instance.file_id,
    _description.form == FORM,
)
_WITH_DESCRIPTION = JOINED.outerjoin(schema.instance_description, _VALID)
_FRAMES = (
    SELECT_INSTANCES.with_only_columns(*SELECT_INSTANCES.selected_columns, _description.frames)
    .select_from(_WITH_DESCRIPTION)
    .where(sa.not_(WAITS))
)
# Built once: making a statement costs more than running it.
_ONE = _FRAMES.where(_instance.sop_instance_uid == sa.bindparam("uid"))
_WHOLE = _FRAMES.add_columns(_description.metadata)
_PLAIN = SELECT_INSTANCES.where(sa.not_(WAITS))
_HASHES = _PLAIN.with_only_columns(_instance.sop_instance_uid, _instance.dataset_sha256)
_MISSING = (
    SELECT_INSTANCES.with_only_columns(*SELECT_INSTANCES.selected_columns, _instance.id)
    .select_from(_WITH_DESCRIPTION)
    .where(_description.instance_id.is_(None), _instance.id > sa.bindparam("after"))
    .order_by(_instance.id)
    .limit(sa.bindparam("most"))
)


@dataclass(frozen=True, kw_only=True)
class Description:
    """metadata: DICOM JSON, compressed. frames: see model/frame_index.py, b'' for none."""

    metadata: bytes
    frames: bytes


@dataclass(frozen=True, kw_only=True)
class Described:
    """An instance that may be retrieved. frames: None where they are to be looked for."""

    instance: StoredInstance
    frames: bytes | None = None


class KeptMetadata(NamedTuple):
    """uids: of study, series and instance. metadata: None where it is to be made of `instance`,
    which is there in that case only.
    """

    uids: tuple[str, str, str]
    metadata: bytes | None
    instance: StoredInstance | None


class Descriptions:
    """Reads and keeps them. Thread-safe."""

    def __init__(self, writer: Writer, readers: sa.Engine, layout: Layout) -> None:
        self._writer = writer
        self._readers = readers
        self._layout = layout

    def instances(self, selection: Selection) -> Iterator[StoredInstance]:
        """What a retrieval names and may leave the node (exam_holds.py); a stream."""
        for row in self._rows(_PLAIN, selection):
            yield stored_instance(row, self._layout)

    def digest(self, selection: Selection) -> tuple[int, str]:
        """How many instances a retrieval names, and a hash over the bytes of all of them."""
        count, digest = 0, hashlib.sha256()
        for row in self._rows(_HASHES, selection):
            count += 1
            digest.update(f"{row.sop_instance_uid} {row.dataset_sha256}\n".encode())
        return count, digest.hexdigest()

    def one(self, selection: Selection) -> Described | None:
        """The one instance that a selection of the IMAGE level names, with its frames."""
        wanted = selection.keys
        (uid,) = wanted["SOPInstanceUID"]
        with reading(self._readers) as connection:
            row = connection.execute(_ONE, {"uid": uid}).first()
        if row is None:
            return None
        found = {
            "StudyInstanceUID": row.study_instance_uid,
            "SeriesInstanceUID": row.series_instance_uid,
        }
        if any(found[keyword] not in wanted.get(keyword, (found[keyword],)) for keyword in found):
            return None
        return Described(instance=stored_instance(row, self._layout), frames=row.frames)

    def with_metadata(self, selection: Selection) -> Iterator[KeptMetadata]:
        """The metadata of what a retrieval names; a stream."""
        for row in self._rows(_WHOLE, selection):
            kept: bytes | None = row.metadata
            yield KeptMetadata(
                (row.study_instance_uid, row.series_instance_uid, row.sop_instance_uid),
                kept,
                stored_instance(row, self._layout) if kept is None else None,
            )

    def missing(self, after: int, *, most: int) -> list[tuple[int, StoredInstance]]:
        """Instances without a description, by the number of their row, after that one."""
        with reading(self._readers) as connection:
            rows = connection.execute(_MISSING, {"after": after, "most": most}).all()
        return [(row.id, stored_instance(row, self._layout)) for row in rows]

    def newest(self) -> int:
        """The number of the last instance's row; 0 where there is none."""
        with reading(self._readers) as connection:
            return connection.scalar(sa.select(sa.func.max(_instance.id))) or 0

    def keep(self, made: Sequence[tuple[int, StoredInstance, Description]]) -> None:
        """Keep descriptions by the rows that `missing` gave. Raises OutOfSpace."""
        rows = [
            {
                "row": row_id,
                "file": file_id_of(instance.path) or "",
                "data": each.metadata,
                "places": each.frames,
            }
            for row_id, instance, each in made
        ]
        if rows:
            self._writer.run(lambda connection: _keep(connection, rows), locking="")

    def forget(self) -> None:
        """All of them are to be made again. Raises OutOfSpace."""
        self._writer.execute(sa.delete(schema.instance_description))

    def _rows(
        self, base: sa.Select[*tuple[object, ...]], selection: Selection
    ) -> Iterator[sa.Row[*tuple[Any, ...]]]:
        for statement in selected(selection, base):
            with (
                streaming(self._readers) as connection,
                closing(connection.execute(statement)) as result,
            ):
                while part := result.fetchmany(_ROWS_AT_ONCE):
                    yield from part


def _keep(connection: sa.Connection, rows: list[dict[str, object]]) -> None:
    # The instance may have been deleted, or its file replaced, since it was read.
    there = sa.exists().where(
        _instance.id == sa.bindparam("row"), _instance.file_id == sa.bindparam("file")
    )
    connection.execute(
        sa.delete(schema.instance_description).where(
            _description.instance_id == sa.bindparam("row")
        ),
        rows,
    )
    connection.execute(
        sa.insert(schema.instance_description).from_select(
            ["instance_id", "file_id", "form", "metadata", "frames"],
            sa.select(
                sa.bindparam("row", type_=sa.Integer),
                sa.bindparam("file", type_=sa.Text),
                sa.literal(FORM),
                sa.bindparam("data", type_=sa.LargeBinary),
                sa.bindparam("places", type_=sa.LargeBinary),
            ).where(there),
        ),
        rows,
    )
