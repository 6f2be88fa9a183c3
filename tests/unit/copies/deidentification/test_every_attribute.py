"""A canary in every attribute of PS3.15 table E.1-1: none is left, and what must stay stays."""

from __future__ import annotations

import pytest
from pydicom import Dataset
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
    """But for those of commands and file meta information, which are in no dataset, and those that
    the data dictionary here does not know, which are removed for that."""
    tested = {row.tag for row, _ in plain_rows()}
    others = [row.tag for row in profile_table().rows if row.tag not in tested]
    assert {tag for tag in others if tag.startswith(("0000", "0002"))} == {
        *("0000,1000", "0000,1001", "0002,0003")
    }
    unknown = Dataset()
    for tag in others:
        if "x" not in tag and tag[:4] not in ("0000", "0002", "gggg"):
            unknown.add_new(int(tag.replace(",", ""), 16), "LO", "CNRYNEW")
    assert len(unknown) > 20
    for options in PROFILES:
        made = anonymised(unknown, profile_of("test", options))
        assert not any("CNRYNEW" in value for value in leaves(made))


def test_the_table_is_whole() -> None:
    """As many rows as edition 2026c has, and each option has its rows."""
    rows = profile_table().rows
    assert len(rows) == 656
    assert len({row.tag for row in rows}) == len(rows)
    counts = {option.value: sum(option in row.options for row in rows) for option in Option}
    assert counts == {
        "retain_safe_private": 1,
        "retain_uids": 59,
        "retain_device_identity": 57,
        "retain_institution_identity": 10,
        "retain_patient_characteristics": 13,
        "retain_full_dates": 165,
        "retain_modified_dates": 165,
        "clean_descriptors": 125,
        "clean_structured_content": 3,
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
