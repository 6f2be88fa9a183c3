"""A report's pages as an Encapsulated PDF (PS3.3 A.45.1). Pure.

Rules
- Its source is named: the key images, and what was measured on.
- The document names its patient on the page: Burned In Annotation is YES.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timezone

from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from echonode.model.exam import ExamFacts
from echonode.model.exam_document import ExamReport
from echonode.model.worklist_item import Code, Reference
from echonode.objects.date_times import dt
from echonode.objects.equipment import NodeEquipment
from echonode.objects.key_objects import Place
from echonode.objects.reports.structured import finish
from echonode.objects.sequence_items import code_items, reference_items
from echonode.objects.values import cleaned

# CID 7020; LOINC's name of it.
_TITLE = Code(value="18748-4", scheme="LN", meaning="Diagnostic imaging study")


def encapsulated_pdf(
    report: ExamReport,
    pdf: bytes,
    sources: Sequence[Reference],
    *,
    facts: ExamFacts,
    place: Place,
    equipment: NodeEquipment,
    offset: timezone,
) -> Dataset:
    """The dataset. Raises InvalidObject."""
    whole = Dataset()
    whole.SOPClassUID = EncapsulatedPDFStorage
    whole.SOPInstanceUID = place.sop_instance_uid
    whole.Modality = "DOC"
    whole.SeriesInstanceUID = place.series_instance_uid
    whole.SeriesNumber = place.series_number
    whole.SeriesDescription = cleaned("LO", report.content.title)
    whole.InstanceNumber = place.instance_number
    whole.ConversionType = "SYN"
    finish(whole, facts, equipment, report.made_at, offset)
    whole.AcquisitionDateTime = dt(facts.started_at, offset)
    whole.BurnedInAnnotation = "YES"
    if references := reference_items(tuple(sources)):
        whole.SourceInstanceSequence = references
    whole.DocumentTitle = cleaned("ST", report.content.title)
    whole.ConceptNameCodeSequence = code_items((_TITLE,))
    whole.MIMETypeOfEncapsulatedDocument = "application/pdf"
    whole.EncapsulatedDocumentLength = len(pdf)
    whole.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    return whole
