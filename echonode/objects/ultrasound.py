"""Ultrasound objects: a finished acquisition becomes a valid dataset, or InvalidObject.

Rules
- One frame: US Image (PS3.3 A.6). More: US Multi-frame Image (A.7). The retired classes are never
  written.
- Every type 1 attribute has a value or the object is refused; type 2 is written empty when unknown.
- UIDs are derived from the node, the probe's connection and the acquisition's number: the same
  capture always has the same UIDs.
- One series for each probe of an exam, and for each connection where there is no exam: its frames
  come from one piece of equipment in one sitting (PS3.3 A.1.2.3: a series has one modality and one
  equipment), and a viewer shows stills and clips in the order they were taken, by Instance Number.
- Pixel values are the probe's, untouched, never compressed with loss: Lossy Image Compression 00.
- All is pure: the moment, the zone and the node are arguments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone, tzinfo

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from echonode.frames.frame import Acquisition, Frame
from echonode.model.exam import ExamFacts
from echonode.model.identity import derive_uid
from echonode.objects import pixels
from echonode.objects.cine_timing import CineTiming, set_cine, timing_of
from echonode.objects.date_times import dt, offset_from_utc, set_moment, study_offset
from echonode.objects.equipment import NodeEquipment, set_equipment
from echonode.objects.exam_attributes import set_exam
from echonode.objects.image_comments import evidence, recorded_at, remarks
from echonode.objects.region_calibration import set_region, usable
from echonode.objects.tracking import set_tracking, tracking_of
from echonode.objects.values import checked, refusal

_DEEPEST_MM = 1000  # no field is a metre deep: a sender's nonsense is no depth
_LARGEST_NUMBER = 2**31 - 1  # IS


@dataclass(frozen=True, kw_only=True, eq=False)
class UltrasoundObject:
    """A valid object, ready to be encoded.

    dataset: everything but Pixel Data, which `encode` takes from `frames` without a copy.
    acquired_at: when the first frame was taken. evidence: how the frames came, for the index.
    exam_id: ExamFacts.exam_id.
    """

    dataset: Dataset
    frames: tuple[Frame, ...]
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    acquired_at: datetime
    evidence: Mapping[str, int | str]
    exam_id: str = ""
    transfer_syntax_uid: str = str(ExplicitVRLittleEndian)


def build(
    acquisition: Acquisition,
    exam: ExamFacts,
    *,
    equipment: NodeEquipment,
    node_id: str,
    now: datetime,
    local: tzinfo,
) -> UltrasoundObject:
    """The object of one acquisition.

    now: aware, Instance Creation Date and Time. local: the zone that dates are written in.
    Raises InvalidObject, which names the attribute and the rule.
    """
    frames = acquisition.frames
    timing = timing_of(frames) if len(frames) > 1 else None
    calibration = usable(frames[0].calibration)
    offset = study_offset(exam.started_at, local)
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    _set_identity(dataset, acquisition, exam, node_id)
    set_exam(dataset, exam, offset)
    _set_series(dataset, exam, offset)
    set_equipment(dataset, acquisition.probe, frames[0].facts, equipment)
    _set_moments(dataset, recorded_at(frames[0]) or frames[0].acquired_at, now, offset)
    _set_image(dataset, frames, colour=pixels.has_colour(frames))
    pixels.set_image_pixel(dataset, frames)
    if timing is not None:
        set_cine(dataset, timing)
    if calibration is not None:
        set_region(
            dataset,
            calibration,
            rows=dataset.Rows,
            columns=dataset.Columns,
            center_khz=acquisition.probe.center_frequency_khz,
        )
    tracking = tracking_of(frames)
    if tracking is not None:
        space = derive_uid("space", node_id, exam.study_instance_uid, acquisition.connection_id)
        set_tracking(dataset, tracking, frame_of_reference_uid=space)
    calibrated = calibration is not None
    if text := remarks(acquisition, calibrated=calibrated, timing=timing, tracking=tracking):
        dataset.ImageComments = text
    return _finished(dataset, acquisition, timing, calibrated=calibrated, exam_id=exam.exam_id)


def instance_uid(node_id: str, acquisition: Acquisition) -> str:
    """The SOP Instance UID of an acquisition, known before its object is built."""
    return derive_uid("instance", node_id, acquisition.connection_id, str(acquisition.number))


def _finished(
    dataset: Dataset,
    acquisition: Acquisition,
    timing: CineTiming | None,
    *,
    calibrated: bool,
    exam_id: str,
) -> UltrasoundObject:
    """The dataset as a value."""
    return UltrasoundObject(
        dataset=dataset,
        frames=acquisition.frames,
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        study_instance_uid=str(dataset.StudyInstanceUID),
        series_instance_uid=str(dataset.SeriesInstanceUID),
        acquired_at=acquisition.frames[0].acquired_at,
        evidence=evidence(acquisition, calibrated=calibrated, timing=timing),
        exam_id=exam_id,
    )


def _set_identity(
    dataset: Dataset, acquisition: Acquisition, exam: ExamFacts, node_id: str
) -> None:
    """UIDs and numbers: SOP Common (C.12.1), General Series (C.7.3.1), General Image (C.7.6.1)."""
    if not 0 < acquisition.number <= _LARGEST_NUMBER:
        raise refusal("InstanceNumber", "1 to 2147483647 (PS3.5 6.2, VR IS)")
    connection = acquisition.connection_id
    dataset.SOPClassUID = (
        UltrasoundMultiFrameImageStorage if len(acquisition.frames) > 1 else UltrasoundImageStorage
    )
    dataset.SOPInstanceUID = instance_uid(node_id, acquisition)
    dataset.SeriesInstanceUID = exam.series_instance_uid or derive_uid(
        "series", node_id, exam.study_instance_uid, connection
    )
    dataset.SeriesNumber = exam.series_number
    dataset.InstanceNumber = exam.instance_number or acquisition.number
    dataset.AcquisitionNumber = acquisition.number


def _set_series(dataset: Dataset, exam: ExamFacts, offset: timezone) -> None:
    """General Series (C.7.3.1), but for its UID and number."""
    dataset.Modality = "US"
    dataset.Laterality = (
        None  # type 2C: a paired body part may be examined, and it is not known which
    )
    set_moment(dataset, "Series", exam.series_started_at or exam.started_at, offset)
    if exam.operators_name:
        dataset.OperatorsName = checked("OperatorsName", "PN", exam.operators_name)
    if exam.series_description:
        dataset.SeriesDescription = checked("SeriesDescription", "LO", exam.series_description)


def _set_moments(dataset: Dataset, acquired_at: datetime, now: datetime, offset: timezone) -> None:
    """When the image was taken and when the object was made (C.7.6.1, C.7.10.1, C.12.1)."""
    set_moment(dataset, "Acquisition", acquired_at, offset)
    set_moment(dataset, "Content", acquired_at, offset)
    set_moment(dataset, "InstanceCreation", now, offset)
    dataset.AcquisitionDateTime = dt(acquired_at, offset)
    dataset.TimezoneOffsetFromUTC = offset_from_utc(offset)


def _set_image(dataset: Dataset, frames: tuple[Frame, ...], *, colour: bool) -> None:
    """General Image (C.7.6.1) and US Image (C.8.5.6), but for what other modules set."""
    # C.8.5.6.1.1: value 3 is the kind of exam, which is not known; value 4 cannot be without it.
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PatientOrientation = None  # type 2C: the probe is held freely
    facts = frames[0].facts
    if facts.burned_in is not None:  # type 3: a false NO would have a name pass de-identification
        dataset.BurnedInAnnotation = "YES" if facts.burned_in else "NO"
    if facts.depth_mm is not None and 0.5 < facts.depth_mm <= _DEEPEST_MM:
        dataset.DepthOfScanField = round(facts.depth_mm)  # C.8.5.6: in mm, IS
    dataset.LossyImageCompression = "00"
    dataset.UltrasoundColorDataPresent = int(colour)


def encode(built: UltrasoundObject) -> Iterator[bytes | memoryview]:
    """The dataset in Explicit VR Little Endian, piece by piece; the same object, the same bytes.

    Holds no more than one frame at a time beyond the frames themselves.
    """
    head = DicomBytesIO()
    head.is_little_endian, head.is_implicit_VR = True, False
    write_dataset(head, built.dataset)
    yield head.getvalue()
    yield from pixels.pixel_data(built.frames)  # (7FE0,0010) is the last element there is
