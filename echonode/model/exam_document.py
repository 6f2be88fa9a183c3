"""What a person said of an exam's images, as it is kept: a report, or how an image was shown.

Rules
- A document never changes: a new one is another document, and both stand.
- It becomes one or several objects (DocumentPart), each a SOP instance of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from pydicom.uid import (
    UID,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
)

from echonode.model.exam import CaptureKind
from echonode.model.exam_report import ReportContent
from echonode.model.softcopy_state import SoftcopyState


class DocumentPart(StrEnum):
    """One object of a document. Kept by its place here: add at the end."""

    SR = "sr"
    PDF = "pdf"
    KEY_OBJECTS = "key_objects"
    PRESENTATION = "presentation"


PARTS = tuple(DocumentPart)
DOCUMENT_CLASSES: Mapping[DocumentPart, UID] = MappingProxyType(
    {
        DocumentPart.SR: ComprehensiveSRStorage,
        DocumentPart.PDF: EncapsulatedPDFStorage,
        DocumentPart.KEY_OBJECTS: KeyObjectSelectionDocumentStorage,
        DocumentPart.PRESENTATION: GrayscaleSoftcopyPresentationStateStorage,
    }
)
MADE_OF: Mapping[CaptureKind, tuple[DocumentPart, ...]] = MappingProxyType(
    {
        CaptureKind.REPORT: (DocumentPart.SR, DocumentPart.PDF, DocumentPart.KEY_OBJECTS),
        CaptureKind.PRESENTATION: (DocumentPart.PRESENTATION,),
    }
)


@dataclass(frozen=True, kw_only=True)
class ExamDocument:
    """id: such as D00000012; unique on this node. by: who made it; '' where no user is known.

    refers_to: SOP Instance UIDs of the images that it speaks of. problem: why it could not be made,
    for good; ''.
    """

    id: str
    exam_id: str
    kind: CaptureKind
    content: ReportContent | SoftcopyState
    refers_to: tuple[str, ...]
    made_at: datetime
    by: str = ""
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class ExamReport:
    """A document whose content is a report."""

    id: str
    exam_id: str
    content: ReportContent
    made_at: datetime
    by: str = ""
