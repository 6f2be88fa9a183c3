"""Measurements: kept with the exam and the instance that they were made on.

Rules
- A measurement is added or marked as deleted; nothing of it ever changes.
- An instance that a correction made has the pixels of the one it replaces: it shows what was
  measured on that one as well.
- An instance has MOST_STANDING measurements that stand; another one is refused.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from echonode.errors import IndexDamaged, OperatorRefused, UsageError
from echonode.model.measurement import Measurement, MeasurementKind, Result
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.rows import parse_enum

# On one image. A cine with a length on each tenth of its frames has fewer.
MOST_STANDING = 200
_MOST_CORRECTIONS = 50  # of one image, one after the other
_COUNTER_DIGITS = 8
_of = schema.measurement.c
_capture = schema.exam_capture.c


class Measurements:
    """Thread-safe; a change is durable on return. Each raises StoreError."""

    def __init__(self, writer: Writer, readers: sa.Engine) -> None:
        self._writer = writer
        self._readers = readers

    def add(self, made: Measurement) -> Measurement:
        """Keep it; its id is given here. Raises OperatorRefused where there are too many."""

        def work(connection: sa.Connection) -> Measurement:
            standing = connection.scalar(
                sa.select(sa.func.count())
                .select_from(schema.measurement)
                .where(_of.sop_instance_uid == made.sop_instance_uid, _of.deleted_at.is_(None))
            )
            if int(standing or 0) >= MOST_STANDING:
                raise OperatorRefused(
                    f"the image has {MOST_STANDING} measurements: delete one that is not needed"
                )
            added = connection.execute(sa.insert(schema.measurement), _values(made))
            [key] = added.inserted_primary_key or [0]
            return replace(made, id=_id_of(key))

        return self._writer.run(work)

    def delete(self, measurement_id: str, *, at: datetime, by: str) -> Measurement:
        """Mark it as deleted; again it changes nothing. Raises UsageError where it is unknown."""

        def work(connection: sa.Connection) -> Measurement:
            known = connection.execute(_by_id(measurement_id)).first()
            if known is None:
                raise UsageError("there is no such measurement")
            if known.deleted_at is None:
                connection.execute(
                    sa.update(schema.measurement)
                    .where(_of.id == known.id)
                    .values(deleted_at=at, deleted_by=by)
                )
                known = connection.execute(_by_id(measurement_id)).one()
            return _measurement(known)

        return self._writer.run(work)

    def one(self, measurement_id: str) -> Measurement | None:
        """By its id, deleted ones too; None where it is unknown."""
        found = self._read(_by_id(measurement_id))
        return found[0] if found else None

    def of_exam(self, exam_id: str) -> list[Measurement]:
        """All of an exam in the order they were made, deleted ones too."""
        return self._read(sa.select(schema.measurement).where(_of.exam_id == exam_id))

    def of_instance(self, sop_instance_uid: str) -> list[Measurement]:
        """All that show on an instance, in the order they were made, deleted ones too."""
        with reading(self._readers) as connection:
            uids = _with_replaced(connection, sop_instance_uid)
        return self._read(sa.select(schema.measurement).where(_of.sop_instance_uid.in_(uids)))

    def exam_of(self, sop_instance_uid: str) -> str:
        """The exam that an instance is of; '' of one that came from elsewhere."""
        statement = sa.select(_capture.exam_id).where(_capture.sop_instance_uid == sop_instance_uid)
        with reading(self._readers) as connection:
            return str(connection.scalar(statement) or "")

    def _read(self, statement: sa.Select[*tuple[Any, ...]]) -> list[Measurement]:
        with reading(self._readers) as connection:
            return [_measurement(row) for row in connection.execute(statement.order_by(_of.id))]


def _with_replaced(connection: sa.Connection, sop_instance_uid: str) -> list[str]:
    """The instance, and those whose pixels it has: what corrections replaced by it."""
    uids = [sop_instance_uid]
    for _ in range(_MOST_CORRECTIONS):
        before = connection.scalar(
            sa.select(_capture.replaces).where(_capture.sop_instance_uid == uids[-1])
        )
        if not before or before in uids:
            break
        uids.append(before)
    return uids


def _id_of(key: int) -> str:
    return f"M{key:0{_COUNTER_DIGITS}d}"


def _by_id(measurement_id: str) -> sa.Select[*tuple[Any, ...]]:
    digits = measurement_id.removeprefix("M")
    is_one = digits.isascii() and digits.isdecimal() and len(digits) <= 18
    key = int(digits) if is_one and _id_of(int(digits)) == measurement_id else -1
    return sa.select(schema.measurement).where(_of.id == key)


def _values(made: Measurement) -> dict[str, object]:
    return {
        "exam_id": made.exam_id or None,
        "sop_instance_uid": made.sop_instance_uid,
        "frame": made.frame,
        "kind": made.kind.value,
        "points": json.dumps(made.points),
        "results": json.dumps(
            [{"name": r.name, "value": r.value, "unit": r.unit} for r in made.results]
        ),
        "label": made.label,
        "delta_x_mm": made.delta_x_mm,
        "delta_y_mm": made.delta_y_mm,
        "made_at": made.made_at,
        "made_by": made.by,
        "deleted_at": made.deleted_at,
        "deleted_by": made.deleted_by,
    }


def _measurement(row: sa.Row[*tuple[Any, ...]]) -> Measurement:
    try:
        points = tuple((float(x), float(y)) for x, y in json.loads(row.points))
        results = tuple(Result(**each) for each in json.loads(row.results))
    except (TypeError, ValueError):
        raise IndexDamaged("the database holds what is no measurement") from None
    return Measurement(
        id=_id_of(row.id),
        exam_id=row.exam_id or "",
        sop_instance_uid=row.sop_instance_uid,
        frame=row.frame,
        kind=parse_enum(MeasurementKind, row.kind),
        points=points,
        label=row.label,
        results=results,
        delta_x_mm=row.delta_x_mm,
        delta_y_mm=row.delta_y_mm,
        made_at=row.made_at,
        by=row.made_by,
        deleted_at=row.deleted_at,
        deleted_by=row.deleted_by,
    )
