"""Patient and study texts are exact or refused; equipment texts are made to fit."""

from __future__ import annotations

import pytest

from echonode.errors import InvalidObject
from echonode.objects.values import checked, cleaned


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("PatientID", "LO", "A" * 64),
        ("PatientName", "PN", "Müller^Jörg=山田^太郎=やまだ^たろう"),
        ("PatientBirthDate", "DA", "20240229"),
        ("PatientBirthDate", "DA", ""),
        ("PatientSex", "CS", "F"),
        ("StudyID", "SH", "E" * 16),
    ],
)
def test_good_values_pass_unaltered(keyword: str, vr: str, value: str) -> None:
    """Nothing is trimmed, folded or replaced."""
    assert checked(keyword, vr, value) == value


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("PatientID", "LO", "A" * 65),
        ("PatientID", "LO", "A\\B"),
        ("PatientID", "LO", "A\x1bB"),
        ("PatientName", "PN", "a=b=c=d"),
        ("PatientName", "PN", "A" * 65),
        ("PatientName", "PN", "a^b^c^d^e^f"),
        ("PatientBirthDate", "DA", "20230229"),
        ("PatientBirthDate", "DA", "1970-02-2"),
        ("PatientBirthDate", "DA", "1970022"),
        ("PatientSex", "CS", "male"),
        ("StudyID", "SH", "E" * 17),
    ],
)
def test_bad_values_are_refused_by_name_and_not_repeated(keyword: str, vr: str, value: str) -> None:
    """The message names attribute and rule; the value, which may be a patient's, is not in it."""
    with pytest.raises(InvalidObject, match=keyword) as refused:
        checked(keyword, vr, value)
    assert "PS3.5" in str(refused.value)
    assert value not in str(refused.value)


@pytest.mark.parametrize(
    ("vr", "value", "fits"),
    [
        ("LO", "PROBE\\V1\x00 \n3.5 MHz", "PROBE V1 3.5 MHz"),
        ("LO", "x" * 80, "x" * 64),
        ("CS", "sector_mech", "SECTOR_MECH"),
        ("CS", "sector-mech", ""),
        ("SH", "  ", ""),
    ],
)
def test_odd_equipment_texts_do_not_cost_an_image(vr: str, value: str, fits: str) -> None:
    """What a probe says of itself on the wire is cut and cleaned to its VR, or left out."""
    assert cleaned(vr, value) == fits
