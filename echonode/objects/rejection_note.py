"""A rejection note: a Key Object Selection document (PS3.3 A.35.4) titled as IHE says. Pure.

Rules
- It is of the patient and study of what it rejects, right or wrong: an archive finds it next to
  the images.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from pydicom.dataset import Dataset

from echonode.model.worklist_item import Code
from echonode.objects.key_objects import KeyObject, Place, key_object_selection


def rejection_note(
    rejected: Sequence[KeyObject],
    *,
    original: Dataset,
    title: Code,
    place: Place,
    now: datetime,
    offset: timezone,
) -> Dataset:
    """The note's dataset. original: one of the rejected, without its pixels. now: aware."""
    return key_object_selection(
        rejected,
        original=original,
        title=title,
        description="Rejection Note",
        place=place,
        now=now,
        offset=offset,
    )
