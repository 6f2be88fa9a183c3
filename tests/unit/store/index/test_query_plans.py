"""How SQLite finds what is asked for: EXPLAIN QUERY PLAN of every class of query.

SQLite keeps no statistics here, so it plans by the schema alone: what it says of a small index it
does on one of a million instances.
"""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from echonode.model.attributes import ATTRIBUTES
from echonode.model.criteria import Level, Query, Root, Selection
from echonode.query_retrieve.matching import criterion_for
from echonode.store.database.rows import SELECT_INSTANCES
from echonode.store.index import known as index_known
from echonode.store.index import parents as index_parents
from echonode.store.index import reader as index_reader
from echonode.store.index.query_sql import candidates, own_candidates, selected
from echonode.store.store import Store
from tests.unit.store.samples import dataset, put

pytestmark = pytest.mark.sqlite

STUDY_UID, SERIES_UID, INSTANCE_UID = "1.2.3.1", "1.2.3.1.1", "1.2.3.4.1"


def plan(store: Store, statement: sa.Select[*tuple[Any, ...]]) -> list[str]:
    """The steps, in SQLite's words."""
    compiled = statement.compile(store._readers, compile_kwargs={"render_postcompile": True})
    with store._readers.connect() as connection:
        parameters = tuple(compiled.params[name] for name in compiled.positiontup or ())
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", parameters).all()
    return [str(row[3]) for row in rows]


def query(level: str, keys: dict[str, str]) -> Query:
    """As C-FIND reads it."""
    criteria = {
        keyword: criterion_for(ATTRIBUTES[keyword].vr, value) for keyword, value in keys.items()
    }
    return Query(root=Root.PATIENT, level=Level(level), criteria=criteria)


def scans(steps: list[str]) -> list[str]:
    of_one_row = (
        "SCAN CONSTANT ROW",
        "SCAN asked",
    )  # what known.py joins the rest to
    return [step for step in steps if step.startswith("SCAN") and step not in of_one_row]


@pytest.fixture
def held(store: Store) -> Store:
    put(store, dataset(1))
    return store


@pytest.mark.slow
@pytest.mark.parametrize(
    ("level", "keys"),
    [
        ("PATIENT", {"PatientID": "P1"}),
        ("PATIENT", {"PatientID": "P*"}),
        ("PATIENT", {"PatientID": "P1", "IssuerOfPatientID": "HOSPITAL"}),
        ("PATIENT", {"PatientName": "Doe^Jane"}),
        ("PATIENT", {"PatientName": "Doe*"}),
        ("PATIENT", {"PatientName": "Yamada=*"}),
        ("PATIENT", {"PatientBirthDate": "19700102"}),
        ("PATIENT", {"PatientBirthDate": "19700101-19791231"}),
        ("STUDY", {"StudyInstanceUID": STUDY_UID}),
        ("STUDY", {"StudyInstanceUID": f"{STUDY_UID}\\1.2.3.2\\1.2.3.3"}),
        ("STUDY", {"PatientID": "P1"}),
        ("STUDY", {"PatientName": "Doe*"}),
        ("STUDY", {"PatientBirthDate": "19700102"}),
        ("STUDY", {"StudyDate": "20261120"}),
        ("STUDY", {"StudyDate": "20261101-20261130"}),
        ("STUDY", {"StudyDate": "20261101-"}),
        ("STUDY", {"StudyDate": "-20261101"}),
        ("STUDY", {"AccessionNumber": "A1"}),
        ("STUDY", {"AccessionNumber": "A*"}),
        ("STUDY", {"StudyID": "S1"}),
        ("STUDY", {"ReferringPhysicianName": "Who*"}),
        ("STUDY", {"StudyDate": "20261120", "ModalitiesInStudy": "US"}),
        ("STUDY", {"StudyDate": "20261101-20261130", "PatientName": "Doe*"}),
        ("STUDY", {"StudyDate": "20261101-20261130", "PatientName": "*Jane*"}),
        ("STUDY", {"StudyDate": "20261101-20261130", "StudyDescription": "*abdomen*"}),
        ("STUDY", {"PatientID": "P1", "StudyDate": "20261101-"}),
        ("SERIES", {"StudyInstanceUID": STUDY_UID}),
        ("SERIES", {"StudyInstanceUID": STUDY_UID, "Modality": "US"}),
        ("SERIES", {"SeriesInstanceUID": SERIES_UID}),
        ("SERIES", {"StudyInstanceUID": STUDY_UID, "SeriesInstanceUID": SERIES_UID}),
        ("SERIES", {"PatientID": "P1", "StudyInstanceUID": STUDY_UID}),
        ("SERIES", {"SeriesDate": "20261101-20261130"}),
        ("SERIES", {"PerformedProcedureStepID": "PPS1"}),
        ("IMAGE", {"StudyInstanceUID": STUDY_UID, "SeriesInstanceUID": SERIES_UID}),
        ("IMAGE", {"SeriesInstanceUID": SERIES_UID, "InstanceNumber": "1"}),
        ("IMAGE", {"SOPInstanceUID": INSTANCE_UID}),
        ("IMAGE", {"SOPInstanceUID": f"{INSTANCE_UID}\\1.2.3.4.2"}),
        ("IMAGE", {"StudyInstanceUID": STUDY_UID}),
        ("IMAGE", {"PatientID": "P1"}),
        ("IMAGE", {"StudyDate": "20261120"}),
    ],
)
def test_a_selective_key_never_reads_a_table_or_an_index_through(
    held: Store, level: str, keys: dict[str, str]
) -> None:
    """Identifiers, names, dates and UIDs, alone and with others: SEARCH at every step."""
    steps = plan(held, candidates(query(level, keys)))
    assert steps
    assert not scans(steps), steps


@pytest.mark.parametrize(
    ("level", "keys", "index"),
    [
        ("PATIENT", {"PatientName": "*Jane*"}, "patient_by_name"),
        ("STUDY", {"PatientName": "*Jane*"}, "patient_by_name"),
        ("STUDY", {"PatientName": "?oe^*"}, "patient_by_name"),
        ("STUDY", {"PatientName": "*Jane*", "StudyDate": "20200101-"}, "patient_by_name"),
        ("STUDY", {"PatientName": "*Jane*", "ModalitiesInStudy": "US"}, "patient_by_name"),
        ("STUDY", {"PatientID": "*77"}, "patient_by_id"),
        ("STUDY", {"AccessionNumber": "*77"}, "study_by_accession_number"),
        ("STUDY", {"ReferringPhysicianName": "*Who*"}, "study_by_referring_physician"),
    ],
)
def test_a_key_that_begins_with_a_wildcard_reads_its_index_and_no_table(
    held: Store, level: str, keys: dict[str, str], index: str
) -> None:
    """Nothing else selects: the one index is read through, and each match found by its number."""
    steps = plan(held, candidates(query(level, keys)))
    # SQLite names the list of rows once more where it makes sure of the whole condition.
    assert set(scans(steps)) == {f"SCAN inner USING COVERING INDEX {index}"}, steps


@pytest.mark.parametrize(
    ("level", "keys"),
    [
        ("STUDY", {"PatientName": "Doe*"}),
        ("STUDY", {"PatientName": "*Jane*"}),
        ("SERIES", {"PatientBirthDate": "19700102"}),
        ("IMAGE", {"PatientName": "Doe*"}),
        ("IMAGE", {"PatientName": "Doe*", "StudyInstanceUID": STUDY_UID}),
    ],
)
def test_images_with_a_name_of_their_own_are_found_through_their_patients(
    held: Store, level: str, keys: dict[str, str]
) -> None:
    """The few patients that came with several names, or what else selects; no table is read."""
    steps = plan(held, own_candidates(query(level, keys)))
    assert not scans(steps), steps


@pytest.mark.parametrize("level", list(Level))
def test_a_query_for_everything_sorts_nothing(held: Store, level: Level) -> None:
    """One table is read as it lies, those joined to it by their keys: the first answer is there
    at once, and nothing is kept to be sorted."""
    steps = plan(held, candidates(query(level, {})))
    assert len(scans(steps)) == 1, steps
    assert not [step for step in steps if "TEMP B-TREE" in step]


@pytest.mark.parametrize(
    ("level", "keys"),
    [
        (Level.PATIENT, {"PatientID": ("P1",)}),
        (Level.STUDY, {"StudyInstanceUID": (STUDY_UID, "1.2.3.2")}),
        (Level.STUDY, {"PatientID": ("P1",), "StudyInstanceUID": (STUDY_UID,)}),
        (Level.SERIES, {"StudyInstanceUID": (STUDY_UID,), "SeriesInstanceUID": (SERIES_UID,)}),
        (Level.IMAGE, {"SOPInstanceUID": (INSTANCE_UID, "1.2.3.4.2")}),
    ],
)
def test_a_retrieval_finds_its_instances_by_their_keys(
    held: Store, level: Level, keys: dict[str, tuple[str, ...]]
) -> None:
    """C-MOVE and C-GET, at each level."""
    for statement in selected(Selection(root=Root.STUDY, level=level, keys=keys), SELECT_INSTANCES):
        steps = plan(held, statement)
        assert not scans(steps), steps


def test_storing_an_instance_looks_nothing_up_by_reading_on(held: Store) -> None:
    """The statements that each received instance runs."""
    for statement in (
        index_reader._BY_UID,
        index_reader._VARIED,
        index_known._KNOWN,
        index_known._STUDIES,
        index_parents._SERIES_ELSEWHERE,
        index_parents._PATIENT,
    ):
        steps = plan(held, statement)
        assert not scans(steps), steps
