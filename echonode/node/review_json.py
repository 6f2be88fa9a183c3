"""Studies, images and measurements as the HTTP API answers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from echonode.model.measurement import Measurement
from echonode.model.us_region import UsRegion
from echonode.review.image_view import ImageView
from echonode.store.index.study_list import InstanceRow, StudyRow
from echonode.store.values import LedgerRow
from echonode.transcoding.dataset import NATIVE

Json = Mapping[str, Any]


def study_json(row: StudyRow) -> Json:
    """A study as the API answers it. row: which one of its UID it is, where there are several."""
    values = row.values
    return {
        "study_instance_uid": values["StudyInstanceUID"],
        "row": row.row,
        "patient_id": values["PatientID"],
        "patient_name": values["PatientName"],
        "birth_date": values["PatientBirthDate"],
        "sex": values["PatientSex"],
        "study_date": values["StudyDate"],
        "study_time": values["StudyTime"],
        "description": values["StudyDescription"],
        "accession_number": values["AccessionNumber"],
        "modalities": [each for each in values["ModalitiesInStudy"].split("\\") if each],
        "series": int(values["NumberOfStudyRelatedSeries"] or 0),
        "instances": int(values["NumberOfStudyRelatedInstances"] or 0),
    }


def series_json(values: Mapping[str, str]) -> dict[str, Any]:
    return {
        "series_instance_uid": values["SeriesInstanceUID"],
        "number": values["SeriesNumber"],
        "modality": values["Modality"],
        "description": values["SeriesDescription"],
        "body_part": values["BodyPartExamined"],
        "instances": [],
    }


def instance_json(instance: InstanceRow, proof: Mapping[str, Sequence[LedgerRow]]) -> Json:
    values = instance.values
    rows = proof.get(values["SOPInstanceUID"], ())
    return {
        "sop_instance_uid": values["SOPInstanceUID"],
        "sop_class": values["SOPClassUID"],
        "number": values["InstanceNumber"],
        "frames": instance.frames,
        "rows": int(values["Rows"]) if values["Rows"].isdecimal() else 0,
        "columns": int(values["Columns"]) if values["Columns"].isdecimal() else 0,
        "content_date": values["ContentDate"],
        "content_time": values["ContentTime"],
        "is_here": instance.is_here,
        "thumbnail": bool(values["Rows"]) and values["AvailableTransferSyntaxUID"] in NATIVE,
        **correction(rows),
        "proof": [proof_json(each) for each in rows],
    }


def correction(rows: Sequence[LedgerRow]) -> Json:
    """What a correction did to an instance; '' where none did."""
    first = rows[0] if rows else None
    return {
        name: getattr(first, name) if first else ""
        for name in ("replaces", "replaced_by", "rejected_by")
    }


def proof_json(row: LedgerRow) -> Json:
    return {
        "destination": row.destination,
        "state": row.state,
        "attempts": row.attempts,
        "last_error": row.last_error,
        "committed_at": None if row.committed_at is None else row.committed_at.isoformat(),
    }


def view_json(view: ImageView) -> Json:
    """An image's pixels, times and scale."""
    return {
        "rows": view.rows,
        "columns": view.columns,
        "frames": view.frames,
        "samples": view.samples,
        "photometric": view.photometric,
        "bits_stored": view.bits_stored,
        "timing": view.timing.value,
        "frame_times_ms": list(view.times_ms),
        "frame_durations_ms": list(view.durations_ms),
        "regions": [region_json(region) for region in view.regions],
        "pixel_ratio": view.pixel_ratio,
        "window": None
        if view.window is None
        else {"center": view.window[0], "width": view.window[1]},
        "voi_lut": view.voi_lut,
        "lossy": view.lossy,
        "depth_mm": view.depth_mm,
        "burned_in": view.burned_in,
        "laterality": view.laterality,
    }


def region_json(region: UsRegion) -> Json:
    """A region with its scale; why_not: why nothing is measured in it, a code, '' where it is."""
    return {
        "x0": region.x0,
        "y0": region.y0,
        "x1": region.x1,
        "y1": region.y1,
        "physical_delta_x_mm": region.delta_x_mm,
        "physical_delta_y_mm": region.delta_y_mm,
        "why_not": region.why_not.value if region.why_not else "",
        "low_priority": region.low_priority,
    }


def measurement_json(made: Measurement) -> Json:
    """A measurement as the API answers it. results: value and unit (UCUM) of each."""
    return {
        "id": made.id,
        "exam": made.exam_id,
        "sop_instance_uid": made.sop_instance_uid,
        "frame": made.frame,
        "kind": made.kind.value,
        "points": [list(point) for point in made.points],
        "label": made.label,
        "results": [
            {"name": each.name, "value": each.value, "unit": each.unit} for each in made.results
        ],
        "physical_delta_x_mm": made.delta_x_mm,
        "physical_delta_y_mm": made.delta_y_mm,
        "made_at": made.made_at.isoformat(),
        "by": made.by,
        "deleted_at": None if made.deleted_at is None else made.deleted_at.isoformat(),
        "deleted_by": made.deleted_by,
    }
