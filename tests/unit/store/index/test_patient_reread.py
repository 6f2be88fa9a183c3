"""A store of an older EchoNode, which merged patients under one study: set right from the files."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from echonode.model.criteria import Level
from echonode.store.index import patient_reread, stored_records
from echonode.store.store import Store
from tests.unit.store.index.test_patients_apart import ALPHA, BETA, STUDY, conflicts, find, named
from tests.unit.store.samples import Clock, dataset, put

# Version 3 knew no other engine.
pytestmark = pytest.mark.sqlite

# As version 3 left it: all under the first patient's study, and the study unique by its UID. Only
# the rows that matter to a merge are put back; the tables' shape is test_migrations' matter.
MERGED = """
UPDATE instance SET series_id = (SELECT min(id) FROM series), own_patient = '';
DELETE FROM series WHERE id > (SELECT min(id) FROM series);
DELETE FROM study WHERE id > (SELECT min(id) FROM study);
DELETE FROM patient WHERE id > (SELECT min(id) FROM patient);
DELETE FROM identity_conflict;
UPDATE series SET own_patient = '', number_of_series_related_instances = 3;
UPDATE study SET own_patient = '', number_of_study_related_series = 1,
    number_of_study_related_instances = 3;
UPDATE patient SET varied = 0, number_of_patient_related_studies = 1,
    number_of_patient_related_series = 1, number_of_patient_related_instances = 3;
INSERT INTO meta (key, value) VALUES ('patients_read_up_to', '0');
"""


@pytest.fixture
def merged(data_dir: Path, clock: Clock) -> Path:
    """One image of Alpha and two of Beta, of which all are shown as Alpha's."""
    with Store.open(data_dir, now=clock) as store:
        put(store, dataset(1, **ALPHA))
        put(store, dataset(2, **BETA), destinations=["pacs"])
        put(store, dataset(3, **BETA))
    with closing(sqlite3.connect(data_dir / "index.sqlite")) as connection:
        connection.executescript(MERGED)
    return data_dir


@pytest.mark.slow
def test_a_merged_study_comes_apart(merged: Path, clock: Clock) -> None:
    """Each patient has a study with its own images and counts; deliveries stay; it is logged."""
    with Store.open(merged, now=clock) as store:
        assert store.recovery.report.patients_set_right == 2
        assert named(find(store, Level.STUDY), "PatientName", "NumberOfStudyRelatedInstances") == [
            ("Alpha^A", "1"),
            ("Beta^B", "2"),
        ]
        counts = ("PatientID", "NumberOfPatientRelatedInstances")
        assert named(find(store, Level.PATIENT), *counts) == [("AAA", "1"), ("BBB", "2")]
        assert conflicts(store) == [("study", STUDY)]
        assert [row.destination for row in store.ledger.rows() if row.destination] == ["pacs"]
        assert store.refresh_index(lambda done, total: None).corrected == 0


@pytest.mark.slow
def test_it_is_done_once(merged: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next start reads no file for it."""
    Store.open(merged, now=clock).close()
    monkeypatch.delattr(patient_reread, "record_of_row")
    with Store.open(merged, now=clock) as store:
        assert store.recovery.report.patients_set_right == 0


@pytest.mark.slow
def test_cut_off_it_goes_on_where_it_was(
    merged: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Part by part: what is moved stays moved, what is not yet comes at the next start."""
    monkeypatch.setattr(patient_reread, "ROWS", stored_records.ROWS.limit(2))
    applied = patient_reread._apply

    def once(*arguments: object) -> int:
        monkeypatch.setattr(patient_reread, "_apply", cut_off)
        return applied(*arguments)  # type: ignore[arg-type]

    def cut_off(*arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(patient_reread, "_apply", once)
    with pytest.raises(KeyboardInterrupt):
        Store.open(merged, now=clock)
    monkeypatch.setattr(patient_reread, "_apply", applied)
    with Store.open(merged, now=clock) as store:
        assert store.recovery.report.patients_set_right == 1
        assert named(find(store, Level.IMAGE), "SOPInstanceUID", "PatientName") == [
            ("1.2.3.4.1", "Alpha^A"),
            ("1.2.3.4.2", "Beta^B"),
            ("1.2.3.4.3", "Beta^B"),
        ]


def test_an_image_that_cannot_be_read_stays_where_it_was(merged: Path, clock: Clock) -> None:
    """Its row is left alone: it was acknowledged once."""
    for path in merged.glob("instances/*/*/*.dcm"):
        if b"Beta^B" in path.read_bytes():
            path.unlink()
    with Store.open(merged, now=clock) as store:
        assert named(find(store, Level.STUDY), "PatientName", "NumberOfStudyRelatedInstances") == [
            ("Alpha^A", "3")
        ]
