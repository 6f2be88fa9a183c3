"""Measurements as a person makes and deletes them: checked, computed, kept.

Rules
- The value is computed here, from the points and the image's own region; what the screen computed
  is not taken.
- A measurement belongs to an instance. One that is made on a frozen live frame is sent once that
  frame is stored as a still: then it has an instance, and its points are that image's.
- Only an image that is here can be measured: its file says what a pixel is.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from pydicom.dataset import Dataset

from echonode.errors import FieldRefused, UsageError
from echonode.model.instance import StoredInstance
from echonode.model.measurement import LONGEST_LABEL, Measurement, MeasurementKind, measured
from echonode.model.us_region import Point
from echonode.review.image_view import image_view


class KeptMeasurements(Protocol):
    """store.measurements."""

    def add(self, made: Measurement) -> Measurement: ...

    def delete(self, measurement_id: str, *, at: datetime, by: str) -> Measurement: ...

    def one(self, measurement_id: str) -> Measurement | None: ...

    def of_exam(self, exam_id: str) -> list[Measurement]: ...

    def of_instance(self, sop_instance_uid: str) -> list[Measurement]: ...

    def exam_of(self, sop_instance_uid: str) -> str: ...


class Measuring:
    """find: an instance by its UID. read: the elements of image_view.TAGS of its dataset."""

    def __init__(
        self,
        kept: KeptMeasurements,
        *,
        find: Callable[[str], StoredInstance | None],
        read: Callable[[StoredInstance], Dataset],
        now: Callable[[], datetime],
    ) -> None:
        self._kept, self._find, self._read, self._now = kept, find, read, now

    def measure(
        self,
        sop_instance_uid: str,
        *,
        frame: int,
        kind: str,
        points: object,
        label: str,
        by: str,
        exam_id: str = "",
    ) -> Measurement:
        """Compute and keep one. exam_id: '' where the caller did not name one.

        Raises FieldRefused, UsageError, InvalidObject, StoreError.
        """
        chosen = _kind(kind)
        placed = points_of(points)
        instance = self._find(sop_instance_uid)
        exam = self._kept.exam_of(sop_instance_uid)
        if instance is None or (exam_id and exam != exam_id):
            raise UsageError("there is no such image")
        view = image_view(self._read(instance))
        if not 1 <= frame <= view.frames:
            raise FieldRefused("frame", "is not of this image", f"give 1 to {view.frames}")
        results, region = measured(chosen, placed, view.regions)
        return self._kept.add(
            Measurement(
                id="",
                exam_id=exam,
                sop_instance_uid=sop_instance_uid,
                frame=frame,
                kind=chosen,
                points=tuple(placed),
                label=checked_label(label),
                results=results,
                delta_x_mm=region.delta_x_mm,
                delta_y_mm=region.delta_y_mm,
                made_at=self._now(),
                by=by,
            )
        )

    def delete(
        self, measurement_id: str, *, by: str, exam_id: str = "", sop_instance_uid: str = ""
    ) -> Measurement:
        """Mark one as deleted. exam_id, sop_instance_uid: what the caller found it under; ''.

        Raises UsageError, StoreError.
        """
        known = self._kept.one(measurement_id)
        if known is not None and exam_id and known.exam_id != exam_id:
            known = None
        if known is not None and sop_instance_uid:
            shown = {each.id for each in self._kept.of_instance(sop_instance_uid)}
            known = known if known.id in shown else None
        if known is None:
            raise UsageError("there is no such measurement")
        return self._kept.delete(measurement_id, at=self._now(), by=by)

    def of_exam(self, exam_id: str) -> Sequence[Measurement]:
        """All of an exam, deleted ones too."""
        return self._kept.of_exam(exam_id)

    def of_instance(self, sop_instance_uid: str) -> Sequence[Measurement]:
        """All that show on an instance, deleted ones too."""
        return self._kept.of_instance(sop_instance_uid)


def _kind(text: str) -> MeasurementKind:
    try:
        return MeasurementKind(text)
    except ValueError:
        known = ", ".join(MeasurementKind)
        raise FieldRefused("kind", "is not known", f"give one of {known}") from None


def points_of(value: object) -> list[Point]:
    """[[column, row], ...] as points. Raises FieldRefused."""
    refused = FieldRefused("points", "are no list of points", "give [[column, row], ...] in pixels")
    if not isinstance(value, list):
        raise refused
    found: list[Point] = []
    for pair in value:
        is_pair = isinstance(pair, list) and len(pair) == 2
        if not is_pair or any(isinstance(n, bool) or not isinstance(n, int | float) for n in pair):
            raise refused
        try:
            x, y = float(pair[0]), float(pair[1])
        except OverflowError:
            raise refused from None
        if not (math.isfinite(x) and math.isfinite(y)):
            raise refused
        found.append((x, y))
    return found


def checked_label(text: str) -> str:
    """A label as an SR may carry it (LO). Raises FieldRefused."""
    label = " ".join(text.split())
    if len(label) > LONGEST_LABEL:
        raise FieldRefused("label", "is too long", f"use at most {LONGEST_LABEL} characters")
    if "\\" in label or any(unicodedata.category(character) == "Cc" for character in label):
        raise FieldRefused("label", "has a character that DICOM does not take", "leave it out")
    return label
