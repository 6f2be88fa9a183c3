"""Documents of exams: what a person reported or wants shown, and which of its objects are missing.

The order that makes it whole:
1. One transaction: the document, and a row of exam_capture for each of its objects.
2. Each object is built and stored like any other instance, under the UID that its row has.

A node that is killed between the two finds the rows that are not marked as made, and makes them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from echonode.errors import IndexDamaged, OperatorRefused
from echonode.model.exam import DOCUMENTS, CaptureKind, Exam, ExamCapture
from echonode.model.exam_document import MADE_OF, PARTS, DocumentPart, ExamDocument
from echonode.model.exam_report import ReportContent
from echonode.model.exam_state import Identity
from echonode.model.identity import derive_uid
from echonode.model.softcopy_state import SoftcopyState
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.counters import next_value
from echonode.store.database.rows import parse_enum
from echonode.store.exams.captures import insert_capture, next_instance_number, series_number
from echonode.store.exams.exam_rows import capture_of, exam_in
from echonode.store.exams.json_values import from_json, to_json

_document, _capture = schema.exam_document.c, schema.exam_capture.c
_COUNTER = "document"
# Of one exam: each becomes objects that every archive keeps.
MOST_DOCUMENTS = 200
IS_DOCUMENT = _capture.kind.in_([kind.value for kind in DOCUMENTS])
# As a condition on exam_capture: an object that is still to be made.
IS_OWED = sa.and_(
    IS_DOCUMENT,
    sa.not_(_capture.has_patient),
    _capture.rejected_by == "",
    sa.exists().where(_capture.connection_id == _document.id, _document.problem == ""),
)


@dataclass(frozen=True, kw_only=True)
class NewDocument:
    """What a person wants kept. result_for: who gets it as an HL7 result; ''."""

    kind: CaptureKind
    content: ReportContent | SoftcopyState
    refers_to: Sequence[str]
    by: str = ""
    result_for: str = ""


@dataclass(frozen=True, kw_only=True)
class Owed:
    """A document and its objects that are not stored yet."""

    document: ExamDocument
    captures: tuple[ExamCapture, ...]


class Documents:
    """Thread-safe; durable on return. Each raises StoreError."""

    def __init__(self, writer: Writer, readers: sa.Engine, node_id: str) -> None:
        self._writer, self._readers, self._node_id = writer, readers, node_id

    def begin(self, exam_id: str, new: NewDocument, *, at: datetime) -> ExamDocument:
        """Write down a document and its objects' places.

        Raises UsageError where the exam is unknown; OperatorRefused where it has no patient yet, or
        too many documents.
        """

        def work(connection: sa.Connection) -> ExamDocument:
            exam = exam_in(connection, exam_id)
            if exam.state.identity is Identity.UNIDENTIFIED:
                raise OperatorRefused(
                    f"{exam_id} has no patient yet: say whose it is, for a report names its patient"
                )
            count = sa.select(sa.func.count()).where(_document.exam_id == exam_id)
            if int(connection.scalar(count) or 0) >= MOST_DOCUMENTS:
                raise OperatorRefused(f"{exam_id} has {MOST_DOCUMENTS} reports and views already")
            document_id = f"D{next_value(connection, _COUNTER):08d}"
            values = {
                "id": document_id,
                "exam_id": exam_id,
                "kind": new.kind.value,
                "content": to_json(new.content),
                "refers_to": json.dumps(list(new.refers_to)),
                "made_at": at,
                "made_by": new.by,
                "result_for": new.result_for,
                "problem": "",
            }
            connection.execute(sa.insert(schema.exam_document), values)
            for part in MADE_OF[new.kind]:
                place = self._place(connection, exam, document_id, new.kind, part, at)
                insert_capture(connection, place, has_patient=False)
            return _of(connection, _by_id(document_id))[0]

        return self._writer.run(work)

    def of_exam(self, exam_id: str) -> list[ExamDocument]:
        """All of an exam, in the order they were made."""
        statement = sa.select(schema.exam_document).where(_document.exam_id == exam_id)
        with reading(self._readers) as connection:
            return _of(connection, statement)

    def one(self, document_id: str) -> ExamDocument | None:
        """By its id; None where it is unknown."""
        with reading(self._readers) as connection:
            found = _of(connection, _by_id(document_id))
        return found[0] if found else None

    def captures(self, document_id: str) -> list[ExamCapture]:
        """Its objects, in the order of their parts."""
        statement = (
            sa.select(schema.exam_capture)
            .where(_capture.connection_id == document_id, IS_DOCUMENT)
            .order_by(_capture.acquisition_number)
        )
        with reading(self._readers) as connection:
            return [capture_of(row) for row in connection.execute(statement)]

    def owed(self) -> list[Owed]:
        """Documents with objects that are to be made, oldest first."""
        statement = sa.select(schema.exam_capture).where(IS_OWED).order_by(_capture.id)
        with reading(self._readers) as connection:
            captures = [capture_of(row) for row in connection.execute(statement)]
            found = []
            for document_id in dict.fromkeys(each.connection_id for each in captures):
                [document] = _of(connection, _by_id(document_id))
                mine = tuple(each for each in captures if each.connection_id == document_id)
                found.append(Owed(document=document, captures=mine))
            return found

    def made(self, document_id: str) -> None:
        """All its objects are stored."""
        self._writer.execute(
            sa.update(schema.exam_capture)
            .where(_capture.connection_id == document_id, IS_DOCUMENT)
            .values(has_patient=True)
        )

    def failed(self, document_id: str, problem: str) -> None:
        """It cannot be made, and is not tried again."""
        self._writer.execute(
            sa.update(schema.exam_document)
            .where(_document.id == document_id)
            .values(problem=problem)
        )

    def _place(
        self,
        connection: sa.Connection,
        exam: Exam,
        document_id: str,
        kind: CaptureKind,
        part: DocumentPart,
        at: datetime,
    ) -> ExamCapture:
        """Objects of one kind of an exam are one series; a corrected exam's are another study's."""
        series = derive_uid("series", self._node_id, exam.id, exam.study_instance_uid, part.value)
        return ExamCapture(
            exam_id=exam.id,
            sop_instance_uid=derive_uid("document", self._node_id, document_id, part.value),
            series_instance_uid=series,
            probe=exam.probe,
            connection_id=document_id,
            acquisition_number=PARTS.index(part),
            series_number=series_number(connection, exam.study_instance_uid, series),
            instance_number=next_instance_number(connection, series),
            kind=kind,
            captured_at=at,
        )


def speaking_of(
    connection: sa.Connection, exam_id: str, sop_instance_uids: Sequence[str]
) -> list[sa.Row[*tuple[Any, ...]]]:
    """Rows of exam_capture: objects of an exam's documents that speak of one of these images."""
    wanted = set(sop_instance_uids)
    documents = _of(connection, sa.select(schema.exam_document).where(_document.exam_id == exam_id))
    ids = [each.id for each in documents if wanted.intersection(each.refers_to)]
    return list(
        connection.execute(
            sa.select(schema.exam_capture)
            .where(_capture.connection_id.in_(ids), IS_DOCUMENT, _capture.rejected_by == "")
            .order_by(_capture.id)
        ).all()
    )


def _of(connection: sa.Connection, statement: sa.Select[*tuple[Any, ...]]) -> list[ExamDocument]:
    rows = connection.execute(statement.order_by(_document.id))
    return [_read(row) for row in rows]


def _read(row: sa.Row[*tuple[Any, ...]]) -> ExamDocument:
    kind = parse_enum(CaptureKind, row.kind)
    content: ReportContent | SoftcopyState | None
    if kind is CaptureKind.REPORT:
        content = from_json(ReportContent, row.content)
    else:
        content = from_json(SoftcopyState, row.content)
    try:
        refers_to = tuple(str(each) for each in json.loads(row.refers_to))
    except ValueError:
        raise IndexDamaged("the database holds what is not a list of UIDs") from None
    if content is None:
        raise IndexDamaged("the database holds a document without content")
    return ExamDocument(
        id=row.id,
        exam_id=row.exam_id,
        kind=kind,
        content=content,
        refers_to=refers_to,
        made_at=row.made_at,
        by=row.made_by,
        problem=row.problem,
    )


def _by_id(document_id: str) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(schema.exam_document).where(_document.id == document_id)
