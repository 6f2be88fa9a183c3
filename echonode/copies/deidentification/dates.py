"""Dates that are moved by days; times of day stay (PS3.15 E.3.6).

Rules
- Whole days: intervals, times of day and what lies on both sides of midnight stay right.
- A date that cannot be read as one of PS3.5 6.2 is given up for the dummy: it may be a text.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

DUMMY_DATE, DUMMY_TIME = "19000101", "000000"
DUMMY_DATE_TIME = DUMMY_DATE + DUMMY_TIME
_DATE = re.compile(r"(\d{4})[.]?(\d{2})[.]?(\d{2})", re.ASCII)
_DATE_TIME = re.compile(r"(\d{8})(\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?([+-]\d{4})?", re.ASCII)
_PART_OF_A_DATE = re.compile(r"(\d{4})(\d{2})?([+-]\d{4})?", re.ASCII)
TIME = re.compile(r"\d{2}(:?\d{2}(:?\d{2}(\.\d{1,6})?)?)?", re.ASCII)


def moved_date(value: str, days: int) -> str:
    """A DA, moved."""
    found = _DATE.fullmatch(value.strip())
    moved = found and _moved(int(found[1]), int(found[2]), int(found[3]), days)
    return moved or DUMMY_DATE


def moved_date_time(value: str, days: int) -> str:
    """A DT, moved; of a year or a month alone the middle of it is moved, and cut off again."""
    text = value.strip()
    if found := _DATE_TIME.fullmatch(text):
        moved = moved_date(found[1], days)
        return moved + (found[2] or "") + (found[3] or "")
    if found := _PART_OF_A_DATE.fullmatch(text):
        month = int(found[2] or 7)
        moved = _moved(int(found[1]), month, 15, days) or DUMMY_DATE
        return moved[: 6 if found[2] else 4] + (found[3] or "")
    return DUMMY_DATE_TIME


def kept_time(value: str) -> str:
    """A TM as it is, where it is one."""
    return value if TIME.fullmatch(value.strip()) else DUMMY_TIME


def _moved(year: int, month: int, day: int, days: int) -> str:
    try:
        return (date(year, month, day) + timedelta(days=days)).strftime("%Y%m%d").zfill(8)
    except (ValueError, OverflowError):
        return ""
