"""Search keys without bound: no identifier makes the node compute for a caller that has gone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from echonode.errors import AssociationLost
from echonode.model.criteria import Wildcard
from echonode.query_retrieve.find_scp import FindSCP
from echonode.query_retrieve.key_bounds import LONGEST_VALUE, MOST_KEYS, MOST_VALUES
from echonode.query_retrieve.matching import compile_test
from tests.unit.query_retrieve.test_find_scp import (
    IMAGE,
    STUDY,
    answers,
    identifier,
    on_the_wire,
    request,
    status,
)

UID = "1.2.826.0.1.3680043.8.498"


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        # What an attack sent: patterns of 480 kB and nearly 4 MB, 90,000 patterns in one key.
        ("PatientName", "*a?" * 160_000),
        ("StudyDescription", "?*" * 1_950_000),
        ("PatientID", "\\".join(f"*{number}?" for number in range(90_000))),
        # Just over each limit.
        ("StudyDescription", "x" * (LONGEST_VALUE + 1)),
        ("PatientName", "*" * (LONGEST_VALUE + 1)),
        ("StudyDate", "\\".join(["20260101"] * (MOST_VALUES + 1))),
        ("StudyInstanceUID", "1" * (LONGEST_VALUE + 1)),
        ("Modality", "\\".join(["US"] * (MOST_VALUES + 1))),
    ],
)
def test_a_key_that_no_viewer_sends_is_refused_at_once(keyword: str, value: str) -> None:
    """Over 1,024 characters in a value, or over 64 values in a key, is answered A900."""
    asked = identifier("STUDY")
    asked.add(DataElement(Tag(keyword), "UT", value))  # no client's own check is in the way
    began = time.process_time()
    assert status(asked) == 0xA900
    assert time.process_time() - began < 5


def test_a_key_of_the_most_that_is_allowed_is_served() -> None:
    """64 values, and a value of 1,024 characters, are keys like others."""
    names = "\\".join([*(f"NOBODY{number}" for number in range(MOST_VALUES - 1)), "D?e*"])
    described = "*" * (LONGEST_VALUE - 4) + "men"
    assert len(answers(identifier("STUDY", PatientName=names), STUDY)) == 1
    assert len(answers(identifier("STUDY", StudyDescription=described + "*"), STUDY)) == 1


@pytest.mark.slow
def test_a_list_of_uids_may_be_long() -> None:
    """A viewer may name each image of a large study (C.2.2.2.2): 90,000 UIDs are taken."""
    uids = "\\".join([*(f"{UID}.{number}" for number in range(90_000)), IMAGE["SOPInstanceUID"]])
    keys = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4", "SOPInstanceUID": uids}
    assert len(answers(identifier("IMAGE", **keys), IMAGE)) == 1


@pytest.mark.slow
def test_an_identifier_of_endless_keys_is_refused() -> None:
    """The number of keys is bounded, and so is what they have together."""
    many = Dataset()
    many.QueryRetrieveLevel = "STUDY"
    for number in range(MOST_KEYS + 1):
        many.add(DataElement(Tag(0x0041, number + 0x1000), "LO", ""))
    assert status(many) == 0xA900
    heavy = identifier("STUDY")
    for number in range(300):
        value = "\\".join(["x" * 100] * 60)
        heavy.add(DataElement(Tag(0x0041, number + 0x1000), "UT", value))
    assert status(heavy) == 0xA900


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["*a?" * 1_300_000, "?" * 3_900_000])
def test_compiling_a_pattern_takes_time_in_proportion_to_its_length(pattern: str) -> None:
    """Four megabytes, which once took 40 seconds, take a few at most."""
    began = time.process_time()
    compile_test(Wildcard(pattern), "LT")
    assert time.process_time() - began < 15


def test_a_caller_that_goes_while_rows_are_matched_ends_the_query() -> None:
    """The connection is looked at before each candidate row: no row is matched in vain."""
    matched = 0

    def rows() -> Iterator[Mapping[str, str]]:
        nonlocal matched
        while True:
            matched += 1
            yield STUDY

    def gone() -> bool:
        if matched >= 3:
            raise AssociationLost("gone")
        return False

    asked = identifier("STUDY", PatientName="\\".join(["?*z*?"] * MOST_VALUES))
    made = request(asked)
    scp = FindSCP(lambda query: rows(), ae_title="ECHONODE")
    with pytest.raises(AssociationLost):
        list(scp(type(made)(**{**vars(made), "identifier": on_the_wire(asked), "cancelled": gone})))
    assert matched == 3
