"""A report as Comprehensive SR: TID 1500 with a TID 1410 group for each measurement. Pure.

Rules
- Values and points are the measurement's own, never rounded here. Points are image coordinates
  with (0, 0) at the corner of the first pixel (PS3.3 C.18.6.1.1), as they are kept.
- A group refers to its image and, of a multi-frame image, to its frame. Its tracking UID is derived
  from the measurement: the same measurement in a later report is the same.
- Patient, study and order are those of the exam, written as its images have them.
- highdicom is imported when the first report is made: it costs a third of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from echonode.errors import InvalidObject, OperatorRefused
from echonode.model.exam import ExamFacts
from echonode.model.exam_document import ExamReport
from echonode.model.identity import derive_uid
from echonode.model.measurement import Measurement, MeasurementKind
from echonode.model.worklist_item import Code, WorklistItem
from echonode.objects.date_times import offset_from_utc, set_moment
from echonode.objects.equipment import NodeEquipment
from echonode.objects.exam_attributes import replace_exam, set_exam
from echonode.objects.key_objects import Place
from echonode.objects.reports.measurement_codes import concept_of, unit_of
from echonode.objects.sequence_items import code_items
from echonode.objects.values import cleaned, cleaned_name

_ULTRASONOGRAPHY = Code(value="16310003", scheme="SCT", meaning="Ultrasonography")
_TITLE = Code(value="126000", scheme="DCM", meaning="Imaging Measurement Report")
_MEASUREMENTS = "126010"  # DCM, Imaging Measurements
_FINDING = Code(value="121071", scheme="DCM", meaning="Finding")
_CONCLUSION = Code(value="121077", scheme="DCM", meaning="Conclusion")
_EVALUATIONS = Code(value="C0034375", scheme="UMLS", meaning="Qualitative Evaluations")
_LANGUAGES = {
    "en": Code(value="en", scheme="RFC5646", meaning="English"),
    "fr": Code(value="fr", scheme="RFC5646", meaning="French"),
}


@dataclass(frozen=True, kw_only=True)
class MeasuredOn:
    """A measurement and the image that it is on: its dataset without pixels."""

    measurement: Measurement
    image: Dataset


def require_highdicom() -> None:
    """That structured reports can be made here. Raises OperatorRefused, which says what to do."""
    try:
        import highdicom.sr  # noqa: F401  # costs a third of a second, and not everywhere
    except ImportError:
        raise OperatorRefused(
            "highdicom is not installed, which writes structured reports: it is not there for "
            "Python 3.14 yet. Use Python 3.11 to 3.13, and install echonode again"
        ) from None


def structured_report(
    report: ExamReport,
    measured: Sequence[MeasuredOn],
    shown: Sequence[Dataset],
    *,
    facts: ExamFacts,
    place: Place,
    node_id: str,
    equipment: NodeEquipment,
    offset: timezone,
) -> Dataset:
    """The SR's dataset. shown: key images, without pixels; with `measured` at least one image.

    Raises InvalidObject, OperatorRefused.
    """
    require_highdicom()
    from highdicom import sr  # as above

    evidence = _evidence([*(each.image for each in measured), *shown], facts, offset)
    if not evidence:
        raise InvalidObject("a report without an image says nothing that an archive could file")
    content = sr.MeasurementReport(
        observation_context=_observed_by(report, node_id, equipment),
        procedure_reported=_code(_procedure(facts)),
        imaging_measurements=[_group(each, node_id) for each in measured] or [_placeholder()],
        title=_code(_TITLE),
        language_of_content_item_and_descendants=sr.LanguageOfContentItemAndDescendants(
            _code(_LANGUAGES[report.content.language])
        ),
        referenced_images=evidence,
    )
    if not measured:
        _leave_out_measurements(content[0])
    _add_text(content[0], report)
    document = sr.ComprehensiveSR(
        evidence=evidence,
        content=content[0],
        series_instance_uid=place.series_instance_uid,
        series_number=place.series_number,
        sop_instance_uid=place.sop_instance_uid,
        instance_number=place.instance_number,
        manufacturer="EchoNode",
        is_complete=True,
        is_final=True,
    )
    whole = Dataset(dict(document.items()))
    finish(whole, facts, equipment, report.made_at, offset)
    whole.SeriesDescription = cleaned("LO", report.content.title)
    if facts.worklist_item is not None:
        whole.ReferencedRequestSequence = [_request(facts, facts.worklist_item)]
    return whole


def finish(
    whole: Dataset, facts: ExamFacts, equipment: NodeEquipment, at: datetime, offset: timezone
) -> None:
    """What every document of an exam has in common: exam, equipment, moments, character set."""
    set_exam(whole, facts, offset)
    whole.SpecificCharacterSet = "ISO_IR 192"
    set_moment(whole, "Content", at, offset)
    set_moment(whole, "InstanceCreation", at, offset)
    set_moment(whole, "Series", at, offset)
    whole.TimezoneOffsetFromUTC = offset_from_utc(offset)
    whole.Manufacturer = "EchoNode"
    for keyword, vr, value in (
        ("StationName", "SH", equipment.station_name),
        ("InstitutionName", "LO", equipment.institution_name),
        ("InstitutionalDepartmentName", "LO", equipment.department_name),
    ):
        if text := cleaned(vr, value):
            setattr(whole, keyword, text)
    if versions := [cleaned("LO", each) for each in equipment.software_versions if each]:
        whole.SoftwareVersions = versions


def _request(facts: ExamFacts, item: WorklistItem) -> Dataset:
    """The order that the report answers (PS3.3 C.17.2, type 1C): type 2 of it may be empty."""
    request = Dataset()
    request.StudyInstanceUID = facts.study_instance_uid
    request.ReferencedStudySequence = []
    request.AccessionNumber = cleaned("SH", facts.accession_number)
    request.PlacerOrderNumberImagingServiceRequest = cleaned("LO", item.placer_order_number.value)
    request.FillerOrderNumberImagingServiceRequest = cleaned("LO", item.filler_order_number.value)
    request.RequestedProcedureID = cleaned("SH", item.requested_procedure_id)
    description = item.requested_procedure_description
    request.RequestedProcedureDescription = cleaned("LO", description)
    request.RequestedProcedureCodeSequence = code_items(item.requested_procedure_codes)
    return request


def _evidence(images: Sequence[Dataset], facts: ExamFacts, offset: timezone) -> list[Dataset]:
    """Each image once, with the exam's patient and study: it may wait to be named."""
    found: dict[str, Dataset] = {}
    for image in images:
        if str(image.SOPInstanceUID) not in found:
            copy = Dataset(dict(image.items()))
            replace_exam(copy, facts, offset)
            copy.StudyInstanceUID = facts.study_instance_uid
            found[str(image.SOPInstanceUID)] = copy
    return list(found.values())


def _observed_by(report: ExamReport, node_id: str, equipment: NodeEquipment) -> Any:
    """Who made it (TID 1003), where a user is known, and this node (TID 1004)."""
    from highdicom import sr  # lazily

    person = None
    if report.by:
        person = sr.ObserverContext(
            observer_type=_code(Code(value="121006", scheme="DCM", meaning="Person")),
            observer_identifying_attributes=sr.PersonObserverIdentifyingAttributes(
                name=_person(report.by), login_name=report.by
            ),
        )
    device = sr.ObserverContext(
        observer_type=_code(Code(value="121007", scheme="DCM", meaning="Device")),
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=derive_uid("device", node_id),
            name=equipment.station_name or None,
            manufacturer_name="EchoNode",
        ),
    )
    return sr.ObservationContext(observer_person_context=person, observer_device_context=device)


def _person(by: str) -> str:
    """A user's name as PN; one word is a family name, which its caret says (PS3.5 6.2.1.1)."""
    name = cleaned_name(by) or "Unknown"
    return name if "^" in name else f"{name}^"


def _procedure(facts: ExamFacts) -> Code:
    """What the order asked for; else ultrasonography."""
    item = facts.worklist_item
    codes = item.requested_procedure_codes if item else ()
    return next((each for each in codes if each.value and each.scheme), _ULTRASONOGRAPHY)


def _group(measured: MeasuredOn, node_id: str) -> Any:
    """TID 1410: one region on one frame, and every value that was computed of it."""
    from highdicom import sr  # lazily

    made, image = measured.measurement, measured.image
    frames = int(image.get("NumberOfFrames") or 1)
    graphic, points = scoord(made)
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=derive_uid("measurement", node_id, made.id), identifier=made.label or made.id
        ),
        referenced_region=sr.ImageRegion(
            graphic_type=graphic,
            graphic_data=np.array(points, dtype=float),
            source_image=sr.SourceImageForRegion(
                referenced_sop_class_uid=image.SOPClassUID,
                referenced_sop_instance_uid=image.SOPInstanceUID,
                referenced_frame_numbers=[made.frame] if frames > 1 else None,
            ),
        ),
        measurements=[
            sr.Measurement(
                name=_code(concept_of(result.name)),
                value=result.value,
                unit=_code(unit_of(result.unit)),
            )
            for result in made.results
        ],
    )


def scoord(made: Measurement) -> tuple[str, list[tuple[float, float]]]:
    """Graphic Type and Graphic Data of a measurement (PS3.3 C.18.6.1.2).

    An ellipse's major axis comes first, whichever was drawn first. An outline ends at its first
    point, which closes it.
    """
    points = list(made.points)
    if made.kind is MeasurementKind.ELLIPSE:
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points
        one = np.hypot((x1 - x0) * made.delta_x_mm, (y1 - y0) * made.delta_y_mm)
        other = np.hypot((x3 - x2) * made.delta_x_mm, (y3 - y2) * made.delta_y_mm)
        return "ELLIPSE", points if one >= other else points[2:] + points[:2]
    if made.kind is MeasurementKind.AREA:
        return "POLYLINE", [*points, points[0]]
    return "POLYLINE", points


def _placeholder() -> Any:
    """What highdicom wants where nothing was measured; it is taken out again."""
    from highdicom import sr  # lazily

    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid="2.25.1", identifier="none")
    )


def _leave_out_measurements(root: Dataset) -> None:
    """highdicom always makes the container; TID 1500 has it only with something measured."""
    from highdicom import sr  # lazily

    root.ContentSequence = sr.ContentSequence(
        [
            item
            for item in root.ContentSequence
            if item.ConceptNameCodeSequence[0].CodeValue != _MEASUREMENTS
        ],
        is_root=False,
    )


def _add_text(root: Dataset, report: ExamReport) -> None:
    """TID 1500: a container of qualitative evaluations, where the findings are TEXT items."""
    from highdicom import sr  # lazily

    content = report.content
    texts = [(_FINDING, f"{each.label}: {each.text}") for each in content.findings if each.text]
    if content.conclusion:
        texts.append((_CONCLUSION, content.conclusion))
    if not texts:
        return
    container = sr.ContainerContentItem(
        name=_code(_EVALUATIONS), relationship_type="CONTAINS", is_content_continuous=False
    )
    container.ContentSequence = sr.ContentSequence(
        [
            sr.TextContentItem(name=_code(name), value=text, relationship_type="CONTAINS")
            for name, text in texts
        ]
    )
    root.ContentSequence.append(container)


def _code(code: Code) -> Any:
    from highdicom.sr import CodedConcept  # lazily

    return CodedConcept(
        value=code.value,
        scheme_designator=code.scheme,
        meaning=cleaned("LO", code.meaning) or code.value,
        scheme_version=code.scheme_version or None,
    )
