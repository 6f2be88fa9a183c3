"""Reports and views of an exam: written down first, then their objects, like a correction's.

Rules
- Whatever would stop it is looked for before anything is written down: a font that is missing, an
  image that is gone, a program part that this Python has not.
- Written down it is made, at once or after a kill; what can never be made is said in the document
  and not tried again. A disk that refuses is tried again.
- All objects go through the store and the deliveries like anything that was captured: same proof,
  same ledger, and the procedure step names them.
- The result for a RIS is written down before the document counts as made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydicom import Dataset

from echonode.errors import (
    Damaged,
    EchoNodeError,
    OperatorRefused,
    StoreError,
    UsageError,
    described,
)
from echonode.exam.keeping import encoded, keep
from echonode.exam.reporting.choosing import (
    Wish,
    chosen_content,
    refers_to,
    standing,
    standing_measurements,
)
from echonode.exam.reporting.making import Making, ReadStore, Settings, head_of, place_of
from echonode.exam.reporting.views import View, view_state
from echonode.log import get_logger
from echonode.model.exam import CaptureKind, Exam, ExamCapture
from echonode.model.exam_document import (
    DOCUMENT_CLASSES,
    PARTS,
    ExamDocument,
    ExamReport,
)
from echonode.model.exam_state import Identity
from echonode.model.softcopy_state import SoftcopyState
from echonode.objects.date_times import offset_of
from echonode.objects.presentation.softcopy import require_grey, softcopy_state
from echonode.objects.reports.pdf import texts_of
from echonode.objects.reports.structured import require_highdicom
from echonode.store.exams.documents import Documents, NewDocument, Owed
from echonode.store.ingest.ingest import InstanceFiles

log = get_logger(__name__)


class ReportingStore(ReadStore, Protocol):
    """What reporting needs of the store."""

    @property
    def documents(self) -> Documents: ...

    @property
    def files(self) -> InstanceFiles: ...


@dataclass(frozen=True, kw_only=True)
class Results:
    """Where a report's text goes as an HL7 result. receiver: its name; '' where none is.

    write: keeps the result of a report, once.
    """

    receiver: str = ""
    write: Callable[[ExamDocument, Exam, Making], None] = lambda *_: None


class Reporting:
    """Thread-safe: objects of one document at a time."""

    def __init__(
        self,
        store: ReportingStore,
        settings: Settings,
        *,
        destinations: Sequence[str],
        now: Callable[[], datetime],
        results: Results | None = None,
    ) -> None:
        self._store, self._settings, self._now = store, settings, now
        self.templates = settings.templates
        self._destinations = tuple(destinations)
        self._results = results or Results()
        self._making = Making(store, settings)
        self._one_at_a_time = threading.Lock()

    def report(self, exam_id: str, wish: Wish, *, by: str) -> ExamDocument:
        """Report an exam; the document as it is kept.

        Raises UsageError, FieldRefused; OperatorRefused where it cannot be; StoreError.
        """
        exam = self._exam(exam_id)
        require_highdicom()
        captures = self._store.exams.captures(exam_id)
        frames = self._frames(captures)
        content, measured = chosen_content(
            wish,
            captures,
            self._store.measurements.of_exam(exam_id),
            frames,
            self._settings.templates,
        )
        report = ExamReport(id="", exam_id=exam_id, content=content, made_at=self._now(), by=by)
        facts = self._making.facts(exam, captures)
        self._settings.fonts.require(texts_of(report, measured, facts, self._settings.equipment))
        new = NewDocument(
            kind=CaptureKind.REPORT,
            content=content,
            refers_to=refers_to(content, measured, frames),
            by=by,
            result_for=self._results.receiver,
        )
        return self._begun(exam_id, new, at=report.made_at)

    def present(self, sop_instance_uid: str, view: View, *, by: str) -> ExamDocument:
        """Keep how an image of an exam is shown. Raises as `report`."""
        instance = self._store.index.instance(sop_instance_uid)
        exam_id = self._store.measurements.exam_of(sop_instance_uid)
        if instance is None:
            raise UsageError("there is no such image here")
        if not exam_id:
            raise OperatorRefused("it is of no exam of this node: its views are kept elsewhere")
        self._exam(exam_id)
        captures = self._store.exams.captures(exam_id)
        images = standing(captures)
        stands = images.get(sop_instance_uid)
        if stands is None or stands.sop_instance_uid != sop_instance_uid:
            raise OperatorRefused("a correction rejected the image: show the one in its place")
        image = head_of(instance)
        require_grey(image)
        made = standing_measurements(self._store.measurements.of_instance(sop_instance_uid), images)
        state = view_state(sop_instance_uid, view, image, made)
        new = NewDocument(
            kind=CaptureKind.PRESENTATION, content=state, refers_to=[sop_instance_uid], by=by
        )
        return self._begun(exam_id, new, at=self._now())

    def make_all(self) -> None:
        """Make what documents owe; an error of one is logged. Raises StoreError."""
        with self._one_at_a_time:
            for owed in self._store.documents.owed():
                try:
                    self._make(owed)
                except StoreError as error:
                    if isinstance(error, Damaged):
                        self._give_up(owed, str(error))
                    else:
                        log.error("document_unmade", exam=owed.document.exam_id, reason=str(error))
                except EchoNodeError as error:
                    self._give_up(owed, str(error))
                except Exception as error:  # noqa: BLE001  # the border of one document
                    self._give_up(owed, described(error))

    def _begun(self, exam_id: str, new: NewDocument, *, at: datetime) -> ExamDocument:
        document = self._store.documents.begin(exam_id, new, at=at)
        log.info("document_begun", exam=exam_id, document=document.id, kind=new.kind.value)
        try:
            self.make_all()
        except StoreError as error:  # it is written down; the worker goes on with its objects
            log.error("document_unmade", exam=exam_id, reason=str(error))
        return self._store.documents.one(document.id) or document

    def _make(self, owed: Owed) -> None:
        document = owed.document
        exam = self._store.exams.exam(document.exam_id)
        assert exam is not None  # its document refers to it
        for part in owed.captures:
            # Where it is stored already, a stop came between its commit and the mark below.
            if self._store.index.instance(part.sop_instance_uid) is None:
                dataset = self._object(part, document, exam)
                sop_class = str(DOCUMENT_CLASSES[PARTS[part.acquisition_number]])
                pieces = [encoded(dataset)]
                keep(self._store.files, part, sop_class, pieces, destinations=self._destinations)
        if document.kind is CaptureKind.REPORT:
            self._results.write(document, exam, self._making)
        self._store.documents.made(document.id)
        log.info("document_made", exam=exam.id, document=document.id, objects=len(owed.captures))

    def _object(self, part: ExamCapture, document: ExamDocument, exam: Exam) -> Dataset:
        state = document.content
        if not isinstance(state, SoftcopyState):
            return self._making.made(part, self._making.material(document, exam))
        instance = self._store.index.instance(state.sop_instance_uid)
        if instance is None:
            raise Damaged(f"{state.sop_instance_uid} is not here any more, and cannot be shown")
        return softcopy_state(
            state,
            head_of(instance),
            facts=self._making.facts(exam, self._store.exams.captures(exam.id)),
            place=place_of(part),
            equipment=self._settings.equipment,
            at=document.made_at,
            by=document.by,
            offset=offset_of(exam.opened_at),
        )

    def _give_up(self, owed: Owed, reason: str) -> None:
        self._store.documents.failed(owed.document.id, reason)
        log.error(
            "document_impossible",
            exam=owed.document.exam_id,
            document=owed.document.id,
            reason=reason,
            alarm=True,
        )

    def _exam(self, exam_id: str) -> Exam:
        exam = self._store.exams.exam(exam_id)
        if exam is None:
            raise UsageError(f"there is no exam {exam_id}")
        if exam.state.identity is Identity.UNIDENTIFIED:
            raise OperatorRefused(
                f"{exam_id} has no patient yet: say whose it is, for a report names its patient"
            )
        return exam

    def _frames(self, captures: Sequence[ExamCapture]) -> dict[str, int]:
        """Of each image that is here."""
        found = {}
        for each in dict.fromkeys(standing(captures).values()):
            instance = self._store.index.instance(each.sop_instance_uid)
            if instance is not None:
                found[each.sop_instance_uid] = int(head_of(instance).get("NumberOfFrames") or 1)
        return found
