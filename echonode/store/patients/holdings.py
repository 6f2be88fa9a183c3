"""What is held of a patient: the one list of tables that export and erasure both go by.

Rules
- A patient is a Patient ID, exactly, of whatever issuer.
- A new table with a patient's data has a row here, or neither export nor erasure knows it; a test
  compares with the schema.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from echonode.at_rest.reading import StoredFile, buffered, open_file
from echonode.model.instance import StoredInstance
from echonode.store.database import schema
from echonode.store.database.connections import reading
from echonode.store.database.rows import JOINED, SELECT_INSTANCES, stored_instance
from echonode.store.files.layout import Layout

_exam, _step = schema.exam.c, schema.procedure_step.c
_PATIENT_ID_TAG = "00100020"
Condition = Callable[[sa.Connection, str], sa.ColumnElement[bool]]


@dataclass(frozen=True, kw_only=True)
class Held:
    """Rows of one table. name: in an export."""

    name: str
    table: sa.Table
    of: Condition


def _exams(patient_id: str) -> sa.Select[str]:
    return sa.select(_exam.id).where(_exam.patient_id == patient_id)


def _documents(patient_id: str) -> sa.Select[str]:
    document = schema.exam_document.c
    return sa.select(document.id).where(document.exam_id.in_(_exams(patient_id)))


def instances_of(patient_id: str) -> sa.Select[Any]:
    """The row ids of a patient's instances."""
    return (
        sa.select(schema.instance.c.id)
        .select_from(JOINED)
        .where(schema.patient.c.patient_id == patient_id)
    )


def uids_of(patient_id: str) -> sa.Select[Any]:
    """The SOP Instance UIDs of a patient's instances."""
    return (
        sa.select(schema.instance.c.sop_instance_uid)
        .select_from(JOINED)
        .where(schema.patient.c.patient_id == patient_id)
    )


def _measurements(connection: sa.Connection, patient_id: str) -> sa.ColumnElement[bool]:
    measured = schema.measurement.c
    return sa.or_(
        measured.exam_id.in_(_exams(patient_id)),
        measured.sop_instance_uid.in_(uids_of(patient_id)),
    )


def _steps(connection: sa.Connection, patient_id: str) -> sa.ColumnElement[bool]:
    """Those of our exams, and those that other modalities reported, by their attributes."""
    foreign = sa.select(_step.id, _step.attributes).where(_step.exam_id.is_(None))
    named = [row.id for row in connection.execute(foreign) if _names(row.attributes, patient_id)]
    return sa.or_(_step.exam_id.in_(_exams(patient_id)), _step.id.in_(named))


def _names(attributes: str, patient_id: str) -> bool:
    try:
        element = json.loads(attributes).get(_PATIENT_ID_TAG) or {}
        return patient_id in [str(value) for value in element.get("Value") or ()]
    except (ValueError, AttributeError):
        return False


def _studies(patient_id: str) -> sa.CompoundSelect[str]:
    """Of the instances that are here, and of the exams."""
    study, patient, exam = schema.study.c, schema.patient.c, schema.exam.c
    return sa.union(
        sa.select(study.study_instance_uid)
        .join_from(schema.study, schema.patient)
        .where(patient.patient_id == patient_id),
        sa.select(exam.study_instance_uid).where(exam.patient_id == patient_id),
    )


# In the order in which rows are deleted: what refers to others first.
OF_A_PATIENT: tuple[Held, ...] = (
    Held(
        name="print_jobs",
        table=schema.print_job,
        of=lambda _, pid: schema.print_job.c.study_instance_uid.in_(_studies(pid)),
    ),
    Held(
        name="results",
        table=schema.hl7_result,
        of=lambda _, pid: schema.hl7_result.c.exam_document_id.in_(_documents(pid)),
    ),
    Held(
        name="documents",
        table=schema.exam_document,
        of=lambda _, pid: schema.exam_document.c.exam_id.in_(_exams(pid)),
    ),
    Held(name="measurements", table=schema.measurement, of=_measurements),
    Held(name="procedure_steps", table=schema.procedure_step, of=_steps),
    Held(
        name="captures",
        table=schema.exam_capture,
        of=lambda _, pid: schema.exam_capture.c.exam_id.in_(_exams(pid)),
    ),
    Held(
        name="exam_events",
        table=schema.exam_event,
        of=lambda _, pid: schema.exam_event.c.exam_id.in_(_exams(pid)),
    ),
    Held(name="exams", table=schema.exam, of=lambda _, pid: _exam.patient_id == pid),
    Held(
        name="worklist",
        table=schema.worklist_item,
        of=lambda _, pid: schema.worklist_item.c.patient_id == pid,
    ),
    Held(
        name="known_patients",
        table=schema.known_patient,
        of=lambda _, pid: schema.known_patient.c.patient_id == pid,
    ),
    Held(
        name="merges",
        table=schema.patient_merge,
        of=lambda _, pid: sa.or_(
            schema.patient_merge.c.patient_id == pid,
            schema.patient_merge.c.prior_patient_id == pid,
        ),
    ),
)


class Holdings:
    """Reads what is held. Thread-safe."""

    def __init__(self, readers: sa.Engine, layout: Layout) -> None:
        self._readers, self._layout = readers, layout

    def instances(self, patient_id: str) -> list[StoredInstance]:
        """The stored instances, by study. Raises StoreError."""
        statement = SELECT_INSTANCES.where(schema.patient.c.patient_id == patient_id).order_by(
            schema.study.c.id, schema.series.c.id, schema.instance.c.id
        )
        with reading(self._readers) as connection:
            return [stored_instance(row, self._layout) for row in connection.execute(statement)]

    def rows(self, patient_id: str) -> Mapping[str, list[Mapping[str, object]]]:
        """Name of a table -> its rows, in our own words for each column. Raises StoreError."""
        found: dict[str, list[Mapping[str, object]]] = {}
        with reading(self._readers) as connection:
            for held in OF_A_PATIENT:
                statement = sa.select(held.table).where(held.of(connection, patient_id))
                found[held.name] = [dict(row._mapping) for row in connection.execute(statement)]
        return found

    def names(self, patient_id: str) -> set[str]:
        """The names under which the patient is known. Raises StoreError."""
        patient, known = schema.patient.c, schema.known_patient.c
        with reading(self._readers) as connection:
            names = set(
                connection.execute(
                    sa.select(patient.patient_name).where(patient.patient_id == patient_id)
                ).scalars()
            )
            for column, condition in (
                (_exam.patient, _exam.patient_id == patient_id),
                (known.patient, known.patient_id == patient_id),
            ):
                for text in connection.execute(sa.select(column).where(condition)).scalars():
                    names.add(str(json.loads(text).get("name", "")) if text else "")
        return {name for name in names if name}

    def quarantined(self, patient_id: str) -> tuple[list[Path], int]:
        """The patient's files in quarantine, and how many files there cannot be read."""
        found, unreadable = [], 0
        for path, owner in _owners(self._layout):
            if owner is None:
                unreadable += 1
            elif owner == patient_id:
                found.append(path)
        return found, unreadable

    def opened(self, path: Path) -> StoredFile:
        """A file in quarantine. Raises OSError."""
        return open_file(path, self._layout.cipher)

    def set_aside(self) -> list[str]:
        """Copies of damaged databases, which hold rows of every patient; by their names."""
        ours = self._layout.database.name
        return sorted(
            path.name
            for path in self._layout.data_dir.glob("index*.sqlite*")
            if not path.name.startswith(ours)
        )


def _owners(layout: Layout) -> Iterator[tuple[Path, str | None]]:
    """Each file with its Patient ID; None where it cannot be read."""
    # Here, and not above: who only reads rows waits for no pydicom (read_only_store.py).
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    for path in sorted(layout.quarantine.glob("*.dcm")):
        try:
            with buffered(path, layout.cipher) as file:
                dataset = dcmread(file, specific_tags=["PatientID"], stop_before_pixels=True)
        except (InvalidDicomError, OSError, ValueError, KeyError, EOFError, NotImplementedError):
            yield path, None
        else:
            yield path, str(dataset.get("PatientID", "") or "").strip()
