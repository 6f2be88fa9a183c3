"""A typed patient is one that DICOM can say, or is refused with the field named."""

from __future__ import annotations

from datetime import date

import pytest

from echonode.errors import FieldRefused
from echonode.model.patient import Patient, checked_patient

TODAY = date(2026, 11, 29)
GOOD = {"id": "P-1", "name": "Müller^Jörg", "birth_date": "1970-02-28", "sex": "m"}


def test_a_good_patient_is_taken() -> None:
    """Spaces around values, dashes in the date and a small letter for the sex do no harm."""
    assert checked_patient({**GOOD, "id": " P-1 "}, today=TODAY) == Patient(
        id="P-1", name="Müller^Jörg", birth_date="19700228", sex="M"
    )


def test_birth_date_and_sex_may_be_unknown() -> None:
    """A patient without papers is examined as well."""
    assert checked_patient({"id": "7", "name": "Doe"}, today=TODAY) == Patient(id="7", name="Doe")


@pytest.mark.parametrize(
    ("groups", "name"),
    [
        (
            {"alphabetic": "Yamada^Tarou", "ideographic": "山田^太郎", "phonetic": "やまだ^たろう"},
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
        ({"alphabetic": "Hong^Gildong", "ideographic": "洪^吉洞"}, "Hong^Gildong=洪^吉洞"),
        ({"ideographic": "山田^太郎"}, "=山田^太郎"),
    ],
)
def test_a_name_may_be_given_by_groups(groups: dict[str, str], name: str) -> None:
    """Alphabetic, ideographic and phonetic, as PS3.5 6.2.1 orders them."""
    assert checked_patient({**GOOD, "name": groups}, today=TODAY).name == name


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("id", "", "patient.id"),
        ("id", None, "patient.id"),
        ("id", 7, "patient.id"),
        ("id", "A\\B", "patient.id"),
        ("id", "A\nB", "patient.id"),
        ("id", "x" * 65, "patient.id"),
        ("issuer", "x" * 65, "patient.issuer"),
        ("name", "", "patient.name"),
        ("name", "^^=", "patient.name"),
        ("name", "a=b=c=d", "patient.name"),
        ("name", "a^b^c^d^e^f", "patient.name.alphabetic"),
        ("name", "Doe=" + "x" * 65, "patient.name.ideographic"),
        ("name", {"alphabetic": "a=b"}, "patient.name"),
        ("name", {"latin": "Doe"}, "patient.name.latin"),
        ("name", {"phonetic": 7}, "patient.name.phonetic"),
        ("birth_date", "20260230", "patient.birth_date"),
        ("birth_date", "20261130", "patient.birth_date"),
        ("birth_date", "17000101", "patient.birth_date"),
        ("birth_date", "28.02.1970", "patient.birth_date"),
        ("birth_date", "١٩٧٠٠٢٢٨", "patient.birth_date"),
        ("sex", "X", "patient.sex"),
        ("nickname", "Jo", "patient.nickname"),
    ],
)
def test_a_wrong_value_is_refused_with_its_field(field: str, value: object, named: str) -> None:
    """The person learns which field to correct; the value is not repeated."""
    with pytest.raises(FieldRefused) as refused:
        checked_patient({**GOOD, field: value}, today=TODAY)
    assert refused.value.field == named
    assert refused.value.remedy
    if isinstance(value, str) and len(value) > 10:
        assert value not in str(refused.value)


def test_somebody_born_today_is_taken() -> None:
    """Obstetrics: the day of birth is the day of the exam."""
    assert checked_patient({**GOOD, "birth_date": "20261129"}, today=TODAY).birth_date == "20261129"
