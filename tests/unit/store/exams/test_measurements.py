"""Measurements outlive a restart to the last bit; a deleted one stays, marked."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from echonode.errors import OperatorRefused, UsageError
from echonode.model.measurement import Measurement, MeasurementKind, Result
from echonode.store.database import schema
from echonode.store.exams import measurements as module
from echonode.store.exams.captures import Taken
from echonode.store.store import Store
from tests.unit.store.samples import NOON, Clock

MADE = Measurement(
    id="",
    exam_id="",
    sop_instance_uid="1.2.3.4.1",
    frame=3,
    kind=MeasurementKind.DISTANCE,
    points=((0.1 + 0.2, 1 / 3), (200.5, math.pi)),
    label='Plate; its "length" Länge',
    results=(Result(name="length", value=61.000000000000014, unit="mm"),),
    delta_x_mm=0.1 + 0.2,
    delta_y_mm=0.25,
    made_at=NOON,
    by="jane",
)


def capture(store: Store, number: int) -> str:
    """An exam's capture, without its file; the exam's id."""
    taken = Taken(
        sop_instance_uid=f"1.2.3.4.{number}",
        probe="hand",
        connection_id="c1",
        acquisition_number=number,
        connected_at=NOON,
    )
    exam, _ = store.captures.place_unattended(taken, at=NOON)
    return exam.id


def test_it_is_read_back_as_it_was_made(store: Store, data_dir: Path) -> None:
    """To the last bit, by its id, also by a store that was opened again."""
    kept = store.measurements.add(MADE)
    assert kept == replace(MADE, id="M00000001")
    store.close()
    with Store.open(data_dir, now=Clock()) as again:
        assert again.measurements.one("M00000001") == kept
        assert again.measurements.of_instance("1.2.3.4.1") == [kept]
        store.close = lambda: None  # type: ignore[method-assign]  # the fixture closes it once more


def test_a_deleted_one_is_marked_and_stays(store: Store) -> None:
    """With who and when; a second deletion changes nothing; an unknown one is refused."""
    kept = store.measurements.add(MADE)
    gone = store.measurements.delete(kept.id, at=NOON, by="joe")
    assert (gone.deleted_at, gone.deleted_by) == (NOON, "joe")
    assert store.measurements.delete(kept.id, at=NOON, by="someone else") == gone
    assert store.measurements.of_instance("1.2.3.4.1") == [gone]
    for unknown in ("M00000002", "M1", "M1 OR 1=1", "", "M" + "9" * 40):
        with pytest.raises(UsageError):
            store.measurements.delete(unknown, at=NOON, by="")


def test_an_exam_has_those_of_its_instances(store: Store) -> None:
    """In the order they were made."""
    exam_id = capture(store, 1)
    capture(store, 2)
    assert store.measurements.exam_of("1.2.3.4.2") == exam_id
    assert store.measurements.exam_of("1.2.3.4.9") == ""
    first = store.measurements.add(replace(MADE, exam_id=exam_id, sop_instance_uid="1.2.3.4.2"))
    second = store.measurements.add(replace(MADE, exam_id=exam_id))
    store.measurements.add(replace(MADE, sop_instance_uid="1.2.3.4.9"))
    assert store.measurements.of_exam(exam_id) == [first, second]


def test_what_replaces_an_image_shows_its_measurements(store: Store) -> None:
    """The pixels are the same (PS3.3 C.12.1: another UID); not the other way round."""
    capture(store, 1)
    capture(store, 2)
    captures = schema.exam_capture
    store._writer.execute(
        sa.update(captures)
        .where(captures.c.sop_instance_uid == "1.2.3.4.2")
        .values(replaces="1.2.3.4.1")
    )
    first = store.measurements.add(MADE)
    second = store.measurements.add(replace(MADE, sop_instance_uid="1.2.3.4.2"))
    assert store.measurements.of_instance("1.2.3.4.2") == [first, second]
    assert store.measurements.of_instance("1.2.3.4.1") == [first]


def test_an_image_has_a_limit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deleted ones do not count."""
    monkeypatch.setattr(module, "MOST_STANDING", 2)
    first, _ = store.measurements.add(MADE), store.measurements.add(MADE)
    with pytest.raises(OperatorRefused, match="delete one"):
        store.measurements.add(MADE)
    store.measurements.delete(first.id, at=NOON, by="")
    store.measurements.add(MADE)
