"""The rows above an instance: what belongs to what, and the counts that are kept."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from echonode.model.attributes import ATTRIBUTES
from echonode.model.criteria import Level, Query, Root, Selection, SingleValue
from echonode.store.database import schema
from echonode.store.store import Store
from tests.unit.store.samples import US_IMAGE, US_MULTI_FRAME, dataset, put, put_many


def rows(store: Store, level: Level, **keys: str) -> list[dict[str, str]]:
    criteria = {keyword: SingleValue(value) for keyword, value in keys.items()}
    found = store.index.find(Query(root=Root.PATIENT, level=level, criteria=criteria))
    return [dict(row) for row in found]


def test_a_row_has_every_attribute_of_its_level_and_those_above(store: Store) -> None:
    """Keyword -> string for each, '' where unknown: find_scp needs no other source."""
    put(store, dataset(1))
    for level in Level:
        [row] = rows(store, level)
        wanted = {a.keyword for a in ATTRIBUTES.values() if a.level.depth <= level.depth}
        assert set(row) == wanted
        assert all(isinstance(value, str) for value in row.values())


def test_counts_and_sets_of_lower_levels_are_kept(store: Store) -> None:
    """Number of related studies, series, instances; modalities and classes in the study."""
    put_many(store, 2)
    put(store, dataset(3, SeriesInstanceUID="1.2.3.1.2", Modality="SR"))
    put(store, dataset(4, StudyInstanceUID="1.2.3.2", SOPClassUID=US_MULTI_FRAME))
    [patient] = rows(store, Level.PATIENT)
    assert patient["NumberOfPatientRelatedStudies"] == "2"
    assert patient["NumberOfPatientRelatedSeries"] == "3"
    assert patient["NumberOfPatientRelatedInstances"] == "4"
    [study] = rows(store, Level.STUDY, StudyInstanceUID="1.2.3.1")
    assert study["NumberOfStudyRelatedSeries"] == "2"
    assert study["NumberOfStudyRelatedInstances"] == "3"
    assert study["ModalitiesInStudy"] == "SR\\US"
    assert study["SOPClassesInStudy"] == US_IMAGE
    [series] = rows(store, Level.SERIES, SeriesInstanceUID="1.2.3.1.2")
    assert series["NumberOfSeriesRelatedInstances"] == "1"


def test_a_duplicate_is_not_counted(store: Store) -> None:
    """Counts say what is held, however often it was sent."""
    for _ in range(3):
        put(store, dataset(1))
    [patient] = rows(store, Level.PATIENT)
    assert patient["NumberOfPatientRelatedInstances"] == "1"


def test_patients_are_told_apart_by_id_and_issuer(store: Store) -> None:
    """One Patient ID from two issuers is two people."""
    put(store, dataset(1, IssuerOfPatientID="HOSPITAL"))
    put(store, dataset(2, IssuerOfPatientID="CLINIC", StudyInstanceUID="1.2.3.2"))
    put(store, dataset(3, IssuerOfPatientID="CLINIC", StudyInstanceUID="1.2.3.3"))
    assert [row["IssuerOfPatientID"] for row in rows(store, Level.PATIENT)] == [
        "HOSPITAL",
        "CLINIC",
    ]


def test_patients_without_an_id_are_never_merged(store: Store) -> None:
    """Nothing says that two studies without Patient ID are of one person."""
    put(store, dataset(1, PatientID="", PatientName="Doe^Jane"))
    put(store, dataset(2, PatientID=None, PatientName="Roe^Rick", StudyInstanceUID="1.2.3.2"))
    put(store, dataset(3, PatientID="", PatientName="Doe^Jane"))
    names = sorted(row["PatientName"] for row in rows(store, Level.PATIENT))
    assert names == ["Doe^Jane", "Roe^Rick"]


def test_one_series_uid_in_two_studies_moves_no_instance(store: Store) -> None:
    """Each instance is found in the study that its own dataset names."""
    put(store, dataset(1))
    put(store, dataset(2, StudyInstanceUID="1.2.3.2"))
    assert [
        row["SOPInstanceUID"] for row in rows(store, Level.IMAGE, StudyInstanceUID="1.2.3.2")
    ] == ["1.2.3.4.2"]


def keys(**values: Iterable[str]) -> dict[str, tuple[str, ...]]:
    return {keyword: tuple(uids) for keyword, uids in values.items()}


@pytest.mark.parametrize(
    ("level", "chosen", "found"),
    [
        (Level.PATIENT, keys(PatientID=["P1"]), [1, 2, 3]),
        (Level.STUDY, keys(PatientID=["P1"], StudyInstanceUID=["1.2.3.1"]), [1, 2]),
        (Level.STUDY, keys(StudyInstanceUID=["1.2.3.1", "1.2.3.2"]), [1, 2, 3]),
        (Level.STUDY, keys(PatientID=["P2"], StudyInstanceUID=["1.2.3.1"]), []),
        (Level.SERIES, keys(StudyInstanceUID=["1.2.3.1"], SeriesInstanceUID=["1.2.3.1.2"]), [2]),
        (Level.IMAGE, keys(SOPInstanceUID=["1.2.3.4.3", "1.2.3.4.1", "9.9"]), [1, 3]),
    ],
)
def test_select_finds_what_a_move_names(
    store: Store, level: Level, chosen: dict[str, tuple[str, ...]], found: list[int]
) -> None:
    """Unique keys of each level, lists among them; unknown ones find nothing."""
    put(store, dataset(1))
    put(store, dataset(2, SeriesInstanceUID="1.2.3.1.2"))
    put(store, dataset(3, StudyInstanceUID="1.2.3.2"))
    selection = Selection(root=Root.PATIENT, level=level, keys=chosen)
    numbers = [int(each.sop_instance_uid.split(".")[-1]) for each in store.index.select(selection)]
    assert sorted(numbers) == found


@pytest.mark.slow
def test_a_list_of_uids_may_be_longer_than_a_statement_takes(store: Store) -> None:
    """Forty thousand UIDs in one C-MOVE: each instance once."""
    put_many(store, 3)
    uids = tuple(f"1.2.3.4.{number}" for number in range(40_000, 0, -1))
    selection = Selection(
        root=Root.STUDY,
        level=Level.IMAGE,
        keys={"SOPInstanceUID": uids, "StudyInstanceUID": ("1.2.3.1",)},
    )
    assert len(list(store.index.select(selection))) == 3


def test_a_stream_that_is_dropped_gives_its_connection_back(store: Store) -> None:
    """C-CANCEL and vanished peers leave no cursor open."""
    put_many(store, 3)
    for _ in range(50):
        stream = store.index.find(Query(root=Root.STUDY, level=Level.IMAGE, criteria={}))
        next(iter(stream))
        stream.close()  # type: ignore[attr-defined]  # a generator
    assert store._readers.pool.checkedout() == 0  # type: ignore[attr-defined]  # a QueuePool


@pytest.mark.parametrize(
    "broken",
    [
        {"state": "captured"},
        {"state": "lost"},
        {"state": "committed"},  # without its time
        {"state": "commit_requested"},  # without a transaction
        {"next_attempt_at": None},  # queued, and never due
        {"instance_id": 99},
        {"attempts": -1},
    ],
)
def test_the_database_refuses_a_delivery_that_cannot_be(
    store: Store, broken: dict[str, object]
) -> None:
    """Invariants stand in the schema: no code, not even ours, can break them."""
    put(store, dataset(1), destinations=["pacs"])
    with pytest.raises(IntegrityError):
        store._writer.execute(sa.update(schema.delivery).values(broken))
    assert [row.state for row in store.ledger.rows()] == ["queued"]
