"""Dates, times and date-times by their meaning, not their spelling (PS3.4 C.2.2.2.1, C.2.2.2.5).

Rules
- A value means all moments that it leaves open: the time 2230 is the whole minute, the date-time
  2026 the whole year. A key covers its moments; a stored value counts as its first one. So 2230
  finds 223045, and 223000 finds 2230.
- The old ACR-NEMA forms 1998.01.28 and 22:30:00 mean what the present forms mean (PS3.5 6.2).
- The UTC offset of a date-time counts when both sides have one (their own or a given default);
  when one is unknown, the clock readings are compared.
- A malformed value has no meaning; it can only be equal to itself.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date

_DATE = re.compile(r"(\d{4})(?:(\d\d)(\d\d)|\.(\d\d)\.(\d\d))", re.ASCII)
_TIME = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d{1,6}))?)?)?", re.ASCII)
# A hyphen and then 0000 to 1200 is an offset (PS3.5 6.2: -1200 to +1400) where the end or another
# hyphen follows; so a range to a year before 1201 cannot be given.
_WEST = r"-(?:(?:0\d|1[01])[0-5]\d|1200)"
_DATETIME = re.compile(
    rf"(\d{{4}})(\d\d)?(\d\d)?(\d\d(?:\d\d(?:\d\d(?:\.\d{{1,6}})?)?)?)?(\+\d{{4}}|{_WEST})?",
    re.ASCII,
)
_RANGE = re.compile(rf"([\d.+]*(?:{_WEST}(?=-|$))?)-(.*)", re.ASCII)

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND


@dataclass(frozen=True)
class Span:
    """All moments a value leaves open, in microseconds, both ends inside.

    first, last: of the day for a time, since the year 1 for dates and date-times, by the clock
    of the value's own place. offset: that place's UTC offset in microseconds, None where unknown.
    """

    first: int
    last: int
    offset: int | None = None

    def relative_to(self, other: Span) -> int:
        """What to subtract from this span's moments to compare them with those of `other`."""
        return 0 if self.offset is None or other.offset is None else self.offset - other.offset


def parse(vr: str, text: str, default_offset: int | None = None) -> Span | None:
    """The span of a DA, TM or DT value; None when it is not one.

    default_offset: the UTC offset of a date-time that names none, in microseconds.
    """
    match vr:
        case "DA":
            return _parse_date(text)
        case "TM":
            return _parse_time(text)
        case _:
            return _parse_datetime(text, default_offset)


def parse_offset(text: str) -> int | None:
    """Microseconds of a UTC offset &ZZXX (PS3.3 C.12.1.1.8); None when it is not one."""
    if not re.fullmatch(r"[+-](0\d|1[0-4])[0-5]\d", text, re.ASCII):
        return None
    minutes = int(text[1:3]) * 60 + int(text[3:5])
    return (-minutes if text[0] == "-" else minutes) * 60 * _SECOND


def split_range(vr: str, value: str) -> tuple[str, str] | None:
    """The two ends of a range matching key, '' where open; None when it is a single value."""
    compact = value.replace(" ", "")
    if vr == "DT":
        found = None if _DATETIME.fullmatch(compact) else _RANGE.fullmatch(compact)
        return (found[1], found[2]) if found else None
    low, hyphen, high = compact.partition("-")
    return (low, high) if hyphen else None


def _parse_date(text: str) -> Span | None:
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day, old_month, old_day = found.groups()
    return _days(int(year), int(month or old_month), int(day or old_day))


def _days(year: int, month: int | None, day: int | None) -> Span | None:
    """The span of a year, a month or a day of the calendar."""
    try:
        first = date(year, month or 1, day or 1)
        last_month = month or 12
        last = date(year, last_month, day or calendar.monthrange(year, last_month)[1])
    except ValueError:
        return None
    return Span((first.toordinal() - 1) * _DAY, last.toordinal() * _DAY - 1)


def _parse_time(text: str) -> Span | None:
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    hour, minute, second, fraction = found.groups()
    # PS3.5 6.2: hours 00 to 23, minutes 00 to 59, seconds 00 to 60 (a leap second).
    if int(hour) > 23 or int(minute or 0) > 59 or int(second or 0) > 60:
        return None
    first = ((int(hour) * 60 + int(minute or 0)) * 60 + int(second or 0)) * _SECOND
    if fraction:
        first += int(fraction.ljust(6, "0"))
        return Span(first, first + 10 ** (6 - len(fraction)) - 1)
    length = 1 if second else 60 if minute else 3600
    return Span(first, first + length * _SECOND - 1)


def _parse_datetime(text: str, default_offset: int | None) -> Span | None:
    found = _DATETIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, time, suffix = found.groups()
    days = _days(int(year), int(month) if month else None, int(day) if day else None)
    offset = parse_offset(suffix) if suffix else default_offset
    if days is None or (suffix and offset is None):
        return None
    if not time:
        return Span(days.first, days.last, offset)
    clock = _parse_time(time)
    return clock and Span(days.first + clock.first, days.first + clock.last, offset)


def within(stored: Span, low: Span | None, high: Span | None) -> bool:
    """Whether a stored value lies from `low` to `high`, both inside; None is open."""
    if low is not None and stored.first - stored.relative_to(low) < low.first:
        return False
    return high is None or stored.first - stored.relative_to(high) <= high.last
