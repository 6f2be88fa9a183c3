"""The objects of a document, built of what the store has. Reads files, writes none.

Rules
- Everything that a document says is in its row; images are read for their references and pictures.
- What is in no file here any more cannot be made: Damaged, and the document says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timezone
from typing import Protocol

from pydicom import Dataset, dcmread

from echonode.config.report_templates import Template
from echonode.errors import Damaged, InvalidObject, Unreadable
from echonode.exam.facts import facts_of
from echonode.exam.reporting.choosing import standing, standing_measurements
from echonode.model.exam import CaptureKind, Exam, ExamCapture, ExamFacts
from echonode.model.exam_document import PARTS, DocumentPart, ExamDocument, ExamReport
from echonode.model.exam_report import KeyImage, ReportContent
from echonode.model.instance import StoredInstance, buffered_bytes
from echonode.model.measurement import Measurement
from echonode.model.parse_faults import PARSE_FAULTS
from echonode.model.worklist_item import Code, Reference
from echonode.objects.date_times import offset_of
from echonode.objects.equipment import NodeEquipment
from echonode.objects.exam_attributes import replace_exam
from echonode.objects.key_objects import KeyObject, Place, key_object_selection
from echonode.objects.reports.encapsulated import encapsulated_pdf
from echonode.objects.reports.font_files import Fonts
from echonode.objects.reports.pdf import Measured, Shown, mark_of, report_pdf
from echonode.objects.reports.report_templates import built_in
from echonode.objects.reports.structured import MeasuredOn, structured_report
from echonode.objects.reports.words import WORDS
from echonode.store.exams.exams import Exams
from echonode.store.exams.measurements import Measurements
from echonode.store.files.disk import disk_errors
from echonode.store.index.reader import IndexReader

_OF_INTEREST = Code(value="113000", scheme="DCM", meaning="Of Interest")
# A stored instance, and a frame from 1 on -> a JPEG. Raises InvalidObject, OSError.
Picture = Callable[[StoredInstance, int], bytes]


class ReadStore(Protocol):
    """What making needs of the store."""

    @property
    def exams(self) -> Exams: ...

    @property
    def measurements(self) -> Measurements: ...

    @property
    def index(self) -> IndexReader: ...

    @property
    def node_id(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Settings:
    """reports_steps: whether the exam's step is reported to a RIS, so that objects refer to it.
    templates: of reports, by their codes.
    """

    equipment: NodeEquipment
    fonts: Fonts
    picture: Picture
    reports_steps: bool = False
    templates: Mapping[str, Template] = field(default_factory=built_in)


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a report is made of. numbers: SOP Instance UID -> Instance Number of an image."""

    report: ExamReport
    facts: ExamFacts
    offset: timezone
    measured: tuple[Measurement, ...]
    images: dict[str, Dataset]
    instances: dict[str, StoredInstance]
    numbers: dict[str, int]


class Making:
    """Thread-safe; one at a time is enough."""

    def __init__(self, store: ReadStore, settings: Settings) -> None:
        self._store, self._settings = store, settings

    def material(self, document: ExamDocument, exam: Exam) -> Material:
        """Raises Damaged, Unreadable, StoreError."""
        content = document.content
        if not isinstance(content, ReportContent):
            raise InvalidObject("it is no report")
        captures = self._store.exams.captures(exam.id)
        made = self._store.measurements.of_exam(exam.id)
        by_id = {each.id: each for each in standing_measurements(made, standing(captures))}
        instances = {uid: self._here(uid) for uid in document.refers_to}
        return Material(
            report=ExamReport(
                id=document.id,
                exam_id=exam.id,
                content=content,
                made_at=document.made_at,
                by=document.by,
            ),
            facts=self.facts(exam, captures),
            offset=offset_of(exam.opened_at),
            measured=tuple(by_id[each] for each in content.measurements if each in by_id),
            images={uid: head_of(instance) for uid, instance in instances.items()},
            instances=instances,
            numbers={each.sop_instance_uid: each.instance_number for each in captures},
        )

    def facts(self, exam: Exam, captures: Sequence[ExamCapture]) -> ExamFacts:
        """What the exam's documents say of it: the step is that of its first capture."""
        images = [each for each in captures if not each.rejected_by]
        first = next((each for each in images if each.kind is CaptureKind.CAPTURE), None)
        first = first or next(each for each in images if each.kind is CaptureKind.CORRECTED)
        return facts_of(exam, first, reports_step=self._settings.reports_steps)

    def made(self, part: ExamCapture, material: Material) -> Dataset:
        """One object of a report. Raises InvalidObject, OperatorRefused, StoreError."""
        kind = PARTS[part.acquisition_number]
        build = {
            DocumentPart.SR: self._structured,
            DocumentPart.PDF: self._encapsulated,
            DocumentPart.KEY_OBJECTS: self._key_objects,
        }[kind]
        return build(material, place_of(part))

    def pages(self, material: Material) -> bytes:
        """The PDF."""
        content, words = material.report.content, WORDS[material.report.content.language]

        def name(uid: str, frame: int) -> str:
            number = material.numbers.get(uid, 0)
            frames = int(material.images[uid].get("NumberOfFrames") or 1)
            of_frame = f", {words['frame']} {frame}" if frames > 1 else ""
            return f"{words['image']} {number}{of_frame}"

        measured = [
            Measured(measurement=each, image=name(each.sop_instance_uid, each.frame))
            for each in material.measured
        ]
        shown = [
            Shown(
                jpeg=self._picture(material.instances[each.sop_instance_uid], each.frame),
                caption=name(each.sop_instance_uid, each.frame),
                marks=tuple(
                    mark_of(made, number)
                    for number, made in enumerate(material.measured, start=1)
                    if (made.sop_instance_uid, made.frame) == (each.sop_instance_uid, each.frame)
                ),
            )
            for each in content.key_images
        ]
        return report_pdf(
            material.report,
            measured,
            shown,
            facts=material.facts,
            equipment=self._settings.equipment,
            offset=material.offset,
            fonts=self._settings.fonts,
        )

    def _structured(self, material: Material, place: Place) -> Dataset:
        return structured_report(
            material.report,
            [
                MeasuredOn(measurement=each, image=material.images[each.sop_instance_uid])
                for each in material.measured
            ],
            list(material.images.values()),
            facts=material.facts,
            place=place,
            node_id=self._store.node_id,
            equipment=self._settings.equipment,
            offset=material.offset,
        )

    def _encapsulated(self, material: Material, place: Place) -> Dataset:
        return encapsulated_pdf(
            material.report,
            self.pages(material),
            [
                Reference(sop_class_uid=each.sop_class_uid, sop_instance_uid=each.sop_instance_uid)
                for each in material.instances.values()
            ],
            facts=material.facts,
            place=place,
            equipment=self._settings.equipment,
            offset=material.offset,
        )

    def _key_objects(self, material: Material, place: Place) -> Dataset:
        named = []
        keys = material.report.content.key_images
        for key in keys or [KeyImage(sop_instance_uid=uid) for uid in material.images]:
            image = material.images[key.sop_instance_uid]
            frames = int(image.get("NumberOfFrames") or 1)
            named.append(
                KeyObject(
                    sop_class_uid=str(image.SOPClassUID),
                    sop_instance_uid=key.sop_instance_uid,
                    series_instance_uid=str(image.SeriesInstanceUID),
                    frames=(key.frame,) if frames > 1 else (),
                )
            )
        # The exam says whose it is: an image of it may still wait to be written again.
        original = Dataset()
        replace_exam(original, material.facts, material.offset)
        return key_object_selection(
            named,
            original=original,
            title=_OF_INTEREST,
            description=WORDS[material.report.content.language]["key_images"],
            place=place,
            now=material.report.made_at,
            offset=material.offset,
        )

    def _picture(self, instance: StoredInstance, frame: int) -> bytes:
        with disk_errors("to read a file"):
            return self._settings.picture(instance, frame)

    def _here(self, sop_instance_uid: str) -> StoredInstance:
        instance = self._store.index.instance(sop_instance_uid)
        if instance is None:
            raise Damaged(f"{sop_instance_uid} is not here any more, and cannot be reported")
        return instance


def place_of(part: ExamCapture) -> Place:
    """The UIDs and numbers of an object, which its row has."""
    return Place(
        sop_instance_uid=part.sop_instance_uid,
        series_instance_uid=part.series_instance_uid,
        series_number=part.series_number,
        instance_number=part.instance_number,
    )


def head_of(instance: StoredInstance) -> Dataset:
    """A dataset without its pixels. Raises Unreadable, StoreError."""
    with disk_errors("to read a file"):
        try:
            with buffered_bytes(instance) as file:
                return dcmread(file, stop_before_pixels=True)
        except PARSE_FAULTS as error:
            raise Unreadable(f"an image cannot be parsed ({type(error).__name__})") from None
