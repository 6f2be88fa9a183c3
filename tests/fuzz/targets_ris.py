"""Fuzz targets of what a RIS sends: worklist answers, down to the image that is made of one."""

from __future__ import annotations

from datetime import UTC, datetime

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.dimse.messages.datasets import from_bytes, to_bytes
from echonode.errors import DimseFailure, InvalidObject
from echonode.exam.procedure_step.attributes import StepStation, created
from echonode.exam.worklist.answers import items_of
from echonode.exam.worklist.character_sets import assume
from echonode.exam.worklist.query import WorklistQuery
from echonode.model.worklist_item import WorklistItem
from echonode.objects.exam_attributes import set_exam
from echonode.store.exams.json_values import from_json, to_json
from tests.fuzz.target import Target
from tests.unit.exam.worklist.answers import answer, full_answer
from tests.unit.objects.orders import ordered

_SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_ASSUMED = ("", "ISO_IR 100", "ISO_IR 192", "ISO 2022 IR 87")
_NOW = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
_STATION = StepStation(ae_title="ECHONODE", name="ECHONODE")
_ASKED = WorklistQuery(station_ae_title="US1", modality="US")


def worklist_answer(data: bytes) -> None:
    """Items that are kept, written into an image and reported whole; or no item, with a reason.

    The first byte chooses the transfer syntax and the character set that is assumed.
    """
    if not data:
        return
    syntax = _SYNTAXES[data[0] % 2]
    try:
        dataset = from_bytes(data[1:], syntax)
        assume(dataset, _ASSUMED[data[0] // 2 % 4])
        items = items_of(dataset, source_name="ris", fetched_at=_NOW, asked=_ASKED)
    except (DimseFailure, InvalidObject):
        return
    for item in items:
        assert from_json(WorklistItem, to_json(item)) == item
        facts = ordered(item)
        image = Dataset()
        image.SpecificCharacterSet = "ISO_IR 192"
        set_exam(image, facts, UTC)
        step = created(facts, _STATION, UTC)
        for made in (image, step):
            read = from_bytes(to_bytes(made, ExplicitVRLittleEndian), ExplicitVRLittleEndian)
            assert str(read.PatientName or "") == item.patient.name.rstrip("= ")
            assert str(read.PatientID or "") == item.patient.id
        kept = Dataset.from_json(step.to_json())
        assert to_bytes(kept, ExplicitVRLittleEndian) == to_bytes(step, ExplicitVRLittleEndian)


TARGETS = (
    Target(
        run=worklist_answer,
        seeds=tuple(
            bytes([number]) + to_bytes(made, _SYNTAXES[number])
            for number in range(2)
            for made in (answer(), full_answer())
        ),
    ),
)
