"""Which attributes are made, found by making: a small image, a small clip and a procedure step.

Nothing is listed here: each source of attributes writes into an empty dataset, and what it wrote is
its list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import numpy as np
from pydicom.dataset import Dataset

from echonode.exam.procedure_step.attributes import (
    StepStation,
    created,
    finished,
    modification,
    series_made,
)
from echonode.frames.frame import (
    Acquisition,
    Calibration,
    Frame,
    ImageFacts,
    ProbeIdentity,
)
from echonode.model.exam import ExamFacts
from echonode.model.patient import Patient
from echonode.model.procedure_step import PerformedStep
from echonode.objects import pixels
from echonode.objects.cine_timing import set_cine, timing_of
from echonode.objects.equipment import NodeEquipment, set_equipment
from echonode.objects.exam_attributes import set_exam
from echonode.objects.region_calibration import set_region
from echonode.objects.ultrasound import build

_SIDE: Final = 16
_ELAPSED_S: Final = (0.0, 0.05, 0.2)
_WHEN: Final = datetime(2000, 1, 1, 12, tzinfo=UTC)
_PROBE: Final = ProbeIdentity(name="probe", manufacturer="Maker", model="Model")
# All that a probe and a configuration may say, and all that an exam may.
_TOLD_PROBE: Final = replace(
    _PROBE,
    serial="1",
    transducer="Probe",
    transducer_type="SECTOR_PHASED",
    center_frequency_khz=3e3,
)
_EQUIPMENT: Final = NodeEquipment(software_versions=("EchoNode",), station_name="STATION")
_UID: Final = "1.2.3"
_EXAM: Final = ExamFacts(
    study_instance_uid=_UID,
    patient=Patient(id="ID", name="Name"),
    started_at=_WHEN,
    study_id="1",
    performed_step=PerformedStep(sop_instance_uid=_UID, id="1", started_at=_WHEN),
)
_TOLD_EXAM: Final = replace(
    _EXAM,
    accession_number="1",
    referring_physician_name="Name",
    study_description="Text",
    operators_name="Name",
    series_description="Text",
)
_CALIBRATION: Final = Calibration(
    region=(0, 0, _SIDE - 1, _SIDE - 1),
    physical_delta_x_cm=0.1,
    physical_delta_y_cm=0.1,
    reference_pixel=(_SIDE // 2, 0),
)


def _frames(count: int) -> tuple[Frame, ...]:
    grey = np.zeros((_SIDE, _SIDE), dtype=np.uint8)
    return tuple(
        Frame(
            pixels=grey,
            calibration=_CALIBRATION,
            acquired_at=_WHEN,
            elapsed_s=_ELAPSED_S[number],
            sequence=number,
            facts=ImageFacts(burned_in=False, depth_mm=100.0),
        )
        for number in range(count)
    )


def made(frames: int, *, told: bool = False) -> Dataset:
    """An image of a calibrated probe, without Pixel Data: a still, a regular clip of two frames, an
    irregular one of three. told: everything that may be unknown is known.
    """
    acquisition = Acquisition(
        probe=_TOLD_PROBE if told else _PROBE,
        connection_id="sample",
        number=1,
        frames=_frames(frames),
    )
    exam = _TOLD_EXAM if told else _EXAM
    return build(
        acquisition, exam, equipment=_EQUIPMENT, node_id="sample", now=_WHEN, local=UTC
    ).dataset


def sources() -> dict[str, str]:
    """Keyword -> what an attribute of an image comes from."""
    found = dict.fromkeys(
        set().union(*(_keywords(made(count, told=True)) for count in (1, 2, 3))), "the node"
    )
    frames = _frames(3)
    by_source: list[tuple[str, Dataset]] = []

    exam = Dataset()
    set_exam(exam, _TOLD_EXAM, UTC)
    by_source.append(("the order, or who names the exam", exam))
    equipment = Dataset()
    set_equipment(equipment, _TOLD_PROBE, frames[0].facts, _EQUIPMENT)
    by_source.append(("the probe and the configuration", equipment))
    image = Dataset()
    pixels.set_image_pixel(image, frames)
    by_source.append(("the frames", image))
    cine = Dataset()
    for count in (2, 3):
        set_cine(cine, timing_of(frames[:count]))
    by_source.append(("the times of the frames", cine))
    region = Dataset()
    set_region(region, _CALIBRATION, rows=_SIDE, columns=_SIDE, center_khz=None)
    by_source.append(("the geometry of the probe", region))
    for source, dataset in by_source:
        found |= dict.fromkeys(_keywords(dataset) & found.keys(), source)
    return {**found, "PixelData": "the frames"}


def in_image(frames: int, *, told: bool = False) -> frozenset[str]:
    """The keywords of an image of so many frames; told: see made."""
    return frozenset(_keywords(made(frames, told=told)) | {"PixelData"})


def step_attributes() -> Iterator[tuple[str, bool, bool]]:
    """(keyword, in the N-CREATE, in the final N-SET) of a completed procedure step."""
    station = StepStation(ae_title="STATION", name="STATION", retrieve_ae_title="STATION")
    begun = created(_EXAM, station, UTC)
    over = finished(begun, series_made(()), station, protocol_name="", ended_at=_WHEN, offset=UTC)
    last = modification(over)
    for keyword in sorted(_keywords(begun) | _keywords(last)):
        yield keyword, keyword in begun, keyword in last


def _keywords(dataset: Dataset) -> set[str]:
    return {element.keyword for element in dataset}
