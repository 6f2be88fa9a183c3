"""The list of studies as the store gives it: in order, from any place, of one patient each."""

from __future__ import annotations

import pytest

from echonode.store.index.study_list import Place
from echonode.store.store import Store
from tests.unit.store.samples import dataset, put


@pytest.fixture
def held(store: Store) -> Store:
    for number, (date, time) in enumerate(
        [("20261120", "1200"), ("20261120", "0800"), ("20261122", ""), ("", "")], 1
    ):
        put(
            store,
            dataset(
                number,
                StudyInstanceUID=f"1.2.3.{number}",
                SeriesInstanceUID=f"1.2.3.{number}.1",
                StudyDate=date,
                StudyTime=time,
            ),
        )
    return store


def test_newest_first_and_on_from_a_place(held: Store) -> None:
    """By date, time and row; the place need not be a study's own."""
    rows = list(held.studies.newest())
    assert [row.values["StudyInstanceUID"] for row in rows] == [
        *("1.2.3.3", "1.2.3.1", "1.2.3.2", "1.2.3.4")
    ]
    for index, row in enumerate(rows):
        after = list(held.studies.newest(after=row.place))
        assert after == rows[index + 1 :]
    between = Place(study_date="20261120", study_time="0900", row=0)
    assert list(held.studies.newest(after=between)) == rows[2:]


def test_two_patients_under_one_uid_are_two_studies(held: Store) -> None:
    """Each with its own images."""
    put(
        held,
        dataset(
            9,
            PatientID="P9",
            PatientName="Roe^Rick",
            StudyInstanceUID="1.2.3.1",
            SeriesInstanceUID="1.2.3.1.9",
        ),
    )
    first, second = held.studies.studies("1.2.3.1")
    assert (first.values["PatientID"], second.values["PatientID"]) == ("P1", "P9")
    for row, uid in ((first, "1.2.3.4.1"), (second, "1.2.3.4.9")):
        [instance] = held.studies.instances(row.row)
        assert instance.values["SOPInstanceUID"] == uid
        assert instance.is_here
        assert instance.frames == 1
    assert held.studies.studies("1.2.9") == []


def test_a_word_is_no_pattern_of_sql(held: Store) -> None:
    """Percent, underscore and quotes are themselves."""
    assert len(list(held.studies.newest(words=["doe"]))) == 4
    for word in ("d%e", "d_e", "'", '"', "\\"):
        assert list(held.studies.newest(words=[word])) == [], word
