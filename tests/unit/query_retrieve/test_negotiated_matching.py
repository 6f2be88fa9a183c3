"""What extended negotiation changes: combined date-time matching and fuzzy names (C.5.1.1.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echonode.model.criteria import Query
from echonode.query_retrieve.combined_date_time import PAIRS
from echonode.query_retrieve.find_scp import FindSCP
from echonode.query_retrieve.fuzzy_name import compile_fuzzy_name, soundex
from echonode.query_retrieve.person_name import compile_name
from tests.unit.query_retrieve.test_find_scp import STUDY, identifier, request


def found(row_keys: dict[str, str], asked_keys: dict[str, Any], **options: Any) -> bool:
    scp = FindSCP(lambda query: iter([{**STUDY, **row_keys}]), ae_title="ECHONODE")
    made = replace(
        request(identifier("STUDY", SpecificCharacterSet="ISO_IR 192", **asked_keys)), **options
    )
    return bool(list(scp(made)))


@pytest.mark.parametrize(
    ("dates", "times", "day", "clock", "apart", "combined"),
    [
        # The standard's example: from the 5th at 10:00 to the 7th at 18:00.
        ("20060705-20060707", "1000-1800", "20060705", "0959", False, False),
        ("20060705-20060707", "1000-1800", "20060705", "2300", False, True),
        ("20060705-20060707", "1000-1800", "20060706", "0300", False, True),
        ("20060705-20060707", "1000-1800", "20060706", "1200", True, True),
        ("20060705-20060707", "1000-1800", "20060707", "1801", False, False),
        ("20060705-20060707", "1000-1800", "20060708", "1200", False, False),
        ("20060705-20060707", "1000-1800", "2006.07.06", "03:00", False, True),
        ("20060705-", "1000-", "20060706", "0300", False, True),
        ("-20060705", "-1000", "20060704", "2300", False, True),
        # Not the same form of range, or no range: each key by itself.
        ("20060705-20060707", "1000-", "20060706", "0300", False, False),
        ("20060706", "1000-1800", "20060706", "0300", False, False),
        # Without a time it is not known when.
        ("20060705-20060707", "1000-1800", "20060706", "", False, False),
        ("20060705-2006070", "1000-1800", "20060706", "1200", False, False),
    ],
)
def test_a_date_and_its_time_are_one_range_where_that_was_negotiated(
    dates: str, times: str, day: str, clock: str, apart: bool, combined: bool
) -> None:
    """Else a night within a range of days is outside its range of hours."""
    row = {"StudyDate": day, "StudyTime": clock}
    asked = {"StudyDate": dates, "StudyTime": times}
    assert found(row, asked) is apart
    assert found(row, asked, combined_date_time=True) is combined


def test_every_date_of_the_index_has_its_time() -> None:
    """All pairs that a query may ask for are combined."""
    assert PAIRS["StudyDate"] == "StudyTime"
    assert len(PAIRS) == 7


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("jane doe", "Doe^Jane^^Dr", True),
        ("Jane^Doe", "Doe^Jane", True),
        ("Meyer", "MAIER^Anna", True),
        ("smyth^jon", "Smith^John", True),
        ("Muller", "Müller^Jürgen", True),
        ("OBrien", "O'Brien^Pat", True),
        ("Jean", "Dupont^Jean-Pierre", True),
        ("Jan", "Doe^Jane", True),
        ("山田", "Yamada^Tarou=山田^太郎=やまだ^たろう", True),
        ("D*e^Jane", "Doe^Jane", True),
        ("jane d?e", "Doe^Jane", True),
        ("Miller", "Doe^Jane", False),
        ("jane miller", "Doe^Jane", False),
        ("Do", "Day^Jane", False),  # short words do not sound alike
        ("Doe", "", False),
    ],
)
def test_a_name_is_found_by_what_it_means_where_that_was_negotiated(
    key: str, value: str, expected: object
) -> None:
    """Words in any order, by their beginning or sound, without case and accents."""
    assert found({"PatientName": value}, {"PatientName": key}, fuzzy_names=True) is expected


def test_without_the_negotiation_names_stay_literal() -> None:
    """Order and spelling count."""
    assert not found({"PatientName": "Doe^Jane"}, {"PatientName": "jane doe"})
    assert not found({"PatientName": "Maier"}, {"PatientName": "Meyer"})


def test_the_store_does_not_narrow_by_a_fuzzy_name() -> None:
    """It compares names literally and would lose matches; other keys still narrow."""
    asked: list[Query] = []

    def find(query: Query) -> Iterator[Mapping[str, str]]:
        asked.append(query)
        return iter([STUDY])

    keys = {"PatientName": "jane doe", "StudyDate": "20260705"}
    scp = FindSCP(find, ae_title="ECHONODE")
    assert len(list(scp(replace(request(identifier("STUDY", **keys)), fuzzy_names=True)))) == 1
    assert set(asked[0].criteria) == {"StudyDate"}


@pytest.mark.parametrize(
    ("word", "code"),
    [("robert", "r163"), ("rupert", "r163"), ("tymczak", "t522"), ("pfister", "p236"),
     ("honeyman", "h555"), ("ashcraft", "a261"), ("lee", "l000")],
)  # fmt: skip
def test_soundex_is_the_american_one(word: str, code: str) -> None:
    """The examples of the United States National Archives."""
    assert soundex(word) == code


@pytest.mark.slow
@given(key=st.text(max_size=12), value=st.text(max_size=20))
def test_what_matches_literally_matches_by_meaning_too(key: str, value: str) -> None:
    """Fuzzy matching finds more, never less."""
    if compile_name(key)(value):
        assert compile_fuzzy_name(key)(value)
