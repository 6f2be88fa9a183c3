"""SQL narrowing never loses a row that query_retrieve/matching would have answered with."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from echonode.model.attributes import ATTRIBUTES
from echonode.model.criteria import Level, Query, Root, SingleValue, Wildcard
from echonode.model.instance import InstanceRecord, Origin
from echonode.query_retrieve.matching import criterion_for, matches
from echonode.store.index.known import look_up
from echonode.store.index.writer import NewInstance, insert_instance
from echonode.store.store import Store
from tests.support.examples import examples
from tests.unit.store.samples import EXPLICIT_LE, NOON, US_IMAGE

NAMES = [
    *("", "Doe^Jane", "DOE^JANE^^^", "doe", "Doe ^ Jane", "Doé^Jané", "O'Doe^J%ne", "Doe^J_ne"),
    *("Yamada^Tarou=山田^太郎=やまだ^たろう", "=山田^太郎", "がく^か", "STRASSE^X", "Straße^X"),
    *("\uff24oe^Jane", "Doe^Jane\\Roe^Rick", "İpek^Y", "김희중", "Doe^^Jane", "^Jane", "a\u0301b"),
]
TEXTS = ["", "A1", "a1", "A1 B2", "A%1", "A_1", "A/1", "A\\1", "x'; --", "ÄB", "A" * 64, "*", "1.2"]
DATES = ["", "20261120", "20261119", "2026.11.20", "20261345", "x", "2026112", "20261120\\20250101"]
MODALITIES = ["", "US", "SR", "us", "US\\SR"]
ROWS = 60


def records() -> Iterator[InstanceRecord]:
    """Rows whose values meet each other in many ways."""
    for n in range(ROWS):
        yield InstanceRecord(
            sop_class_uid=US_IMAGE,
            sop_instance_uid=f"1.2.{n}",
            study_instance_uid=f"1.3.{n // 2}",
            series_instance_uid=f"1.4.{n}",
            transfer_syntax_uid=EXPLICIT_LE,
            frames=1,
            patient={
                "PatientID": TEXTS[n % len(TEXTS)],
                "PatientName": NAMES[n % len(NAMES)],
                "PatientBirthDate": DATES[n % len(DATES)],
                "OtherPatientIDs": "\\".join(TEXTS[n % len(TEXTS)] for n in (n, n + 3)),
                "OtherPatientNames": "\\".join(NAMES[n % len(NAMES)] for n in (n, n + 1)),
            },
            study={
                "StudyInstanceUID": f"1.3.{n // 2}",
                "StudyDate": DATES[(n // 2) % len(DATES)],
                "AccessionNumber": TEXTS[(n // 2) % len(TEXTS)],
                "ReferringPhysicianName": NAMES[(n // 2) % len(NAMES)],
            },
            series={
                "SeriesInstanceUID": f"1.4.{n}",
                "Modality": MODALITIES[n % len(MODALITIES)],
                "OperatorsName": "\\".join(NAMES[n % len(NAMES)] for n in (n, n + 2)),
                "SeriesNumber": ["", "1", "01", "1.0"][n % 4],
            },
            image={
                "SOPInstanceUID": f"1.2.{n}",
                "SOPClassUID": US_IMAGE,
                "ImageType": ["ORIGINAL\\PRIMARY", "DERIVED", ""][n % 3],
                "ContentDate": DATES[n % len(DATES)],
            },
        )


@pytest.fixture(scope="module")
def filled() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        fill(store)
        yield store


def fill(store: Store) -> None:
    """The rows, without files."""
    for number, record in enumerate(records()):
        new = NewInstance(
            record=record,
            file_id=f"{number:032x}",
            size=1,
            dataset_offset=0,
            dataset_sha256=f"{number:064x}",
            origin=Origin.RECEIVED,
            source_ae_title="",
            acquired_at=None,
            stored_at=NOON,
            evidence={},
            destinations=(),
        )
        store._writer.run(partial(_insert, new))


def _insert(new: NewInstance, connection: sa.Connection) -> None:
    insert_instance(connection, new, look_up(connection, new.record))


def everything(store: Store, level: Level) -> list[dict[str, str]]:
    return [
        dict(row) for row in store.index.find(Query(root=Root.PATIENT, level=level, criteria={}))
    ]


KEYWORDS = sorted(ATTRIBUTES)
TEXT_PIECES = [
    *NAMES,
    *TEXTS,
    *DATES,
    *MODALITIES,
    "*",
    "?",
    "^",
    "=",
    "\\",
    "-",
    " ",
    "%",
    "_",
    "1.3.1",
    "d",
]
PIECES = st.sampled_from(TEXT_PIECES)
KEY_VALUES = st.lists(PIECES, min_size=1, max_size=4).map("".join) | st.text(max_size=8)


@pytest.mark.slow
@settings(max_examples=examples(600), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keyword=st.sampled_from(KEYWORDS), value=KEY_VALUES)
@example(keyword="PatientName", value="Doe^*")
@example(keyword="PatientName", value="*^ Jane")
@example(keyword="PatientName", value="doe^jane")
@example(keyword="PatientName", value="山田*")
@example(keyword="PatientName", value="=山田^太郎")
@example(keyword="PatientName", value="strasse*")
@example(keyword="PatientID", value="A%1")
@example(keyword="PatientID", value="A*1")
@example(keyword="AccessionNumber", value="' OR 1=1 --")
@example(keyword="StudyDate", value="2026.11.20")
@example(keyword="StudyDate", value="20261119-20261120")
@example(keyword="StudyDate", value="20261120-20251119")
@example(keyword="ModalitiesInStudy", value="US\\CT")
@example(keyword="ImageType", value="PRIMARY")
@example(keyword="SeriesNumber", value="1")
def test_no_match_is_lost(filled: Store, keyword: str, value: str) -> None:
    """For any key and value: every row that matches is among the candidates."""
    attribute = ATTRIBUTES[keyword]
    criterion = criterion_for(attribute.vr, value)
    query = Query(root=Root.PATIENT, level=attribute.level, criteria={keyword: criterion})
    unique = {"PATIENT": "NumberOfPatientRelatedInstances", "STUDY": "StudyInstanceUID"}.get(
        attribute.level, "SeriesInstanceUID"
    )
    found = [(row[keyword], row["PatientID"], row[unique]) for row in filled.index.find(query)]
    for row in everything(filled, attribute.level):
        if matches(criterion, attribute.vr, row[keyword]):
            assert (row[keyword], row["PatientID"], row[unique]) in found


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientID", "A%1"),
        ("PatientName", "Doe^Jane"),
        ("StudyDate", "20261120"),
        ("AccessionNumber", "A1*"),
        ("SOPInstanceUID", "1.2.7"),
    ],
)
def test_narrowing_narrows(filled: Store, keyword: str, value: str) -> None:
    """Candidates are the rows that match, and those whose values have not the form they should."""
    attribute = ATTRIBUTES[keyword]
    criterion = criterion_for(attribute.vr, value)
    query = Query(root=Root.STUDY, level=Level.IMAGE, criteria={keyword: criterion})
    found = list(filled.index.find(query))
    odd = {*(text for text in TEXTS if "\\" in text), *(d for d in DATES[3:] if d != "20261345")}
    # An image may have come with regular values where its patient's first image had not.
    patients = everything(filled, Level.PATIENT)
    odd |= {row["PatientID"] for row in patients if odd & set(row.values())} - {""}
    assert found
    for row in found:
        assert matches(criterion, attribute.vr, row[keyword]) or odd & set(row.values())


@pytest.mark.slow
@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keyword=st.sampled_from(["PatientName", "PatientBirthDate", "OtherPatientNames"]),
    value=KEY_VALUES,
)
@example(keyword="PatientName", value="Doe^*")
@example(keyword="PatientName", value="=山田^太郎")
@example(keyword="PatientName", value="*Roe*")
@example(keyword="PatientName", value="Doe^Jane\\Yamada*")
def test_no_image_is_lost_under_the_name_it_came_with(
    filled: Store, keyword: str, value: str
) -> None:
    """One Patient ID, several names: each image is found by its own, and shown with it."""
    own = {record.sop_instance_uid: record.patient.get(keyword, "") for record in records()}
    criterion, vr = criterion_for(ATTRIBUTES[keyword].vr, value), ATTRIBUTES[keyword].vr
    query = Query(root=Root.STUDY, level=Level.IMAGE, criteria={keyword: criterion})
    rows = [(row["SOPInstanceUID"], row[keyword]) for row in filled.index.find(query)]
    assert len(rows) == len(set(rows))
    assert all(own[uid] == shown for uid, shown in rows)
    assert {uid for uid, shown in own.items() if matches(criterion, vr, shown)} <= {
        uid for uid, _ in rows
    }


@pytest.mark.slow
def test_a_hostile_pattern_costs_no_time(filled: Store) -> None:
    """Ten thousand wildcards and quotes: answered at once, by few characters of SQL."""
    for pattern in ("*a?" * 3400, "%" * 10_000 + "*", "'\"\\" * 3000 + "?", "\x00*\ud800"):
        for keyword in ("PatientName", "PatientID", "ModalitiesInStudy"):
            criteria = {keyword: Wildcard(pattern)}
            list(filled.index.find(Query(root=Root.PATIENT, level=Level.STUDY, criteria=criteria)))
    lone = {"PatientID": SingleValue("\ud800"), "StudyInstanceUID": SingleValue("\ud800")}
    assert list(filled.index.find(Query(root=Root.STUDY, level=Level.STUDY, criteria=lone))) == []
