"""A report of an exam with every kind of measurement, in several scripts, and its images."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone
from functools import cache

import numpy as np
import simplejpeg
from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO

from echonode.model.exam import ExamFacts
from echonode.model.exam_document import ExamReport
from echonode.model.exam_report import Finding, KeyImage, ReportContent
from echonode.model.measurement import Measurement, MeasurementKind, measured
from echonode.model.us_region import UsRegion
from echonode.objects.equipment import NodeEquipment
from echonode.objects.key_objects import Place
from tests.unit.objects.acquisitions import NOW, acquisition, built, exam, frames, part10, sector
from tests.unit.objects.orders import FULL_ITEM

OFFSET = timezone(timedelta(hours=1))
EQUIPMENT = NodeEquipment(
    software_versions=("EchoNode 0.1.0",), station_name="US-1", institution_name="Klinik Süd"
)
ROWS, COLUMNS = 200, 300
REGION = UsRegion(x0=0, y0=0, x1=COLUMNS - 1, y1=ROWS - 1, delta_x_mm=0.299, delta_y_mm=0.176)
JAPANESE = "肝臓の大きさは正常です。胆石は認めません。"
ARABIC = "الكبد سليم بلا سائل حر"
GREEK = "Ήπαρ φυσιολογικού μεγέθους"
POINTS = {
    MeasurementKind.DISTANCE: ((40.5, 50.25), (180.0, 150.5)),
    MeasurementKind.ELLIPSE: ((100.0, 80.0), (100.0, 120.0), (50.0, 100.0), (150.0, 100.0)),
    MeasurementKind.AREA: ((40.0, 40.0), (120.0, 45.0), (110.0, 130.0), (42.0, 120.0)),
    MeasurementKind.ANGLE: ((40.0, 40.0), (80.0, 100.0), (160.0, 60.0)),
}
LABELS = {MeasurementKind.DISTANCE: "Ductus", MeasurementKind.ELLIPSE: "Niere links"}
PLACE = Place(
    sop_instance_uid="2.25.4711",
    series_instance_uid="2.25.4710",
    series_number=7,
    instance_number=1,
)


@cache
def images() -> tuple[Dataset, Dataset]:
    """A still and a cine of one exam, without their pixels, as a file gives them."""
    found = []
    for number, moments in enumerate(([1.0], [1.0, 1.05, 1.1, 1.15]), start=1):
        calibration = sector(ROWS, COLUMNS)
        some = frames(moments, rows=ROWS, columns=COLUMNS, calibration=calibration)
        whole = DicomBytesIO(part10(built(acquisition(some, number=number), facts())))
        found.append(dcmread(whole, stop_before_pixels=True))
    return found[0], found[1]


def facts() -> ExamFacts:
    """Of an exam that has an order."""
    item = replace(FULL_ITEM, requested_procedure_description="Abdomen")
    return exam(
        FULL_ITEM.patient,
        accession_number="A-1",
        study_description="Abdomen",
        worklist_item=item,
        referring_physician_name="Ärztin^Eva",
    )


def measurements() -> list[Measurement]:
    """One of each kind: on the still, and the last two on the third frame of the cine."""
    still, cine = images()
    made = []
    for number, (kind, points) in enumerate(POINTS.items(), start=1):
        on_cine = number > 2
        results, region = measured(kind, points, [REGION])
        made.append(
            Measurement(
                id=f"M{number:08d}",
                exam_id="E00000001",
                sop_instance_uid=str((cine if on_cine else still).SOPInstanceUID),
                frame=3 if on_cine else 1,
                kind=kind,
                points=points,
                label=LABELS.get(kind, ""),
                results=results,
                delta_x_mm=region.delta_x_mm,
                delta_y_mm=region.delta_y_mm,
                made_at=NOW,
                by="eva",
            )
        )
    return made


def report(language: str = "en") -> ExamReport:
    """With findings in Japanese, Arabic and Greek."""
    still, cine = images()
    return ExamReport(
        id="D00000001",
        exam_id="E00000001",
        made_at=NOW,
        by="eva",
        content=ReportContent(
            template="free",
            language=language,
            title="Ultrasound report",
            findings=(
                Finding(field="liver", label="Liver", text=JAPANESE),
                Finding(field="spleen", label="Spleen", text=ARABIC),
                Finding(field="kidney", label="Kidney", text=GREEK),
            ),
            conclusion="No free fluid.\nNächste Kontrolle in 6 Monaten.",
            key_images=(
                KeyImage(sop_instance_uid=str(still.SOPInstanceUID)),
                KeyImage(sop_instance_uid=str(cine.SOPInstanceUID), frame=3),
            ),
            measurements=tuple(each.id for each in measurements()),
        ),
    )


def jpeg() -> bytes:
    """A picture."""
    ramp = np.repeat(np.arange(150, dtype=np.uint8)[None, :, None], 100, axis=0)
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(ramp), colorspace="GRAY"))
