"""Moments as DICOM writes them: DA, TM and DT in one fixed offset from UTC.

One offset holds for a whole study: that of the local zone when the exam began. Timezone Offset
From UTC (0008,0201) speaks for every DA and TM of an object (PS3.3 C.12.1.1.8), and Study Date and
Time must be equal in all objects of a study, also when the clocks change in its middle.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo

from pydicom.dataset import Dataset


def study_offset(started_at: datetime, local: tzinfo) -> timezone:
    """The offset that all dates and times of a study are written in, in whole minutes."""
    offset = started_at.astimezone(local).utcoffset() or timedelta()
    return timezone(timedelta(minutes=round(offset.total_seconds() / 60)))


def offset_of(moment: datetime) -> timezone:
    """A moment's own offset from UTC, in whole minutes."""
    offset = moment.utcoffset() or timedelta()
    return timezone(timedelta(minutes=round(offset.total_seconds() / 60)))


def da(moment: datetime, offset: timezone) -> str:
    """The day, YYYYMMDD."""
    return moment.astimezone(offset).strftime("%Y%m%d")


def tm(moment: datetime, offset: timezone) -> str:
    """The time of day with microseconds, HHMMSS.FFFFFF."""
    return moment.astimezone(offset).strftime("%H%M%S.%f")


def dt(moment: datetime, offset: timezone) -> str:
    """Day and time with microseconds and offset, 26 characters (PS3.5 6.2, VR DT)."""
    return moment.astimezone(offset).strftime("%Y%m%d%H%M%S.%f%z")


def offset_from_utc(offset: timezone) -> str:
    """Timezone Offset From UTC: a sign and HHMM; never -0000."""
    return datetime(2000, 1, 1, tzinfo=offset).strftime("%z")


def set_moment(dataset: Dataset, stem: str, moment: datetime, offset: timezone) -> None:
    """Set the pair <stem>Date and <stem>Time."""
    setattr(dataset, f"{stem}Date", da(moment, offset))
    setattr(dataset, f"{stem}Time", tm(moment, offset))
