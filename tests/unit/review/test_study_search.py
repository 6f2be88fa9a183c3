"""A person finds studies by parts of name, number and order, page by page, and nothing is cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset

from echonode.errors import FieldRefused
from echonode.review.study_search import cursor_of, place_of, search, words_of
from echonode.store.index.study_list import Place
from echonode.store.store import Store
from tests.unit.store.samples import Clock, dataset, put

PEOPLE = [
    ("P1", "Doe^Jane", "A100", "20261120", "115900"),
    ("P2", "Müller^Anna", "A200", "20261121", "080000"),
    ("p3", "Yamada^Tarou=山田^太郎=やまだ^たろう", "B300", "20261121", "093000"),
    ("X9", "Doe^John", "A400", "20261019", ""),
    ("P5", "Roe^Rick", "x_1%", "", ""),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder: Path = tmp_path_factory.mktemp("store")
    with Store.open(folder / "var", now=Clock()) as opened:
        for number, (patient_id, name, accession, date, time) in enumerate(PEOPLE, 1):
            put(
                opened,
                dataset(
                    number,
                    StudyInstanceUID=f"1.2.3.{number}",
                    SeriesInstanceUID=f"1.2.3.{number}.1",
                    PatientID=patient_id,
                    PatientName=name,
                    AccessionNumber=accession,
                    StudyDate=date,
                    StudyTime=time,
                ),
            )
        yield opened


def found(store: Store, text: str = "", date_from: str = "", date_to: str = "") -> list[str]:
    page = search(store.studies, text=text, date_from=date_from, date_to=date_to)
    assert page.next == ""
    return [row.values["PatientID"] for row in page.studies]


def test_the_newest_come_first(store: Store) -> None:
    """By date and time; those without a date last."""
    assert found(store) == ["p3", "P2", "P1", "X9", "P5"]


@pytest.mark.parametrize(
    ("text", "patients"),
    [
        ("doe", ["P1", "X9"]),
        ("jane doe", ["P1"]),
        ("Doe^Jane", ["P1"]),
        ("DOE, jan", ["P1"]),
        ("muller", ["P2"]),
        ("MÜL", ["P2"]),
        ("山田", ["p3"]),
        ("tarou", ["p3"]),
        ("P3", ["p3"]),
        ("a400", ["X9"]),
        ("doe A4", ["X9"]),
        ("x_1%", ["P5"]),
        ("xa1%", []),
        ("%", ["P5"]),
        ("_", ["P5"]),
        ("a?00", ["P2", "P1", "X9"]),
        ("'; DROP TABLE study; --", []),
        ("*", ["p3", "P2", "P1", "X9", "P5"]),
        ("nobody", []),
    ],
)
def test_words_are_parts_of_names_and_numbers(store: Store, text: str, patients: list[str]) -> None:
    """Each word somewhere; names without case and accents; wildcards as in C-FIND."""
    assert found(store, text) == patients


def test_dates_are_inside(store: Store) -> None:
    """From, to, both; as a browser's date field writes them."""
    assert found(store, date_from="2026-11-21") == ["p3", "P2"]
    assert found(store, date_to="20261120") == ["P1", "X9"]
    assert found(store, "doe", "2026-11-20", "2026-11-20") == ["P1"]


@pytest.mark.parametrize("page", [1, 2, 3])
def test_pages_join_without_a_gap(store: Store, page: int) -> None:
    """Every study once, in order, whatever the size of a page; the last says so."""
    seen, cursor = [], ""
    for _ in range(10):
        got = search(store.studies, page=page, cursor=cursor)
        assert len(got.studies) <= page
        seen += [row.values["PatientID"] for row in got.studies]
        cursor = got.next
        if not cursor:
            break
    assert seen == ["p3", "P2", "P1", "X9", "P5"]


def test_a_search_that_finds_little_says_where_to_go_on(store: Store) -> None:
    """It looks at so many and gives what it has; the next page goes on behind."""
    first = search(store.studies, date_to="20991231", text="doe", most_rows=1)
    assert [row.values["PatientID"] for row in first.studies] == ["P1"]
    second = search(store.studies, text="doe", most_rows=1, cursor=first.next)
    assert [row.values["PatientID"] for row in second.studies] == ["X9"]
    assert second.next == ""


def test_a_study_that_was_stored_meanwhile_moves_nothing(store: Store, tmp_path: Path) -> None:
    """The place of a cursor is a study's, not a number of rows."""
    with Store.open(tmp_path / "var", now=Clock()) as other:
        for number in (1, 2, 3):
            put(other, _of_day(number, f"2026110{number}"))
        first = search(other.studies, page=1)
        put(other, _of_day(9, "20261231"))
        rest = search(other.studies, cursor=first.next)
        assert [row.values["StudyDate"] for row in rest.studies] == ["20261102", "20261101"]


def _of_day(number: int, date: str) -> Dataset:
    return dataset(
        number,
        StudyInstanceUID=f"1.2.3.{number}",
        SeriesInstanceUID=f"1.2.3.{number}.1",
        StudyDate=date,
    )


def test_images_under_another_name_are_found_by_it(tmp_path: Path) -> None:
    """A study whose images were named otherwise than the patient's first."""
    with Store.open(tmp_path / "var", now=Clock()) as store:
        put(store, dataset(1))
        put(
            store,
            dataset(
                2,
                PatientName="Roe^Jane",
                StudyInstanceUID="1.2.3.2",
                SeriesInstanceUID="1.2.3.2.1",
            ),
        )
        for name, uid in (("roe", "1.2.3.2"), ("doe", "1.2.3.1")):
            page = search(store.studies, text=name)
            assert [row.values["StudyInstanceUID"] for row in page.studies] == [uid]


def test_what_cannot_be_asked_is_refused_by_its_field(store: Store) -> None:
    """Too long, too many words, no date, no cursor of ours."""
    for more, field in (
        ({"text": "x" * 129}, "text"),
        ({"text": "a b c d e f g h i"}, "text"),
        ({"date_from": "today"}, "from"),
        ({"date_to": "2026-1-1"}, "to"),
    ):
        with pytest.raises(FieldRefused) as refused:
            search(store.studies, **more)  # type: ignore[arg-type]
        assert refused.value.field == field
    for cursor in (
        "x",
        "%%%",
        "W10",
        cursor_of(Place(study_date="", study_time="", row=-1)),
        "A" * 500,
    ):
        with pytest.raises(FieldRefused):
            place_of(cursor)


def test_a_cursor_is_a_place_and_names_no_one() -> None:
    """There and back; it fits into a URL as it is."""
    place = Place(study_date="20261120", study_time="115900.123", row=7)
    cursor = cursor_of(place)
    assert place_of(cursor) == place
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_words() -> None:
    """What separates components of a name separates words; a lone wildcard asks nothing."""
    assert words_of("  Doe^Jane,  A1=b ") == ["Doe", "Jane", "A1", "b"]
    assert words_of("* ?* a*") == ["a*"]
