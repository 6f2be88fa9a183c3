"""Reports and kept views as the HTTP API has them: the parts behind its routes, and their JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydicom import dcmread

from echonode.errors import OperatorRefused, StoreError, UsageError
from echonode.exam.reporting.choosing import Wish
from echonode.exam.reporting.reporting import Reporting
from echonode.exam.reporting.views import View
from echonode.model.exam_document import PARTS, DocumentPart, ExamDocument
from echonode.model.exam_report import KeyImage, ReportContent
from echonode.model.instance import buffered_bytes
from echonode.model.parse_faults import PARSE_FAULTS
from echonode.node.review_json import proof_json
from echonode.store.store import Store
from echonode.store.values import LedgerChoice, LedgerRow

Json = Mapping[str, Any]


class NodeReports:
    """web.reports.ReportApi on a node. result: where the HL7 result of a report stands, or None."""

    def __init__(
        self,
        store: Store,
        reporting: Reporting,
        *,
        result: Callable[[str], Json | None] = lambda _: None,
    ) -> None:
        self._store, self._reporting, self._result = store, reporting, result

    def templates(self) -> Sequence[Json]:
        return [each.model_dump() for each in self._reporting.templates.values()]

    def reports(self, exam_id: str) -> Sequence[Json]:
        exam = self._store.exams.exam(exam_id)
        if exam is None:
            raise UsageError(f"there is no exam {exam_id}")
        return [self._json(each) for each in self._store.documents.of_exam(exam_id)]

    def report(
        self,
        exam_id: str,
        *,
        template: str,
        language: str,
        findings: Mapping[str, str],
        conclusion: str,
        key_images: Sequence[tuple[str, int]] | None,
        measurements: Sequence[str] | None,
        by: str,
    ) -> Json:
        images = None
        if key_images is not None:
            images = [KeyImage(sop_instance_uid=uid, frame=frame) for uid, frame in key_images]
        wish = Wish(
            template=template,
            language=language,
            findings=findings,
            conclusion=conclusion,
            key_images=images,
            measurements=measurements,
        )
        return self._json(self._reporting.report(exam_id, wish, by=by))

    def pdf(self, exam_id: str, document_id: str) -> bytes:
        document = self._store.documents.one(document_id)
        if document is None or document.exam_id != exam_id:
            raise UsageError("there is no such report")
        for each in self._store.documents.captures(document_id):
            if PARTS[each.acquisition_number] is DocumentPart.PDF:
                return self._pages(each.sop_instance_uid)
        raise UsageError("it has no pages")

    def present(
        self,
        uid: str,
        *,
        frame: int,
        description: str,
        window: tuple[float, float] | None,
        area: tuple[float, float, float, float] | None,
        notes: Sequence[tuple[str, tuple[float, float]]],
        language: str,
        by: str,
    ) -> Json:
        view = View(
            frame=frame,
            description=description,
            window=window,
            area=area,
            notes=notes,
            language=language,
        )
        return self._json(self._reporting.present(uid, view, by=by))

    def _pages(self, uid: str) -> bytes:
        instance = self._store.index.instance(uid)
        if instance is None:
            raise OperatorRefused("its pages are not here: not made yet, or deleted after delivery")
        try:
            with buffered_bytes(instance) as file:
                whole = dcmread(file)
            return bytes(whole.EncapsulatedDocument[: whole.EncapsulatedDocumentLength])
        except (OSError, *PARSE_FAULTS) as error:
            raise StoreError(f"its file cannot be read ({type(error).__name__})") from None

    def _json(self, document: ExamDocument) -> Json:
        exam = self._store.exams.exam(document.exam_id)
        proof: dict[str, list[LedgerRow]] = {}
        if exam is not None:
            choice = LedgerChoice(study_instance_uid=exam.study_instance_uid)
            for row in self._store.ledger.rows(choice):
                proof.setdefault(row.sop_instance_uid, []).append(row)
        return {
            "id": document.id,
            "exam": document.exam_id,
            "kind": document.kind.value,
            "made_at": document.made_at.isoformat(),
            "by": document.by,
            "problem": document.problem,
            "content": _content(document),
            "objects": [
                {
                    "part": PARTS[each.acquisition_number].value,
                    "sop_instance_uid": each.sop_instance_uid,
                    "stored": each.sop_instance_uid in proof,
                    "rejected_by": each.rejected_by,
                    "deliveries": [proof_json(row) for row in proof.get(each.sop_instance_uid, ())],
                }
                for each in self._store.documents.captures(document.id)
            ],
            "result": self._result(document.id),
        }


def _content(document: ExamDocument) -> Json:
    content = document.content
    if isinstance(content, ReportContent):
        return {
            "template": content.template,
            "language": content.language,
            "title": content.title,
            "findings": [
                {"field": each.field, "label": each.label, "text": each.text}
                for each in content.findings
            ],
            "conclusion": content.conclusion,
            "key_images": [
                {"sop_instance_uid": each.sop_instance_uid, "frame": each.frame}
                for each in content.key_images
            ],
            "measurements": list(content.measurements),
        }
    return {
        "sop_instance_uid": content.sop_instance_uid,
        "frame": content.frame,
        "description": content.description,
        "window": None
        if content.window is None
        else {"center": content.window[0], "width": content.window[1]},
        "area": None if content.area is None else list(content.area),
        "drawn": [
            {"kind": each.kind.value, "points": [list(p) for p in each.points], "text": each.text}
            for each in content.drawn
        ],
    }
