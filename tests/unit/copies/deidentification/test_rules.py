"""What becomes of texts, dates, private attributes and patients in an anonymised copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from echonode.config.anonymise import AnonymiseOption
from echonode.copies.deidentification.clean_text import clean_text
from echonode.copies.deidentification.copying import Anonymiser, patient_of
from echonode.copies.deidentification.dataset_rules import DatasetRules
from echonode.copies.deidentification.dates import moved_date, moved_date_time
from echonode.copies.deidentification.profile import Profile, kept_tag, profile_of
from echonode.copies.deidentification.profile_table import Option
from echonode.copies.deidentification.pseudonyms import Pseudonyms
from echonode.errors import FieldRefused
from tests.unit.store.samples import dataset

KEY = Pseudonyms(b"k" * 32)


def anonymised(ds: Dataset, *options: str, **more: Sequence[str]) -> Dataset:
    return DatasetRules(profile_of("test", options, **more), KEY, patient_of(ds)).apply(ds)


def test_studies_of_a_patient_stay_together_and_apart_from_others() -> None:
    """The same pseudonym and the same move of dates; references still fit."""
    first = anonymised(dataset(1, StudyDate="20261120"), "retain_modified_dates")
    later = anonymised(
        dataset(2, StudyInstanceUID="1.2.9", StudyDate="20261125"), "retain_modified_dates"
    )
    other = anonymised(dataset(3, PatientID="P2"), "retain_modified_dates")
    assert first.PatientID == later.PatientID == str(first.PatientName) != other.PatientID
    assert int(later.StudyDate) - int(first.StudyDate) in (5, 5 + 100 - 31, 5 + 100 - 30, 74, 75)
    assert first.SeriesInstanceUID == later.SeriesInstanceUID  # one UID, one other
    assert "Jane" not in str(first)


def test_a_reference_names_the_copy_of_what_it_named() -> None:
    """In a presentation state, say."""
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = (
        "1.2.840.10008.1",
        "1.2.3.4.1",
    )
    series = Dataset()
    series.ReferencedSOPSequence = [reference]
    made = anonymised(dataset(9, ReferencedSeriesSequence=[series]))
    image = anonymised(dataset(1))
    [item] = made.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert item.ReferencedSOPInstanceUID == image.SOPInstanceUID != "1.2.3.4.1"
    assert item.ReferencedSOPClassUID == "1.2.840.10008.1"


def test_descriptors_keep_safe_words_only() -> None:
    """The example of PS3.15 E.3.5, note 2; words of the profile stay, too."""
    text = "US chest abdomen pelvis - 55F Dr. Smith, Elmstreet 12"
    assert anonymised(dataset(StudyDescription=text), "clean_descriptors").StudyDescription == (
        "chest abdomen pelvis"
    )
    made = anonymised(dataset(StudyDescription=text), "clean_descriptors", keep_words=["Elmstreet"])
    assert made.StudyDescription == "chest abdomen pelvis Elmstreet"
    assert "StudyDescription" not in anonymised(dataset(StudyDescription=text))
    assert "StudyDescription" not in anonymised(
        dataset(StudyDescription="Smith"), "clean_descriptors"
    )


@pytest.mark.slow
@given(st.text())
def test_no_other_word_and_no_number_is_left(text: str) -> None:
    """Whatever the text is."""
    assert all(clean_text(word) == word for word in clean_text(text).split())
    assert not any(letter.isdigit() for letter in clean_text(text))


@pytest.mark.slow
@given(st.dates(), st.integers(min_value=-3650, max_value=-366))
def test_a_date_moves_by_its_days(day: object, days: int) -> None:
    """And a text in a date's place is not carried over."""
    text = str(day).replace("-", "")
    assert moved_date_time(text + "1122", days)[:-4] == moved_date(text, days)
    assert moved_date("SMITH", days) == "19000101"
    assert moved_date_time("SMITH", days) == "19000101000000"
    assert len(moved_date_time("2026", days)) == 4


def test_private_attributes_stay_by_safe_list_only() -> None:
    """With their creator, in whatever block; all others go, at any depth."""
    ds = dataset()
    block = ds.private_block(0x0119, "SIEMENS Ultrasound SC2000", create=True)
    block.add_new(0x05, "UL", 7)  # in PS3.15 table E.3.10-1
    block.add_new(0x00, "LO", "Smith")  # in the table as well, and a text: not in ours
    block.add_new(0x44, "LO", "Smith")
    mine = ds.private_block(0x0009, "MINE", create=True)
    mine.add_new(0x10, "DS", "1.5")
    kept = anonymised(ds, "retain_safe_private", keep_private=["(0009,xx10) MINE"])
    private = [
        (element.tag.element & 0xFF, element.value) for element in kept if element.tag.is_private
    ]
    assert private == [(0x10, "MINE"), (0x10, 1.5), (0x10, "SIEMENS Ultrasound SC2000"), (0x05, 7)]
    assert not [element for element in anonymised(ds) if element.tag.is_private]


def test_what_is_kept_by_name_stays_and_never_the_patient() -> None:
    """A list cannot keep a name."""
    made = anonymised(dataset(StudyDescription="Study 7"), keep=["StudyDescription"])
    assert made.StudyDescription == "Study 7"
    with pytest.raises(FieldRefused, match="names the patient"):
        kept_tag("PatientName")
    with pytest.raises(FieldRefused, match="as a keyword"):
        kept_tag("PatientsName")


def test_the_copy_says_what_was_done() -> None:
    """Patient Identity Removed, the codes of CID 7050, and what became of dates."""
    words = {
        "": "REMOVED",
        "retain_full_dates": "UNMODIFIED",
        "retain_modified_dates": "MODIFIED",
    }
    for option, word in words.items():
        profile = profile_of("x", [option] if option else [])
        made = Anonymiser(profile, KEY, explicit=None, workers=None).anonymised(  # type: ignore[arg-type]  # of pixels alone
            dataset(), masked=True
        )
        assert made.PatientIdentityRemoved == "YES"
        assert made.LongitudinalTemporalInformationModified == word
        values = [item.CodeValue for item in made.DeidentificationMethodCodeSequence]
        assert values[:2] == ["113100", "113101"]
        assert len(values) == 2 + bool(option)


def test_full_and_modified_dates_exclude_each_other() -> None:
    """Both at once say nothing."""
    with pytest.raises(FieldRefused, match="choose one of them"):
        Profile(options=frozenset({Option.FULL_DATES, Option.MODIFIED_DATES}))


def test_the_configuration_knows_every_option() -> None:
    """By the same names."""
    assert set(get_args(AnonymiseOption)) == {option.value for option in Option}
