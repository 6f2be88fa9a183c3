"""PID and its kind -> the patient (IHE RAD TF-2 4.1 and 4.12; PS3.3 C.7.1.1).

Rules
- The table is the code and the documentation: docs/hl7.md is made from it.
- A row gives None where the message says nothing: what is known of the patient stays. '' is HL7's
  null: the attribute becomes empty.
- Allergies (AL1) are left out on purpose; see model/worklist_item.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from echonode.exam.hl7 import data_types
from echonode.exam.hl7.message import REQUIRED_FIELD_MISSING, Segment
from echonode.model.patient import Identifier, Patient

# Which of several identifiers is the Patient ID: the medical record number, else the patient's
# internal one (table 0203), else the first.
_KINDS = ("MR", "PI")
_PREGNANT = "B6"  # table 0009
_DEFINITELY_PREGNANT = 4  # PS3.3 C.7.1.1, (0010,21C0)
_WEIGHT_CODES = ("3141-9", "29463-7")  # LOINC
_SIZE_CODES = ("3137-7", "8302-2")
_UNITS = {"kg": 1.0, "g": 0.001, "m": 1.0, "cm": 0.01}


@dataclass(frozen=True)
class PatientSegments:
    """The segments that speak of one patient."""

    pid: Segment
    pv1: Segment | None = None
    observations: tuple[Segment, ...] = field(default=())


@dataclass(frozen=True)
class PatientRow:
    """attribute: of model.patient.Patient. hl7, tag, keyword: as the standards write them."""

    attribute: str
    hl7: str
    tag: str
    keyword: str
    read: Callable[[PatientSegments], object | None]


def patient_id(segment: Segment, number: int = 3) -> Identifier:
    """The Patient ID of a list of identifiers. Raises Hl7Refused where there is none."""
    found = identifiers(segment, number)
    if not found:
        raise segment.fault(
            "is missing: no patient without an ID", number, 1, code=REQUIRED_FIELD_MISSING
        )
    return next((each for kind in _KINDS for each in found if each.kind == kind), found[0])


def identifiers(segment: Segment, number: int) -> list[Identifier]:
    """Every identifier of a field that has a value."""
    found = [data_types.cx(segment, number, each) for each in segment.repetitions(number)]
    return [each for each in found if each.value and each.value != '""']


def said_of(segments: PatientSegments) -> dict[str, object]:
    """Attribute -> what the message says of it; without the Patient ID. Raises Hl7Refused."""
    values = {row.attribute: row.read(segments) for row in PATIENT_ROWS if row.attribute != "id"}
    return {attribute: value for attribute, value in values.items() if value is not None}


def patient_of(segments: PatientSegments) -> Patient:
    """The patient of a message alone. Raises Hl7Refused."""
    values: dict[str, object] = {"name": "", **said_of(segments)}
    return Patient(id=patient_id(segments.pid).value, **values)  # type: ignore[arg-type]  # by the table


def _other_ids(of: PatientSegments) -> tuple[Identifier, ...] | None:
    chosen = patient_id(of.pid)
    return tuple(each for each in identifiers(of.pid, 3) if each != chosen) or None


def _pregnancy(of: PatientSegments) -> int | None:
    if of.pv1 is None:
        return None
    told = [of.pv1.text(15, repetition=number) for number in of.pv1.repetitions(15)]
    return _DEFINITELY_PREGNANT if _PREGNANT in told else None


def _special_needs(of: PatientSegments) -> str | None:
    if of.pv1 is None:
        return None
    told = [of.pv1.text(15, repetition=number) for number in of.pv1.repetitions(15)]
    return data_types.clean(" ".join(each for each in told if each != _PREGNANT)) or None


def _cleaned(
    number: int, longest: int, *, segment: str = "pid"
) -> Callable[[PatientSegments], str | None]:
    def read(of: PatientSegments) -> str | None:
        where: Segment | None = getattr(of, segment)
        said = where.said(number) if where is not None else None
        return None if said is None else data_types.clean(said, longest)

    return read


def _measured(
    codes: tuple[str, ...], units: tuple[str, ...]
) -> Callable[[PatientSegments], str | None]:
    """A numeric observation in one of the units that we know, as DS in kg or m."""

    def read(of: PatientSegments) -> str | None:
        for segment in of.observations:
            unit = segment.text(6).lower()
            if segment.text(3) not in codes or unit not in units:
                continue
            try:
                number = float(segment.text(5)) * _UNITS[unit]
            except ValueError:
                raise segment.fault("is no number", 5) from None
            if 0 < number < 1_000:
                return f"{number:.4g}"
        return None

    return read


PATIENT_ROWS: tuple[PatientRow, ...] = (
    PatientRow(
        "id",
        "PID-3.1 (of type MR, else PI, else the first)",
        "(0010,0020)",
        "PatientID",
        lambda of: patient_id(of.pid).value,
    ),
    PatientRow(
        "issuer",
        "PID-3.4.1",
        "(0010,0021)",
        "IssuerOfPatientID",
        lambda of: patient_id(of.pid).issuer or None,
    ),
    PatientRow(
        "issuer_universal_id",
        "PID-3.4.2",
        "(0010,0024) > (0040,0032)",
        "UniversalEntityID",
        lambda of: patient_id(of.pid).universal_id or None,
    ),
    PatientRow(
        "issuer_universal_id_type",
        "PID-3.4.3",
        "(0010,0024) > (0040,0033)",
        "UniversalEntityIDType",
        lambda of: patient_id(of.pid).universal_id_type or None,
    ),
    PatientRow(
        "other_ids", "PID-3 (all others)", "(0010,1002)", "OtherPatientIDsSequence", _other_ids
    ),
    PatientRow(
        "name",
        "PID-5 (legal name; XPN.8 A, I, P are the three groups)",
        "(0010,0010)",
        "PatientName",
        lambda of: data_types.xpn(of.pid, 5),
    ),
    PatientRow(
        "other_names",
        "PID-5 (all others), PID-9",
        "(0010,1001)",
        "OtherPatientNames",
        lambda of: (*data_types.xpn_others(of.pid, 5), *data_types.names(of.pid, 9)) or None,
    ),
    PatientRow(
        "birth_date",
        "PID-7",
        "(0010,0030)",
        "PatientBirthDate",
        lambda of: data_types.day(of.pid, 7),
    ),
    PatientRow("sex", "PID-8", "(0010,0040)", "PatientSex", lambda of: data_types.sex(of.pid, 8)),
    PatientRow(
        "ethnic_group", "PID-22", "(0010,2160)", "EthnicGroup", _cleaned(22, data_types.SHORT)
    ),
    PatientRow("pregnancy_status", "PV1-15 (B6)", "(0010,21C0)", "PregnancyStatus", _pregnancy),
    PatientRow(
        "special_needs", "PV1-15 (all others)", "(0038,0050)", "SpecialNeeds", _special_needs
    ),
    PatientRow(
        "confidentiality",
        "PV1-16",
        "(0040,3001)",
        "ConfidentialityConstraintOnPatientDataDescription",
        _cleaned(16, data_types.LONG, segment="pv1"),
    ),
    PatientRow(
        "weight_kg",
        "OBX-5 where OBX-3 is LOINC 3141-9 or 29463-7, in kg or g",
        "(0010,1030)",
        "PatientWeight",
        _measured(_WEIGHT_CODES, ("kg", "g")),
    ),
    PatientRow(
        "size_m",
        "OBX-5 where OBX-3 is LOINC 3137-7 or 8302-2, in m or cm",
        "(0010,1020)",
        "PatientSize",
        _measured(_SIZE_CODES, ("m", "cm")),
    ),
)
