"""A report as the pages that people read: patient, findings, measurements, conclusion, pictures.

Rules
- What is printed is what was kept: nothing is left out, and text that does not fit goes on.
- Values are rounded as on the screen; the SR has them as computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timezone

from echonode.model.exam import ExamFacts
from echonode.model.exam_document import ExamReport
from echonode.model.measurement import Measurement, MeasurementKind
from echonode.objects.equipment import NodeEquipment
from echonode.objects.reports.font_files import Fonts
from echonode.objects.reports.page import (
    INNER,
    ONE_AT_A_TIME,
    SOFT,
    Box,
    Cell,
    Footer,
    Mark,
    Sheets,
)
from echonode.objects.reports.words import WORDS, value_text

_GAP = 14.0
_PICTURE_WIDTH = (INNER - _GAP) / 2
_PICTURE_HEIGHT = _PICTURE_WIDTH * 0.72
_ELLIPSE_STEPS = 72
_LABEL = 118.0  # points, of a row's name
_KINDS = {
    MeasurementKind.DISTANCE: "distance",
    MeasurementKind.ELLIPSE: "ellipse",
    MeasurementKind.AREA: "area_kind",
    MeasurementKind.ANGLE: "angle_kind",
}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A key image as it is printed. caption: which image of the exam it is.

    marks: what was measured on it, each with its number in the table; in image coordinates.
    """

    jpeg: bytes
    caption: str
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A measurement and the name of the image that it is on."""

    measurement: Measurement
    image: str


def report_pdf(
    report: ExamReport,
    measured: Sequence[Measured],
    shown: Sequence[Shown],
    *,
    facts: ExamFacts,
    equipment: NodeEquipment,
    offset: timezone,
    fonts: Fonts,
) -> bytes:
    """The PDF. Raises OperatorRefused where no font has a character."""
    words = WORDS[report.content.language]
    at = report.made_at.astimezone(offset)
    foot = (
        f"{words['reported_at']} {at:%Y-%m-%d %H:%M}"
        + (f" · {words['reported_by']} {report.by}" if report.by else ""),
        f"EchoNode · {report.exam_id} · {report.id}",
    )

    def drawn(pages: int) -> Sheets:
        footer = Footer(lines=foot, page=words["page"], of=words["of"], pages=pages)
        sheets = Sheets(fonts, title=report.content.title, footer=footer)
        _head(sheets, report, facts, equipment, offset, words)
        _findings(sheets, report, words)
        _measurements(sheets, measured, report.content.language, words)
        if report.content.conclusion:
            sheets.heading(words["conclusion"])
            sheets.paragraph(report.content.conclusion, size=10.5)
        _pictures(sheets, shown, words)
        return sheets

    with ONE_AT_A_TIME:
        return drawn(drawn(0).pages).finished()  # each page says how many there are


def mark_of(made: Measurement, number: int) -> Mark:
    """What was measured as a line over its picture."""
    points = made.points
    if made.kind is MeasurementKind.AREA:
        points = (*points, points[0])
    if made.kind is MeasurementKind.ELLIPSE:
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points
        cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
        turns = [2 * math.pi * step / _ELLIPSE_STEPS for step in range(_ELLIPSE_STEPS + 1)]
        points = tuple(
            (
                cx + (x1 - x0) / 2 * math.cos(turn) + (x3 - x2) / 2 * math.sin(turn),
                cy + (y1 - y0) / 2 * math.cos(turn) + (y3 - y2) / 2 * math.sin(turn),
            )
            for turn in turns
        )
    return Mark(points=points, label=str(number))


def texts_of(
    report: ExamReport, measured: Iterable[Measurement], facts: ExamFacts, equipment: NodeEquipment
) -> list[str]:
    """All that may be printed: what the fonts must have."""
    content = report.content
    return [
        *(content.title, content.conclusion, report.by, equipment.institution_name),
        *(text for each in content.findings for text in (each.label, each.text)),
        *(each.label for each in measured),
        *_values_of(facts).values(),
        *WORDS[content.language].values(),
        "²·°,.-",
    ]


def _values_of(facts: ExamFacts) -> dict[str, str]:
    patient = facts.patient
    return {
        "patient": name_text(patient.name),
        "patient_id": patient.id,
        "birth_date": _date_text(patient.birth_date),
        "accession_number": facts.accession_number,
        "referring_physician": name_text(facts.referring_physician_name),
        "procedure": facts.study_description,
    }


def name_text(name: str) -> str:
    """A PN as people read it: Family, Given; the other groups behind it."""
    groups = []
    for group in name.split("="):
        family, *rest = [part.strip() for part in group.split("^")]
        given = " ".join(part for part in rest if part)
        # A comma where letters have cases, which is where the family name is not known to be first.
        comma = ", " if (family + given).lower() != (family + given).upper() else " "
        if text := comma.join(part for part in (family, given) if part):
            groups.append(text)
    return " / ".join(groups)


def _date_text(date: str) -> str:
    return f"{date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == 8 else date


def _head(
    sheets: Sheets,
    report: ExamReport,
    facts: ExamFacts,
    equipment: NodeEquipment,
    offset: timezone,
    words: Mapping[str, str],
) -> None:
    if equipment.institution_name:
        sheets.paragraph(equipment.institution_name, size=9, colour=SOFT)
    sheets.paragraph(report.content.title, size=19, after=6)
    sheets.rule()
    sheets.y -= 5
    values = _values_of(facts)
    values["sex"] = words.get(facts.patient.sex, "")
    values["exam_date"] = f"{facts.started_at.astimezone(offset):%Y-%m-%d %H:%M}"
    half, first = INNER / 2, 100.0
    sheets.row(
        [
            Cell(words["patient"], 0, first, soft=True),
            Cell(values["patient"], first + 4, INNER - first - 4),
        ],
        size=11.5,
    )
    sheets.y -= 3
    left = ("patient_id", "birth_date", "sex", "procedure")
    right = ("exam_date", "accession_number", "referring_physician", "")
    for one, other in zip(left, right, strict=True):
        other = other if values.get(other) else ""  # what is not known has no line
        if one == "procedure" and not (values[one] or other):
            continue
        cells = [
            Cell(words[one], 0, first, soft=True),
            Cell(values[one], first + 4, (half if other else INNER) - first - 14),
        ]
        if other:
            cells += [
                Cell(words[other], half, _LABEL - 12, soft=True),
                Cell(values[other], half + _LABEL - 8, half - _LABEL + 8),
            ]
        sheets.row(cells, size=9.5)
    sheets.y -= 6
    sheets.rule()


def _findings(sheets: Sheets, report: ExamReport, words: Mapping[str, str]) -> None:
    found = [each for each in report.content.findings if each.text]
    if not found:
        return
    sheets.heading(words["findings"])
    for each in found:
        sheets.row(
            [
                Cell(each.label, 0, _LABEL + 30, soft=True),
                Cell(each.text, _LABEL + 42, INNER - _LABEL - 42),
            ],
            size=10,
        )
        sheets.y -= 2


def _measurements(
    sheets: Sheets, measured: Sequence[Measured], language: str, words: Mapping[str, str]
) -> None:
    if not measured:
        return
    sheets.heading(words["measurements"])
    columns = ((0.0, 150.0), (160.0, 210.0), (380.0, INNER - 380.0))
    head = (words["measurement"], words["value"], words["image"])
    cells = [Cell(text, *column, soft=True) for text, column in zip(head, columns, strict=True)]
    sheets.row(cells, size=8.5)
    for number, each in enumerate(measured, start=1):
        made = each.measurement
        kind = words[_KINDS[made.kind]]
        name = f"{number}  " + (f"{made.label} ({kind.lower()})" if made.label else kind)
        values = ", ".join(
            (f"{words[result.name]} " if len(made.results) > 1 else "")
            + value_text(result.value, result.unit, language)
            for result in made.results
        )
        texts = (name, values, each.image)
        sheets.row([Cell(text, *at) for text, at in zip(texts, columns, strict=True)], size=10)
        sheets.y -= 2


def _pictures(sheets: Sheets, shown: Sequence[Shown], words: Mapping[str, str]) -> None:
    if not shown:
        return
    sheets.need(_PICTURE_HEIGHT + 70)
    sheets.heading(words["key_images"])
    for start in range(0, len(shown), 2):
        sheets.need(_PICTURE_HEIGHT + 24)
        sheets.y -= 6
        top = sheets.y
        for column, each in enumerate(shown[start : start + 2]):
            left = column * (_PICTURE_WIDTH + _GAP)
            box = Box(left=left, top=top, width=_PICTURE_WIDTH, height=_PICTURE_HEIGHT)
            sheets.picture(each.jpeg, box, each.marks)
            sheets.line(
                each.caption, left, top - _PICTURE_HEIGHT - 11, size=8, width=_PICTURE_WIDTH
            )
        sheets.y = top - _PICTURE_HEIGHT - 16
