"""What is reported of a procedure step: the attributes of N-CREATE and of N-SET. Pure.

Rules
- `created` is everything that is known when the step begins; `finished` adds its end and every
  series. That dataset is kept, and the two messages are cut out of it: a peer that was away all the
  time gets the N-CREATE that it would have had.
- Type 2 attributes and sequences of PS3.4 table F.7.2-1 are present though empty: servers refuse
  the step without them (0120).
- What the order says comes by the table of objects/order_table.py: the images have the same.
- Times are in the offset of the exam's study, as in its images.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from pydicom.dataset import Dataset
from pydicom.uid import (
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from echonode.model.exam import ExamFacts
from echonode.model.procedure_step import StepState
from echonode.model.worklist_item import Code, Reference
from echonode.objects.date_times import set_moment
from echonode.objects.order_attributes import set_step_attributes
from echonode.objects.sequence_items import code_items, reference_items
from echonode.objects.values import cleaned

_IMAGES = frozenset({str(UltrasoundImageStorage), str(UltrasoundMultiFrameImageStorage)})

# Of the N-CREATE alone (PS3.4 table F.7.2-1, "Not allowed" in an N-SET), type 2.
_TYPE_2_ONCE = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("PerformedStationName", "PerformedLocation", "StudyID"),
)
_TYPE_2_SEQUENCES_ONCE = ("ReferencedPatientSequence",)
_TYPE_2_SCHEDULED = (
    *("AccessionNumber", "RequestedProcedureID", "RequestedProcedureDescription"),
    *("ScheduledProcedureStepID", "ScheduledProcedureStepDescription"),
)
_TYPE_2_SEQUENCES_SCHEDULED = ("ReferencedStudySequence", "ScheduledProtocolCodeSequence")
# Of both messages.
_TYPE_2 = ("PerformedProcedureStepDescription", "PerformedProcedureTypeDescription")
_END = ("PerformedProcedureStepEndDate", "PerformedProcedureStepEndTime")
_SERIES = "PerformedSeriesSequence"
_REASON = "PerformedProcedureStepDiscontinuationReasonCodeSequence"
_TYPE_2_SEQUENCES = ("ProcedureCodeSequence", "PerformedProtocolCodeSequence", _REASON)
_OF_N_SET = (
    "SpecificCharacterSet",
    "PerformedProcedureStepStatus",
    *_TYPE_2,
    *_END,
    *_TYPE_2_SEQUENCES,
    _SERIES,
)


@dataclass(frozen=True, kw_only=True)
class StepStation:
    """Who performs: our AE title, Station Name and retrieve AE title ('' unknown)."""

    ae_title: str
    name: str = ""
    retrieve_ae_title: str = ""


@dataclass(frozen=True, kw_only=True)
class SeriesMade:
    """One series of the step. instances: images, and reports or other documents."""

    series_instance_uid: str
    instances: tuple[Reference, ...]
    description: str = ""


def created(facts: ExamFacts, station: StepStation, offset: timezone) -> Dataset:
    """The step as it begins. facts.performed_step is needed. Raises InvalidObject."""
    step = facts.performed_step
    if step is None:
        raise ValueError("an exam whose step is reported has a performed step")
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword in (*_TYPE_2_ONCE, *_TYPE_2, *_END):
        setattr(dataset, keyword, None)
    for keyword in (*_TYPE_2_SEQUENCES_ONCE, *_TYPE_2_SEQUENCES, _SERIES):
        setattr(dataset, keyword, [])
    scheduled = Dataset()
    for keyword in _TYPE_2_SCHEDULED:
        setattr(scheduled, keyword, None)
    for keyword in _TYPE_2_SEQUENCES_SCHEDULED:
        setattr(scheduled, keyword, [])
    dataset.ScheduledStepAttributesSequence = [scheduled]
    set_step_attributes(dataset, facts)
    dataset.Modality = "US"
    dataset.PerformedStationAETitle = station.ae_title
    dataset.PerformedStationName = cleaned("SH", station.name)
    dataset.PerformedProcedureStepStatus = StepState.IN_PROGRESS.defined_term
    set_moment(dataset, "PerformedProcedureStepStart", step.started_at, offset)
    return dataset


def finished(
    known: Dataset,
    series: Iterable[SeriesMade],
    station: StepStation,
    *,
    protocol_name: str,
    ended_at: datetime,
    offset: timezone,
    discontinued: Code | None = None,
) -> Dataset:
    """`known` with its end: every series and instance.

    discontinued: why the exam was given up (PS3.16 CID 9300); None where it was completed.
    """
    state = StepState.DISCONTINUED if discontinued else StepState.COMPLETED
    dataset = Dataset()
    dataset.update(known)
    dataset.PerformedProcedureStepStatus = state.defined_term
    set_moment(dataset, "PerformedProcedureStepEnd", ended_at, offset)
    dataset.PerformedSeriesSequence = [_series_item(one, station, protocol_name) for one in series]
    if discontinued:
        setattr(dataset, _REASON, code_items((discontinued,)))
    return dataset


def creation(known: Dataset) -> Dataset:
    """The attributes of the N-CREATE: the step as it began, whatever has come since."""
    dataset = Dataset()
    dataset.update(known)
    dataset.PerformedProcedureStepStatus = StepState.IN_PROGRESS.defined_term
    for keyword in _END:
        setattr(dataset, keyword, None)
    for keyword in (_SERIES, _REASON):
        setattr(dataset, keyword, [])
    return dataset


def modification(known: Dataset) -> Dataset:
    """The attributes of the final N-SET: what one may set, and nothing else."""
    dataset = Dataset()
    for keyword in _OF_N_SET:
        if keyword in known:
            dataset[keyword] = known[keyword]
    return dataset


def series_made(
    instances: Sequence[tuple[str, Reference]], descriptions: Mapping[str, str] | None = None
) -> tuple[SeriesMade, ...]:
    """Series of (Series Instance UID, instance) pairs, in their order."""
    found: dict[str, list[Reference]] = {}
    for series_instance_uid, instance in instances:
        found.setdefault(series_instance_uid, []).append(instance)
    return tuple(
        SeriesMade(
            series_instance_uid=uid,
            instances=tuple(made),
            description=(descriptions or {}).get(uid, ""),
        )
        for uid, made in found.items()
    )


def _series_item(series: SeriesMade, station: StepStation, protocol_name: str) -> Dataset:
    """PS3.3 C.4.15: all but the two UIDs and the protocol's name are type 2."""
    images = tuple(one for one in series.instances if one.sop_class_uid in _IMAGES)
    others = tuple(one for one in series.instances if one.sop_class_uid not in _IMAGES)
    item = Dataset()
    item.PerformingPhysicianName = None
    item.OperatorsName = None
    item.ProtocolName = cleaned("LO", protocol_name) or "Ultrasound"
    item.SeriesInstanceUID = series.series_instance_uid
    item.SeriesDescription = cleaned("LO", series.description)
    item.RetrieveAETitle = station.retrieve_ae_title or None
    item.ReferencedImageSequence = reference_items(images)
    item.ReferencedNonImageCompositeSOPInstanceSequence = reference_items(others)
    return item
