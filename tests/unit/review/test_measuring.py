"""A measurement is computed from the image itself, kept once, and refused with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from echonode.errors import FieldRefused, UsageError
from echonode.model.instance import StoredInstance
from echonode.model.measurement import Measurement
from echonode.review.measuring import Measuring, checked_label, points_of
from tests.unit.review.test_image_view import cine, region
from tests.unit.store.samples import NOON


class Kept:
    """A store of measurements in a list."""

    def __init__(self) -> None:
        self.rows: list[Measurement] = []

    def add(self, made: Measurement) -> Measurement:
        self.rows.append(made)
        return made

    def delete(self, measurement_id: str, *, at: object, by: str) -> Measurement:
        (row,) = (each for each in self.rows if each.id == measurement_id)
        return row

    def one(self, measurement_id: str) -> Measurement | None:
        return next((each for each in self.rows if each.id == measurement_id), None)

    def of_exam(self, exam_id: str) -> list[Measurement]:
        return [each for each in self.rows if each.exam_id == exam_id]

    def of_instance(self, sop_instance_uid: str) -> list[Measurement]:
        return [each for each in self.rows if each.sop_instance_uid == sop_instance_uid]

    def exam_of(self, sop_instance_uid: str) -> str:
        return "E1" if sop_instance_uid == "1.2.3.4.1" else ""


def instance(uid: str) -> StoredInstance | None:
    if uid not in ("1.2.3.4.1", "1.2.3.4.2"):
        return None
    return StoredInstance(
        sop_class_uid="1.2",
        sop_instance_uid=uid,
        study_instance_uid="1.2",
        series_instance_uid="1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        path=Path("/nowhere"),
        size=0,
        dataset_offset=0,
        dataset_sha256="",
    )


def read(_instance: StoredInstance) -> Dataset:
    return cine(5, SequenceOfUltrasoundRegions=Sequence([region()]))


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def measuring(kept: Kept) -> Measuring:
    return Measuring(kept, find=instance, read=read, now=lambda: NOON)


ASKED: dict[str, Any] = {
    "frame": 5,
    "kind": "distance",
    "points": [[20, 30], [35, 38.0]],
    "label": " Plate  length ",
    "by": "jane",
}


def test_it_is_computed_and_kept_with_its_exam(measuring: Measuring, kept: Kept) -> None:
    """15 columns of 0.2 mm and 8 rows of 0.5 mm are 5 mm."""
    made = measuring.measure("1.2.3.4.1", **ASKED)
    assert kept.rows == [made]
    assert (made.exam_id, made.frame, made.label, made.by) == ("E1", 5, "Plate length", "jane")
    assert made.results[0].value == pytest.approx(5.0)
    assert (made.delta_x_mm, made.delta_y_mm) == (pytest.approx(0.2), pytest.approx(0.5))
    assert made.points == ((20, 30), (35, 38))
    elsewhere = measuring.measure("1.2.3.4.2", **ASKED)
    assert elsewhere.exam_id == ""


def test_an_image_of_another_exam_is_not_there(measuring: Measuring, kept: Kept) -> None:
    """Nor is one that is unknown; nothing is kept."""
    for uid, exam in (("1.2.3.4.1", "E2"), ("1.2.3.4.2", "E1"), ("1.2.9", "")):
        with pytest.raises(UsageError):
            measuring.measure(uid, exam_id=exam, **ASKED)
    assert kept.rows == []


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"frame": 0}, "frame"),
        ({"frame": 6}, "frame"),
        ({"kind": "volume"}, "kind"),
        ({"points": None}, "points"),
        ({"points": [[1, 2], [3]]}, "points"),
        ({"points": [[1, 2], ["3", 4]]}, "points"),
        ({"points": [[1, 2], [True, 4]]}, "points"),
        ({"points": [[1, 2], [float("nan"), 4]]}, "points"),
        ({"points": [[1, 2], [10**400, 4]]}, "points"),
        ({"points": [[20, 30], [500, 30]]}, "points"),
        ({"label": "x" * 65}, "label"),
        ({"label": "a\\b"}, "label"),
        ({"label": "a\x00b"}, "label"),
    ],
)
def test_what_cannot_be_measured_names_its_field(
    measuring: Measuring, kept: Kept, more: dict[str, Any], field: str
) -> None:
    """And keeps nothing."""
    with pytest.raises(FieldRefused) as refused:
        measuring.measure("1.2.3.4.1", **(ASKED | more))
    assert refused.value.field == field
    assert kept.rows == []


def test_one_is_deleted_where_it_was_found(measuring: Measuring, kept: Kept) -> None:
    """Under another exam or image it is not there."""
    kept.rows.append(measuring.measure("1.2.3.4.1", **ASKED))
    made = kept.rows[0]
    for where in ({"exam_id": "E2"}, {"sop_instance_uid": "1.2.3.4.2"}):
        with pytest.raises(UsageError):
            measuring.delete(made.id, by="", **where)
    with pytest.raises(UsageError):
        measuring.delete("M9", by="")
    kept.rows.pop()
    assert measuring.delete(made.id, by="", exam_id="E1") == made
    assert measuring.delete(made.id, by="", sop_instance_uid="1.2.3.4.1") == made


def test_points_and_labels() -> None:
    """Whole numbers are coordinates too; white space in a label is one space."""
    assert points_of([[1, 2.5]]) == [(1.0, 2.5)]
    assert checked_label("a\n\tb") == "a b"
