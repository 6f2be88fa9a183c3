"""A search's query becomes the identifier that C-FIND's matching reads."""

from __future__ import annotations

import pytest

from echonode.dicomweb.answers import Refused
from echonode.dicomweb.search_parameters import read_search
from echonode.model.criteria import Level, Range, Root, SingleValue, ValueList, Wildcard
from echonode.query_retrieve.identifier import FindIdentifier, read_identifier


def asked(level: Level, *pairs: tuple[str, str]) -> FindIdentifier:
    search = read_search(pairs, level, [])
    return read_identifier(search.identifier, root=Root.STUDY, relational=True, files=True)


@pytest.mark.parametrize(
    ("name", "value", "keyword", "criterion"),
    [
        ("PatientID", "P1", "PatientID", SingleValue("P1")),
        ("00100020", "P1", "PatientID", SingleValue("P1")),
        ("PatientName", "Mü*", "PatientName", Wildcard("Mü*")),
        ("StudyDate", "20260101-20261231", "StudyDate", Range("20260101", "20261231")),
        ("StudyInstanceUID", "1.2,1.3", "StudyInstanceUID", ValueList(("1.2", "1.3"))),
        ("0020000d", "1.2\\1.3", "StudyInstanceUID", ValueList(("1.2", "1.3"))),
        ("ModalitiesInStudy", "US", "ModalitiesInStudy", SingleValue("US")),
        ("PatientName", "Doe, Jane", "PatientName", SingleValue("Doe, Jane")),
    ],
)
def test_attributes_match(name: str, value: str, keyword: str, criterion: object) -> None:
    """By keyword and by tag; a comma separates UIDs alone."""
    assert asked(Level.STUDY, (name, value)).query.criteria == {keyword: criterion}


def test_numbers_and_sequences_match_too() -> None:
    """A number by its value, an attribute in a sequence by its path."""
    found = asked(
        Level.IMAGE, ("Rows", "512"), ("RequestAttributesSequence.ScheduledProcedureStepID", "S1")
    )
    assert found.query.criteria == {"Rows": SingleValue("512")}
    (key,) = found.from_files
    assert key.keyword == "RequestAttributesSequence"
    assert key.items[0].criterion == SingleValue("S1")
    assert asked(Level.IMAGE, ("00400275.00400009", "S1")).from_files == (key,)


def test_what_every_answer_has() -> None:
    """PS3.18 tables 10.6.3-3 to 10.6.3-5, with those above that the path does not name."""
    studies = {each.keyword for each in asked(Level.STUDY).returned}
    assert {"ModalitiesInStudy", "NumberOfStudyRelatedSeries", "PatientSex"} <= studies
    alone = read_search(
        [], Level.IMAGE, [("StudyInstanceUID", "1.2"), ("SeriesInstanceUID", "1.3")]
    )
    found = read_identifier(alone.identifier, root=Root.STUDY, relational=True)
    keywords = {each.keyword for each in found.returned}
    assert {"SOPClassUID", "InstanceNumber", "NumberOfFrames"} <= keywords
    assert "PatientName" not in keywords
    assert {each.keyword for each in asked(Level.IMAGE).returned} >= {"PatientName", "Modality"}


def test_more_fields_on_request() -> None:
    """By name, several with commas, or all; what is no name asks for nothing."""
    found = asked(Level.STUDY, ("includefield", "StudyDescription,00081048,nonsense"))
    assert "StudyDescription" in {each.keyword for each in found.returned}
    assert [key.keyword for key in found.from_files] == ["PhysiciansOfRecord"]
    every = asked(Level.SERIES, ("includefield", "all"))
    assert {"StationName", "StudyDescription", "PatientComments"} <= {
        each.keyword for each in every.returned
    }


def test_pages() -> None:
    """limit and offset are whole numbers."""
    search = read_search([("limit", "10"), ("offset", "20")], Level.STUDY, [])
    assert (search.limit, search.offset, search.fuzzy_names) == (10, 20, False)
    assert read_search([("fuzzymatching", "true")], Level.STUDY, []).fuzzy_names


@pytest.mark.parametrize(
    "pairs",
    [
        [("limit", "x")],
        [("limit", "-1")],
        [("offset", "99999999999")],
        [("limit", "1"), ("limit", "2")],
        [("fuzzymatching", "yes")],
        [("NoSuchAttribute", "1")],
        [("", "1")],
        [("0020000Z", "1")],
        [("00020010", "1.2")],
        [("Rows", "many")],
        [("Rows", "70000")],
        [("PatientID", "1"), ("00100020", "2")],
        [("PatientID.PatientName", "1")],
        [("RequestAttributesSequence", "1")],
        [("PatientID", "1")] * 2000,
    ],
)
def test_a_query_that_cannot_be_is_refused(pairs: list[tuple[str, str]]) -> None:
    """400, in words, before anything is searched."""
    with pytest.raises(Refused) as refused:
        read_search(pairs, Level.STUDY, [])
    assert refused.value.status == 400
