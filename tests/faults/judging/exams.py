"""An operator's book and a RIS's, against a node's index, read without a line of EchoNode."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.callers.operator import Book, Whose
from tests.integration.exam.test_procedure_steps import dataset_of
from tests.peers.ris import StepScp

_PATIENT, _ORDER, _ACCESSION = "00100020", "00400270", "00080050"


@dataclass(frozen=True, kw_only=True)
class ExamRow:
    """An exam as the index has it. captures: those whose instance is stored."""

    whose: Whose
    accession_number: str
    ended: bool
    captures: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class StepRow:
    """A procedure step as the index has it; state and acknowledged in the node's words."""

    exam: str
    state: str
    acknowledged: str
    patient_id: str
    accession_number: str


@dataclass
class Heard:
    """What the RIS accepted of one step. final: in the words of the standard; '' not yet."""

    exam: str
    patient_id: str
    accession_number: str
    final: str = ""
    images: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Index:
    """The rows at one moment."""

    exams: Mapping[str, ExamRow]
    steps: Mapping[str, StepRow]  # by SOP Instance UID


def index_of(data_dir: Path) -> Index:
    """Read while the node runs, in one transaction."""
    with closing(sqlite3.connect(f"file:{data_dir / 'index.sqlite'}?mode=ro", uri=True)) as base:
        base.execute("BEGIN")
        stored: dict[str, set[str]] = {}
        for exam, uid in base.execute(
            "SELECT exam_id, c.sop_instance_uid FROM exam_capture c "
            "JOIN instance i ON i.sop_instance_uid = c.sop_instance_uid"
        ):
            stored.setdefault(exam, set()).add(uid)
        exams = {
            row[0]: ExamRow(
                whose=Whose(row[1], row[2]),
                accession_number=_accession_of(row[3]),
                ended=row[4] == "ended",
                captures=frozenset(stored.get(row[0], ())),
            )
            for row in base.execute(
                "SELECT id, patient_id, worklist_item_id, worklist_item, progress FROM exam"
            )
        }
        steps = {
            row[0]: StepRow(
                exam=row[1],
                state=row[2],
                acknowledged=row[3],
                patient_id=_first(row[4], _PATIENT),
                accession_number=_ordered(row[4]),
            )
            for row in base.execute(
                "SELECT sop_instance_uid, exam_id, state, acknowledged, attributes "
                "FROM procedure_step"
            )
        }
    return Index(exams, steps)


def heard(ris: StepScp) -> dict[str, Heard]:
    """By SOP Instance UID; a creation or an end that it accepted twice is a defect."""
    found: dict[str, Heard] = {}
    for request in ris.requests():
        if request.status != 0:
            continue
        ds = dataset_of(request.attributes)
        if request.kind == "create":
            assert request.sop_instance_uid not in found
            [scheduled] = ds.ScheduledStepAttributesSequence
            found[request.sop_instance_uid] = Heard(
                exam=str(ds.PerformedProcedureStepID),
                patient_id=str(ds.PatientID),
                accession_number=str(scheduled.get("AccessionNumber") or ""),
            )
            continue
        step = found[request.sop_instance_uid]
        assert step.final == ""
        step.final = str(ds.PerformedProcedureStepStatus)
        for series in ds.PerformedSeriesSequence:
            step.images += [
                str(each.ReferencedSOPInstanceUID) for each in series.ReferencedImageSequence
            ]
    return found


def faults_of_exams(index: Index, book: Book, accessions: Mapping[str, str]) -> Iterator[str]:
    """What of the answers is not so. accessions: item -> Accession Number."""
    for exam, answered in book.exams.items():
        now = index.exams.get(exam)
        if now is None:
            yield f"{exam} is not there"
            continue
        allowed = {answered}
        if not answered.patient_id and exam in book.asked:
            allowed.add(book.asked[exam])
        if now.whose not in allowed:
            yield f"{exam} is of {now.whose}, answered {answered}"
        if exam in book.ended and not now.ended:
            yield f"{exam} is open, answered ended"
    for uid, exam in book.stills.items():
        if exam in index.exams and uid not in index.exams[exam].captures:
            yield f"{uid} of {exam} is not there"
    yield from _faults_of_items(index, book, accessions)


def _faults_of_items(index: Index, book: Book, accessions: Mapping[str, str]) -> Iterator[str]:
    """Of every exam, answered or not: its order is its item's, and so is its patient."""
    for exam, now in index.exams.items():
        if now.accession_number != accessions.get(now.whose.item, ""):
            yield f"{exam} has {now.accession_number}, not its item's"
        if now.whose.item and now.whose.patient_id != book.orders[now.whose.item]:
            yield f"{exam} is of {now.whose.patient_id}, not its item's"


def faults_of_steps(before: Mapping[str, Heard], index: Index, ris: StepScp) -> Iterator[str]:
    """What the steps of the index, their exams and the RIS do not agree in.

    before: what the RIS had heard before the index was read, for the node goes on meanwhile.
    """
    for uid, told in before.items():
        row = index.steps.get(uid)
        if row is None or row.exam != told.exam:
            yield f"the RIS has {uid} of {told.exam}, the node has not"
        elif told.final and row.state.upper() != told.final:
            yield f"{uid} is {told.final} at the RIS and {row.state} here"
    after = heard(ris)
    for uid, row in index.steps.items():
        yield from _faults_beside_exam(uid, row, index.exams[row.exam])
        yield from _faults_at_ris(uid, row, after.get(uid))


def _faults_beside_exam(uid: str, row: StepRow, exam: ExamRow) -> Iterator[str]:
    if (row.patient_id, row.accession_number) != (exam.whose.patient_id, exam.accession_number):
        yield f"{uid} is of {row.patient_id} and {row.accession_number}, its exam is not"
    if not exam.captures:
        yield f"{uid} was begun without a capture"
    if row.state != "in_progress" and not exam.ended:
        yield f"{uid} is {row.state}, its exam is open"


def _faults_at_ris(uid: str, row: StepRow, told: Heard | None) -> Iterator[str]:
    if told is None:
        if row.acknowledged:
            yield f"{uid} was acknowledged, the RIS has not heard of it"
        return
    if row.acknowledged not in ("", "in_progress") and told.final != row.acknowledged.upper():
        yield f"{uid} was acknowledged as {row.acknowledged}, the RIS has {told.final}"
    if (told.patient_id, told.accession_number) != (row.patient_id, row.accession_number):
        yield f"the RIS has {uid} of {told.patient_id} and {told.accession_number}"


def _accession_of(item: str) -> str:
    return str(json.loads(item)["accession_number"]["value"]) if item else ""


def _first(attributes: str, tag: str) -> str:
    return str(next(iter(json.loads(attributes)[tag].get("Value", [])), ""))


def _ordered(attributes: str) -> str:
    [scheduled] = json.loads(attributes)[_ORDER]["Value"]
    return _first(json.dumps(scheduled), _ACCESSION)
