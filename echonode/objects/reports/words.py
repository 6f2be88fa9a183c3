"""The words of a report's page, in English and in French."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType

EN: Mapping[str, str] = MappingProxyType(
    {
        "ultrasound_report": "Ultrasound report",
        "patient": "Patient",
        "patient_id": "Patient ID",
        "birth_date": "Date of birth",
        "sex": "Sex",
        "exam": "Exam",
        "exam_date": "Date of the exam",
        "accession_number": "Accession number",
        "referring_physician": "Referring physician",
        "procedure": "Procedure",
        "findings": "Findings",
        "measurements": "Measurements",
        "conclusion": "Conclusion",
        "key_images": "Key images",
        "measurement": "Measurement",
        "value": "Value",
        "image": "Image",
        "frame": "frame",
        "distance": "Distance",
        "ellipse": "Ellipse",
        "area_kind": "Outline",
        "angle_kind": "Angle",
        "length": "length",
        "area": "area",
        "circumference": "circumference",
        "perimeter": "perimeter",
        "major_axis": "long axis",
        "minor_axis": "short axis",
        "angle": "angle",
        "reported_by": "Reported by",
        "reported_at": "Reported on",
        "page": "Page",
        "of": "of",
        "M": "male",
        "F": "female",
        "O": "other",
    }
)
FR: Mapping[str, str] = MappingProxyType(
    {
        "ultrasound_report": "Compte rendu d'échographie",
        "patient": "Patient",
        "patient_id": "Numéro du patient",
        "birth_date": "Date de naissance",
        "sex": "Sexe",
        "exam": "Examen",
        "exam_date": "Date de l'examen",
        "accession_number": "Numéro d'accession",
        "referring_physician": "Médecin demandeur",
        "procedure": "Acte",
        "findings": "Constatations",
        "measurements": "Mesures",
        "conclusion": "Conclusion",
        "key_images": "Images clés",
        "measurement": "Mesure",
        "value": "Valeur",
        "image": "Image",
        "frame": "image no",
        "distance": "Distance",
        "ellipse": "Ellipse",
        "area_kind": "Contour",
        "angle_kind": "Angle",
        "length": "longueur",
        "area": "surface",
        "circumference": "circonférence",
        "perimeter": "périmètre",
        "major_axis": "grand axe",
        "minor_axis": "petit axe",
        "angle": "angle",
        "reported_by": "Établi par",
        "reported_at": "Établi le",
        "page": "Page",
        "of": "sur",
        "M": "masculin",
        "F": "féminin",
        "O": "autre",
    }
)
WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType({"en": EN, "fr": FR})
_DECIMAL_MARK = MappingProxyType({"en": ".", "fr": ","})


def value_text(value: float, unit: str, language: str) -> str:
    """A value as the console shows it (console/review/values.js): areas in cm², rounded half up.

    A tenth of a millimetre is finer than any probe here resolves.
    """
    if unit == "mm2":
        return f"{_number(value / 100, 2, language)} cm²"
    number = _number(value, 1, language)
    return f"{number}°" if unit == "deg" else f"{number} {unit}"


def _number(value: float, decimals: int, language: str) -> str:
    rounded = Decimal(repr(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return str(rounded).replace(".", _DECIMAL_MARK[language])
