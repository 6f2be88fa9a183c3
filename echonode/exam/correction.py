"""An exam corrected after it was sent: a rejection note, and instances that are right (IHE IOCM).

Rules
- Both go through the store and the deliveries like anything that was captured: same proof, same
  ledger, which says what replaced what.
- What was wrong stays here and in the ledger. An archive that does not act on notes still
  shows it: the note asks for the rejection and does not prove it.
- A correction is durable before its objects are made (store/exams/corrections.py).
- What never left the node needs no note: images of an exam that waits for its patient are withdrawn
  here, and are not sent under whatever name the exam gets later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from pydicom import Dataset, dcmread
from pydicom.uid import KeyObjectSelectionDocumentStorage

from echonode.errors import (
    Damaged,
    EchoNodeError,
    FieldRefused,
    OperatorRefused,
    StoreError,
    described,
)
from echonode.exam.facts import facts_of, patient_of, require_writable
from echonode.exam.keeping import encoded, keep
from echonode.exam.rewriting import rewritten
from echonode.log import get_logger
from echonode.model.correction import CONSEQUENCES, LATERALITIES, Reason
from echonode.model.exam import CaptureKind, Exam, ExamCapture
from echonode.model.exam_state import Identity
from echonode.model.instance import StoredInstance, buffered_bytes
from echonode.model.patient import Patient
from echonode.model.worklist_item import WorklistItem
from echonode.objects.date_times import offset_of, set_moment
from echonode.objects.exam_attributes import replace_exam
from echonode.objects.key_objects import KeyObject, Place
from echonode.objects.rejection_note import rejection_note
from echonode.store.exams.corrections import Corrections, Unmade, Wanted
from echonode.store.exams.exams import Exams
from echonode.store.files.disk import disk_errors
from echonode.store.index.reader import IndexReader
from echonode.store.ingest.ingest import InstanceFiles

log = get_logger(__name__)


class CorrectedStore(Protocol):
    """What a correction needs of the store."""

    @property
    def exams(self) -> Exams: ...

    @property
    def corrections(self) -> Corrections: ...

    @property
    def files(self) -> InstanceFiles: ...

    @property
    def index(self) -> IndexReader: ...


class Correction:
    """Thread-safe: one at a time."""

    def __init__(
        self, store: CorrectedStore, *, destinations: Sequence[str], now: Callable[[], datetime]
    ) -> None:
        self._store, self._destinations, self._now = store, tuple(destinations), now
        self._one_at_a_time = threading.Lock()

    def correct(
        self,
        exam: Exam,
        reason: Reason,
        *,
        instances: frozenset[str] | None = None,
        patient: Patient | None = None,
        worklist_item: WorklistItem | None = None,
        laterality: str = "",
    ) -> Exam:
        """Correct an exam that has ended; as it is afterwards.

        Raises FieldRefused for what does not go with the reason; OperatorRefused, IllegalTransition
        where it cannot be; InvalidObject where no image can say whose it is; StoreError.
        """
        never_left = exam.held and exam.state.identity is Identity.UNIDENTIFIED
        if never_left and CONSEQUENCES[reason].replaces:
            raise OperatorRefused(f"nothing of {exam.id} was sent: identify it instead")
        if reason is Reason.WRONG_PATIENT:
            patient = patient or (worklist_item.patient if worklist_item else None)
            if patient is None:
                raise FieldRefused("patient", "is missing", "say whose the exam is")
            if instances is not None:
                raise FieldRefused("instances", "does not go with wrong_patient", "leave it out")
        elif patient is not None or worklist_item is not None:
            raise FieldRefused("patient", f"does not go with {reason}", "leave it out")
        if (reason is Reason.WRONG_SIDE) != (laterality in LATERALITIES):
            raise FieldRefused(
                "laterality", f"does not go with {reason}", "give R or L with wrong_side"
            )
        if never_left:
            wanted = Wanted(reason=reason, instances=instances)
            with self._one_at_a_time:
                withdrawn = self._store.corrections.withdraw(exam.id, wanted, at=self._now())
            log.info("exam_withdrawn", exam=exam.id, reason=reason.value)
            return withdrawn
        if not CONSEQUENCES[reason].new_study:  # the patient stays the same
            patient, worklist_item = patient_of(exam), exam.worklist_item
        require_writable(exam, patient or patient_of(exam), worklist_item)
        wanted = Wanted(
            reason=reason,
            instances=instances,
            patient=patient,
            worklist_item=worklist_item,
            laterality=laterality,
        )
        with self._one_at_a_time:
            corrected = self._store.corrections.begin(exam.id, wanted, at=self._now())
        log.info("exam_corrected", exam=exam.id, reason=reason.value)
        try:
            self.make_all()
        except StoreError as error:  # it is corrected; the worker goes on with its objects
            log.error("correction_unmade", exam=exam.id, reason=str(error))
        return corrected

    def make_all(self) -> None:
        """Make what corrections owe; an error of one is logged. Raises StoreError."""
        with self._one_at_a_time:
            for unmade in self._store.corrections.unmade():
                uid = unmade.capture.sop_instance_uid
                try:
                    self._make(unmade)
                except EchoNodeError as error:
                    log.error("correction_unmade", sop_instance_uid=uid, reason=str(error))
                except Exception as error:  # noqa: BLE001  # the border of one instance
                    reason = described(error)
                    log.error("correction_unmade", sop_instance_uid=uid, reason=reason)

    def _make(self, unmade: Unmade) -> None:
        capture = unmade.capture
        # Where it is stored already, a stop came between its commit and the mark below.
        if self._store.index.instance(capture.sop_instance_uid) is None:
            if capture.kind is CaptureKind.REJECTION_NOTE:
                self._keep(capture, str(KeyObjectSelectionDocumentStorage), self._note(unmade))
            else:
                original = self._here(capture.replaces)
                self._keep(capture, original.sop_class_uid, self._corrected(unmade, original))
        self._store.corrections.made(capture.sop_instance_uid)

    def _note(self, unmade: Unmade) -> Iterable[bytes]:
        capture = unmade.capture
        captures = self._store.corrections.rejected_by(capture.sop_instance_uid)
        originals = [self._here(each.sop_instance_uid) for each in captures]
        with disk_errors("to read a file"), buffered_bytes(originals[0]) as file:
            original = dcmread(file, stop_before_pixels=True)
        note = rejection_note(
            [
                KeyObject(
                    sop_class_uid=each.sop_class_uid,
                    sop_instance_uid=each.sop_instance_uid,
                    series_instance_uid=each.series_instance_uid,
                )
                for each in originals
            ],
            original=original,
            title=CONSEQUENCES[Reason(unmade.detail["reason"])].title,
            place=Place(
                sop_instance_uid=capture.sop_instance_uid,
                series_instance_uid=capture.series_instance_uid,
                series_number=capture.series_number,
                instance_number=capture.instance_number,
            ),
            now=capture.captured_at,
            offset=offset_of(self._exam(capture).opened_at),
        )
        yield encoded(note)

    def _corrected(self, unmade: Unmade, original: StoredInstance) -> Iterable[bytes]:
        capture = unmade.capture
        exam = self._exam(capture)
        facts, offset = facts_of(exam, capture), offset_of(exam.opened_at)

        def change(dataset: Dataset) -> None:
            if CONSEQUENCES[Reason(unmade.detail["reason"])].new_study:
                replace_exam(dataset, facts, offset)
            if laterality := unmade.detail.get("laterality"):
                dataset.Laterality = laterality
            dataset.SOPInstanceUID = capture.sop_instance_uid
            dataset.SeriesInstanceUID = capture.series_instance_uid
            dataset.SeriesNumber = capture.series_number
            dataset.InstanceNumber = capture.instance_number
            set_moment(dataset, "InstanceCreation", capture.captured_at, offset)

        return rewritten(original, change)

    def _keep(self, capture: ExamCapture, sop_class_uid: str, pieces: Iterable[bytes]) -> None:
        keep(self._store.files, capture, sop_class_uid, pieces, destinations=self._destinations)

    def _exam(self, capture: ExamCapture) -> Exam:
        exam = self._store.exams.exam(capture.exam_id)
        assert exam is not None  # its capture refers to it
        return exam

    def _here(self, sop_instance_uid: str) -> StoredInstance:
        instance = self._store.index.instance(sop_instance_uid)
        if instance is None:
            raise Damaged(f"{sop_instance_uid} is not here any more, and cannot be corrected")
        return instance
