"""dicom-anonymizer on the same files: what it takes away, our copy does not keep."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.tag import BaseTag

from echonode.copies.deidentification.copying import patient_of
from echonode.copies.deidentification.dataset_rules import DatasetRules
from echonode.copies.deidentification.profile import Profile
from echonode.copies.deidentification.profile_table import profile_table
from echonode.copies.deidentification.pseudonyms import Pseudonyms
from tests.support.data_folder import images_folder


def _files() -> list[Path]:
    folder = images_folder()
    return sorted([*(folder / "us").glob("*.dcm"), *(folder / "other").glob("sr_*.dcm")])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # pydicom's, of what vendors write
def test_nothing_that_it_removes_is_left() -> None:
    """Basic profile, top level and sequences, on every ultrasound image and report at hand."""
    anonymizer = pytest.importorskip("dicomanonymizer")
    rules = pytest.importorskip("dicomanonymizer.simpledicomanonymizer").initialize_actions
    for path in _files():
        before = dcmread(path, stop_before_pixels=True, force=True)
        theirs = copy.deepcopy(before)
        anonymizer.anonymize_dataset(theirs, base_rules_gen=lambda: rules("dicomfields_2026c"))
        ours = DatasetRules(Profile(), Pseudonyms(b"k" * 32), patient_of(before)).apply(before)
        left = [
            str(tag)
            for tag, value in _changed(before, theirs)
            if tag in ours and value and ours[tag].value == value
        ]
        assert left == [], path.name


def _changed(before: Dataset, after: Dataset) -> Iterator[tuple[BaseTag, object]]:
    """Attributes of the table whose value the other tool took away or replaced."""
    for tag in before:
        listed = profile_table().row_of(tag.tag) is not None
        if listed and (tag.tag not in after or after[tag.tag].value != tag.value):
            yield tag.tag, tag.value
