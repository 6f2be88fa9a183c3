"""Who is examined, as DICOM values, and the check of one that a person typed.

Rules
- '' is unknown (type 2). A Patient that a server sent is taken as it came; one that a person types
  is checked, and a wrong value is refused with its field named.
- The check is pure: the present day is an argument.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from echonode.errors import FieldRefused

# PS3.5 6.2: longest values in characters, and the parts of a person's name.
_LONGEST_ID = 64
_MOST_GROUPS, _MOST_COMPONENTS, _LONGEST_GROUP = 3, 5, 64
_SEXES = ("M", "F", "O")  # PS3.3 C.7.1.1
_OLDEST_YEAR = 1850  # an earlier year is a typing error
_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})", re.ASCII)
# Name and beginning of the Patient ID of a patient who has none yet.
UNIDENTIFIED = "UNIDENTIFIED"
NAME_GROUPS = ("alphabetic", "ideographic", "phonetic")
TYPED_FIELDS = ("id", "issuer", "name", "birth_date", "sex")


@dataclass(frozen=True, kw_only=True)
class Identifier:
    """An identifier and who issued it (PS3.3 10.1 and 10.14; HL7 v2 CX and EI).

    issuer: LO or UT, the local namespace. universal_id, universal_id_type: such as an OID and ISO.
    kind: type of a patient's identifier (TEXT, RFID, BARCODE) or HL7's code (MR, SS); '' unknown.
    """

    value: str = ""
    issuer: str = ""
    universal_id: str = ""
    universal_id_type: str = ""
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class Patient:
    """The patient of an exam, as DICOM strings; '' is unknown (type 2).

    name: PN, alphabetic=ideographic=phonetic, with carets. birth_date: YYYYMMDD. sex: M, F, O or
    ''. issuer, issuer_universal_id, issuer_universal_id_type: of the Patient ID (PS3.3 C.7.1.1,
    10.14). size_m, weight_kg: DS. other_ids: without the Patient ID itself. pregnancy_status: US
    0001 to 0004 as a number; None is unknown.
    """

    id: str
    name: str
    birth_date: str = ""
    sex: str = ""
    issuer: str = ""
    issuer_universal_id: str = ""
    issuer_universal_id_type: str = ""
    birth_time: str = ""
    size_m: str = ""
    weight_kg: str = ""
    other_ids: tuple[Identifier, ...] = ()
    other_names: tuple[str, ...] = ()
    ethnic_group: str = ""
    comments: str = ""
    state: str = ""
    special_needs: str = ""
    pregnancy_status: int | None = None
    confidentiality: str = ""


def checked_patient(values: Mapping[str, object], *, today: date) -> Patient:
    """The patient that a person typed: id and name are needed, the others may be left out.

    values: `id`, `issuer`, `name`, `birth_date` (YYYYMMDD or YYYY-MM-DD), `sex`. name: a PN, or its
    groups by name: {"alphabetic": .., "ideographic": .., "phonetic": ..}.
    Raises FieldRefused, which names the first field that is wrong.
    """
    for field in values:
        if field not in TYPED_FIELDS:
            raise FieldRefused(
                f"patient.{field}", "is not a field of a patient", f"give {', '.join(TYPED_FIELDS)}"
            )
    return Patient(
        id=_identifier("id", values.get("id"), needed=True),
        issuer=_identifier("issuer", values.get("issuer"), needed=False),
        name=_name(values.get("name")),
        birth_date=_birth_date(_text("birth_date", values.get("birth_date")), today),
        sex=_sex(_text("sex", values.get("sex"))),
    )


def _text(field: str, value: object) -> str:
    """A value without the spaces around it; None is ''."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FieldRefused(f"patient.{field}", "is not text", "give it as a string")
    text = value.strip()
    if "\\" in text or not text.isprintable():
        raise FieldRefused(
            f"patient.{field}",
            "holds a backslash or a control character",
            "take it out (PS3.5 6.2)",
        )
    return text


def _identifier(field: str, value: object, *, needed: bool) -> str:
    text = _text(field, value)
    if needed and not text:
        raise FieldRefused(f"patient.{field}", "is missing", "type the patient's number")
    if len(text) > _LONGEST_ID:
        raise FieldRefused(
            f"patient.{field}",
            f"has {len(text)} characters",
            f"give at most {_LONGEST_ID} (PS3.5 6.2, VR LO)",
        )
    return text


def _name(value: object) -> str:
    """A PN of one or three groups."""
    if isinstance(value, Mapping):
        for group in value:
            if group not in NAME_GROUPS:
                raise FieldRefused(
                    f"patient.name.{group}",
                    "is not a group of a name",
                    f"give {', '.join(NAME_GROUPS)}",
                )
        groups = [_text(f"name.{group}", value.get(group)) for group in NAME_GROUPS]
        if any("=" in group for group in groups):
            raise FieldRefused("patient.name", "holds '=' within a group", "take it out")
        text = "=".join(groups).rstrip("=")
    else:
        text = _text("name", value)
    if not text.strip("^= "):
        raise FieldRefused("patient.name", "is missing", "type the name as Family^Given")
    groups = text.split("=")
    if len(groups) > _MOST_GROUPS:
        raise FieldRefused(
            "patient.name", f"has {len(groups)} groups", "give at most 3 (PS3.5 6.2, VR PN)"
        )
    for group, said in zip(groups, NAME_GROUPS, strict=False):
        if len(group) > _LONGEST_GROUP or group.count("^") >= _MOST_COMPONENTS:
            raise FieldRefused(
                f"patient.name.{said}",
                "has more than 64 characters or 5 components",
                "shorten it (PS3.5 6.2, VR PN)",
            )
    return text


def _birth_date(text: str, today: date) -> str:
    """YYYYMMDD of a day that is real and not to come; '' where none was typed."""
    if not text:
        return ""
    parts = _DAY.fullmatch(text)
    if parts is None:
        raise FieldRefused("patient.birth_date", "is not a day", "type it as YYYYMMDD")
    try:
        day = date(*(int(part) for part in parts.groups()))
    except ValueError:
        raise FieldRefused(
            "patient.birth_date", "is not in the calendar", "type it as YYYYMMDD"
        ) from None
    if day > today:
        raise FieldRefused("patient.birth_date", "is in the future", "correct the year")
    if day.year < _OLDEST_YEAR:
        raise FieldRefused("patient.birth_date", f"is before {_OLDEST_YEAR}", "correct the year")
    return day.strftime("%Y%m%d")


def _sex(text: str) -> str:
    if text and text.upper() not in _SEXES:
        raise FieldRefused("patient.sex", "is not M, F or O", "leave it out if not known")
    return text.upper()
