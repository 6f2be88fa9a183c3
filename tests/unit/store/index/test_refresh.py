"""The index read again from the files: what it repairs, and what it leaves alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from echonode.errors import StoreLocked
from echonode.model.criteria import Level, Query, Root
from echonode.store.database import schema
from echonode.store.index import refresh as index_refresh
from echonode.store.store import Store
from tests.unit.store.samples import NOON, Clock, dataset, put, put_many, send_all


def rows(store: Store, level: Level) -> list[dict[str, str]]:
    found = store.index.find(Query(root=Root.PATIENT, level=level, criteria={}))
    return sorted((dict(row) for row in found), key=str)


def everything(store: Store) -> list[list[dict[str, str]]]:
    return [rows(store, level) for level in Level]


def silent(done: int, total: int) -> None:
    """No progress is shown."""


def fill(store: Store) -> None:
    """Two patients, three studies, four series, six instances, two modalities."""
    put(store, dataset(1))
    put(store, dataset(2, InstanceNumber="2"))
    put(store, dataset(3, SeriesInstanceUID="1.2.3.1.2", Modality="SR"))
    put(store, dataset(4, StudyInstanceUID="1.2.3.2", SeriesInstanceUID="1.2.3.2.1"))
    other = {"PatientID": "P2", "PatientName": "M\u00fcller^J\u00f6rg=\u5c71\u7530"}
    put(store, dataset(5, StudyInstanceUID="1.2.3.3", SeriesInstanceUID="1.2.3.3.1", **other))
    put(store, dataset(6, StudyInstanceUID="1.2.3.3", SeriesInstanceUID="1.2.3.3.1", **other))


@pytest.mark.slow
def test_reading_a_sound_index_again_changes_nothing(store: Store) -> None:
    """Every row at every level comes out as it was, and no count needs correcting."""
    fill(store)
    before = everything(store)
    report = store.refresh_index(silent)
    assert (report.read, report.unreadable, report.corrected) == (6, 0, 0)
    assert everything(store) == before


@pytest.mark.slow
def test_what_the_index_lost_comes_back_from_the_files(store: Store) -> None:
    """Attributes of all levels, the folded names that searches use, counts and sets."""
    fill(store)
    before = everything(store)
    for table, values in (
        (schema.patient, {"patient_name": "", "patient_name_folded": "", "patient_name_other": ""}),
        (schema.patient, {"number_of_patient_related_instances": 99}),
        (
            schema.study,
            {"study_date": "", "modalities_in_study": "", "sop_classes_in_study": "1.2"},
        ),
        (schema.study, {"number_of_study_related_series": 0}),
        (schema.series, {"modality": "", "number_of_series_related_instances": 7}),
        (schema.instance, {"rows": "", "image_type": "", "irregular": True}),
    ):
        store._writer.execute(sa.update(table).values(values))
    report = store.refresh_index(silent)
    assert everything(store) == before
    assert report.corrected == 2 + 3 + 4 + 3 + 3  # counts of 2, 3 and 4 rows; two sets of 3


@pytest.mark.slow
def test_deliveries_and_promises_stay(store: Store, clock: Clock) -> None:
    """What only the database knows is not made again: nothing is sent or asked for again."""
    put_many(store, 3, "pacs")
    jobs = send_all(store, "pacs", clock())
    store.commitment.transactions.create(
        "pacs", "2.25.7", [jobs[0].id], peer_ae_title="PACS", now=clock()
    )
    before = list(store.ledger.rows())
    store.refresh_index(silent)
    assert list(store.ledger.rows()) == before
    assert [each.transaction_uid for each in store.commitment.transactions.list_open("pacs")] == [
        "2.25.7"
    ]


@pytest.mark.slow
def test_a_file_that_cannot_be_read_leaves_its_rows(store: Store) -> None:
    """It was acknowledged once: the row stays, and the report counts it."""
    fill(store)
    before = everything(store)
    first, second = (store.index.instance(f"1.2.3.4.{number}") for number in (1, 2))
    assert first is not None
    assert second is not None
    first.path.unlink()
    second.path.write_bytes(second.path.read_bytes()[: second.dataset_offset + 30])
    report = store.refresh_index(silent)
    assert (report.read, report.unreadable) == (4, 2)
    assert everything(store) == before


def test_another_patients_instance_in_a_study_does_not_rename_its_patient(store: Store) -> None:
    """Under one Study Instance UID each patient keeps its own attributes."""
    put(store, dataset(1))
    put(store, dataset(2, PatientID="P9", PatientName="Wrong^Person"))
    first = store.index.instance("1.2.3.4.1")
    assert first is not None
    first.path.unlink()
    store.refresh_index(silent)
    names = sorted((row["PatientID"], row["PatientName"]) for row in rows(store, Level.STUDY))
    assert names == [("P1", "Doe^Jane"), ("P9", "Wrong^Person")]


@pytest.mark.slow
def test_progress_is_told_part_by_part(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many are done, of how many."""
    monkeypatch.setattr(index_refresh, "ROWS", vars(index_refresh)["ROWS"].limit(2))
    put_many(store, 5)
    told: list[tuple[int, int]] = []
    store.refresh_index(lambda done, total: told.append((done, total)))
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_a_running_node_keeps_its_index_to_itself(store: Store, data_dir: Path) -> None:
    """The folder's lock decides, as for a second node."""
    with pytest.raises(StoreLocked):
        Store.open(data_dir)


@pytest.mark.slow
@pytest.mark.sqlite
def test_a_lost_database_is_read_from_the_files_with_progress(data_dir: Path, clock: Clock) -> None:
    """Attributes come back whole, and so does what became of each delivery (fault 11)."""
    with Store.open(data_dir, now=clock) as store:
        put_many(store, 4, "pacs")
        send_all(store, "pacs", clock())
        before = everything(store)
    (data_dir / "index.sqlite").unlink()
    clock.time = NOON + timedelta(hours=1)
    told: list[int] = []
    with Store.open(data_dir, now=clock, adopt_to=["pacs"], on_adopted=told.append) as store:
        assert everything(store) == before
        assert store.recovery.report.database_rebuilt
        assert {row.state for row in store.ledger.rows()} == {"sent"}
    assert told == [1, 2, 3, 4]
