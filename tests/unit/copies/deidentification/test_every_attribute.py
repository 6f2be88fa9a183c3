"""A canary in every attribute of PS3.15 table E.1-1: none is left, and what must stay stays."""

from __future__ import annotations

import pytest
from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag
from pydicom.uid import UltrasoundImageStorage

from echonode.copies.deidentification.dataset_rules import DatasetRules
from echonode.copies.deidentification.profile import Profile, profile_of
from echonode.copies.deidentification.profile_table import Option, profile_table
from echonode.copies.deidentification.pseudonyms import Patient, Pseudonyms
from tests.unit.copies.deidentification.canaries import (
    element,
    full_dataset,
    innermost,
    is_left,
    leaves,
    plain_rows,
    vr_of,
)

ENHANCED_VOLUME = "1.2.840.10008.5.1.4.1.1.6.2"
PROFILES = [frozenset[Option](), *(frozenset({option}) for option in Option)]
EVERYTHING = frozenset(Option) - {Option.FULL_DATES}


def anonymised(dataset: Dataset, profile: Profile) -> Dataset:
    return DatasetRules(profile, Pseudonyms(b"k" * 32), Patient(patient_id="12")).apply(dataset)


@pytest.mark.slow
@pytest.mark.parametrize("sop_class", [UltrasoundImageStorage, ENHANCED_VOLUME])
@pytest.mark.parametrize("depth", [0, 3])
@pytest.mark.parametrize("options", [*PROFILES, EVERYTHING], ids=lambda o: "+".join(sorted(o)))
def test_no_canary_is_left_and_what_must_stay_stays(
    options: frozenset[Option], depth: int, sop_class: str
) -> None:
    """Under each option, at each depth, whatever the class: every row of the table, and private
    attributes."""
    made = anonymised(
        full_dataset(depth=depth, sop_class_uid=sop_class), profile_of("test", options)
    )
    left = list(leaves(made))
    at_depth = innermost(made)
    assert not any("CNRYPRIVATE" in value for value in left)
    for row, tag in plain_rows():
        stays = row.action(options) == "K"
        if stays and vr_of(tag) == "SQ":
            assert tag in at_depth, row
        elif stays:
            assert at_depth[tag].value == element(tag).value, row
        elif row.action(options) == "C" and vr_of(tag) == "TM":
            assert at_depth[tag].value == element(tag).value  # dates move by whole days
        else:
            assert not is_left(tag, left), (row, options)


def test_every_row_of_the_table_is_tested() -> None:
    """But for those of commands and file meta information, which are in no dataset, and those of
    private attributes, overlays and curves, which are tested as such."""
    tested = {row.tag for row, _ in plain_rows()}
    assert {row.tag for row in profile_table().rows} - tested == {
        *("0000,1000", "0000,1001", "0002,0003"),
        *("50xx,xxxx", "60xx,3000", "60xx,4000", "gggg,eeee"),
    }


@pytest.mark.parametrize("options", PROFILES, ids=lambda o: "+".join(sorted(o)))
def test_an_attribute_that_no_table_here_knows_is_removed(options: frozenset[Option]) -> None:
    """Of a later edition than the data dictionary: with its VR, or read without one (UN), as are
    those of the table that the dictionary lacks."""
    later = Dataset()
    for tag in (0x00080FFE, 0x00100099, 0x0018FFFE, 0x0040BFFE):
        later.add_new(tag, "LO", "CNRYNEW")
    for _, tag in plain_rows():
        if not dictionary_has_tag(tag):
            later.add_new(tag, "UN", b"CNRYNEW")
    assert len(later) > 20
    made = anonymised(later, profile_of("test", options))
    assert not any("CNRYNEW" in value for value in leaves(made))


def test_the_rows_of_the_newest_edition_follow_their_options() -> None:
    """The 35 that came after 2025, among them names to use, diagnoses and gender identity."""
    rows = {row.tag: row for row in profile_table().rows}
    added = {
        Option.DESCRIPTORS: "0008,1301 0008,1302 0008,1303 0008,1304 0010,0016 0010,0042 0010,0045 "
        "003A,0020 003A,0203 003A,020C 0040,0556 0040,B03B 0040,B03F 0070,0006",
        Option.PATIENT: "0010,0042 0010,0043 0010,0046 0010,0047 0010,2161 0010,2162",
        Option.DEVICE: "0018,1010 0018,1011",
        Option.FULL_DATES: "0040,A034 0040,A035 0040,B034 0040,B036",
        Option.MODIFIED_DATES: "0040,A034 0040,A035 0040,B034 0040,B036",
        Option.STRUCTURED: "0040,B020",
        Option.UIDS: "300A,0054",
    }
    without = "0010,0011 0010,0012 0010,0013 0010,0014 0010,0015 0010,0041 0010,0044 0040,E012"
    named = {tag for tags in [*added.values(), without] for tag in tags.split()}
    assert len(named) == 35
    for option in Option:
        here = {tag for tag in named if option in rows[tag].options}
        assert here == set(added.get(option, "").split()), option


def test_the_table_is_whole() -> None:
    """As many rows as edition 2026c has, and each option has its rows."""
    rows = profile_table().rows
    assert len(rows) == 656
    assert len({row.tag for row in rows}) == len(rows)
    counts = {option.value: sum(option in row.options for row in rows) for option in Option}
    assert counts == {
        "retain_safe_private": 1,
        "retain_uids": 60,
        "retain_device_identity": 59,
        "retain_institution_identity": 10,
        "retain_patient_characteristics": 19,
        "retain_full_dates": 169,
        "retain_modified_dates": 169,
        "clean_descriptors": 140,
        "clean_structured_content": 4,
        "clean_graphics": 4,
    }


def test_the_basic_profile_is_the_one_of_another_tool() -> None:
    """dicom-anonymizer has the standard's table of edition 2026c: row by row the same action."""
    database = pytest.importorskip(
        "dicomanonymizer.dicom_anonymization_databases.dicomfields_2026c"
    )
    theirs = {
        tag: name.removesuffix("_TAGS").replace("_STAR", "*").replace("_", "/")
        for name in dir(database)
        if name.endswith("_TAGS") and name != "ALL_TAGS"
        for tag in getattr(database, name)
        if len(tag) == 2
    }
    ours = {
        (int(row.tag[:4], 16), int(row.tag[5:], 16)): row.basic
        for row in profile_table().rows
        if "x" not in row.tag and "g" not in row.tag
    }
    assert ours == theirs
