"""A report as an HL7 result: ORU^R01 of version 2.5.1, in UTF-8 (IHE RAD-128 has the same fields).

Rules
- One OBR, of the order where there is one: placer's and filler's numbers go back as they came.
- Findings and the conclusion are text (TX), each measured value a number (NM) with its code and
  UCUM unit, the study by its UID (HD), the pages as a PDF (ED) where wanted.
- OBX-4 holds what belongs together: the values of one measurement have one number.
- What would be a separator is escaped (2.7); lines end in \\.br\\. Control characters are left out.
"""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from echonode.model.exam import ExamFacts
from echonode.model.exam_document import ExamReport
from echonode.model.measurement import Measurement
from echonode.model.patient import Identifier
from echonode.model.worklist_item import Code
from echonode.objects.reports.measurement_codes import concept_of, unit_of

_FINDINGS = Code(value="59776-5", scheme="LN", meaning="Procedure findings")
_IMPRESSION = Code(value="19005-8", scheme="LN", meaning="Radiology Imaging study [Impression]")
_REPORT = Code(value="18748-4", scheme="LN", meaning="Diagnostic imaging study")
_STUDY = Code(value="113014", scheme="DCM", meaning="DICOM Study")
_ULTRASOUND = Code(value="16310003", scheme="SCT", meaning="Ultrasonography")
_ESCAPED = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\n": "\\.br\\"}


@dataclass(frozen=True, kw_only=True)
class ResultHead:
    """MSH-3 to MSH-6 and MSH-10. control_id: 20 characters at most."""

    sending_application: str
    sending_facility: str
    receiving_application: str
    receiving_facility: str
    control_id: str


def result_message(
    head: ResultHead,
    report: ExamReport,
    measured: Sequence[Measurement],
    facts: ExamFacts,
    *,
    offset: timezone,
    pdf: bytes = b"",
) -> bytes:
    """The message. pdf: b"" where it is left out."""
    made_at = _time(report.made_at, offset)
    msh = _segment(
        *("MSH", "^~\\&", _text(head.sending_application), _text(head.sending_facility)),
        *(_text(head.receiving_application), _text(head.receiving_facility)),
        *(made_at, "", "ORU^R01^ORU_R01", head.control_id, "P", "2.5.1"),
        *("", "", "", "", "", "UNICODE UTF-8"),
    )
    lines = [msh, _pid(facts), *_pv1(facts), _obr(report, facts, offset)]
    for number, observation in enumerate(_observations(report, measured, facts, pdf), start=1):
        lines.append(_segment("OBX", str(number), *observation.fields))
        if observation.note:
            lines.append(_segment("NTE", "1", "", _text(observation.note)))
    return ("\r".join(lines) + "\r").encode("utf-8")


@dataclass(frozen=True, kw_only=True)
class _Observation:
    """OBX-2 to OBX-11, and what its NTE says."""

    fields: tuple[str, ...]
    note: str = ""


def _observations(
    report: ExamReport, measured: Sequence[Measurement], facts: ExamFacts, pdf: bytes
) -> Iterator[_Observation]:
    yield _observation("HD", _STUDY, "", f"^{facts.study_instance_uid}^ISO")
    for number, finding in enumerate(report.content.findings, start=1):
        yield _observation("TX", _FINDINGS, str(number), _text(f"{finding.label}: {finding.text}"))
    if report.content.conclusion:
        yield _observation("TX", _IMPRESSION, "", _text(report.content.conclusion))
    for number, made in enumerate(measured, start=1):
        for result in made.results:
            yield _observation(
                "NM",
                concept_of(result.name),
                str(number),
                f"{result.value:.10g}",
                unit=_coded(unit_of(result.unit)),
                note=made.label,
            )
    if pdf:
        content = base64.b64encode(pdf).decode("ascii")
        yield _observation("ED", _REPORT, "", f"^application^pdf^Base64^{content}")


def _observation(
    kind: str, code: Code, group: str, value: str, *, unit: str = "", note: str = ""
) -> _Observation:
    fields = (kind, _coded(code), group, value, unit, "", "", "", "", "F")
    return _Observation(fields=fields, note=note)


def _pid(facts: ExamFacts) -> str:
    patient = facts.patient
    identifier = f"{_text(patient.id)}^^^{_text(patient.issuer)}".rstrip("^")
    return _segment(
        *("PID", "1", "", identifier, "", _names(patient.name), ""),
        *(_text(patient.birth_date), patient.sex if patient.sex in ("M", "F", "O") else ""),
    )


def _pv1(facts: ExamFacts) -> list[str]:
    """The visit, where the order names one (IHE EBIW: PV1-19)."""
    item = facts.worklist_item
    if item is None or not item.admission_id.value:
        return []
    return [_segment("PV1", "1", "U", *[""] * 16, _identifier(item.admission_id))]


def _obr(report: ExamReport, facts: ExamFacts, offset: timezone) -> str:
    item = facts.worklist_item
    placer = _entity(item.placer_order_number) if item else ""
    filler = _entity(item.filler_order_number) if item else ""
    codes = item.requested_procedure_codes if item else ()
    procedure = next((each for each in codes if each.value and each.scheme), _ULTRASOUND)
    return _segment(
        *("OBR", "1", placer, filler or _text(report.exam_id), _coded(procedure), "", ""),
        *(_time(facts.started_at, offset), "", "", "", "", "", "", "", ""),
        *(_person(facts.referring_physician_name), "", _text(facts.accession_number), "", "", ""),
        *(_time(report.made_at, offset), "", "US", "F"),
    )


def _names(name: str) -> str:
    """PN as XPN: HL7 has the suffix before the prefix; each group says how it is written."""
    found = []
    for kind, group in zip("AIP", name.split("=")[:3], strict=False):
        family, given, middle, prefix, suffix = (group.split("^") + [""] * 5)[:5]
        parts = [_text(each) for each in (family, given, middle, suffix, prefix)]
        if any(parts):
            found.append("^".join([*parts, "", "L", kind]))
    return "~".join(found)


def _person(name: str) -> str:
    """PN as XCN, without a number."""
    family, given = ([*name.split("=")[0].split("^"), "", ""])[:2]
    return f"^{_text(family)}^{_text(given)}".rstrip("^")


def _identifier(identifier: Identifier) -> str:
    return f"{_text(identifier.value)}^^^{_text(identifier.issuer)}".rstrip("^")


def _entity(identifier: Identifier) -> str:
    return f"{_text(identifier.value)}^{_text(identifier.issuer)}".rstrip("^")


def _coded(code: Code) -> str:
    return f"{_text(code.value)}^{_text(code.meaning or code.value)}^{_text(code.scheme)}"


def _time(moment: datetime, offset: timezone) -> str:
    return moment.astimezone(offset).strftime("%Y%m%d%H%M%S%z")


def _segment(*fields: str) -> str:
    return "|".join(fields).rstrip("|")


def _text(text: str) -> str:
    """Escaped; control characters but the end of a line are left out."""
    return "".join(
        _ESCAPED.get(each, each)
        for each in text
        if each == "\n" or unicodedata.category(each) not in ("Cc", "Cs")
    )
