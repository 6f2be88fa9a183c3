"""Combined date-time matching, where it was negotiated (PS3.4 C.2.2.2.5, C.5.1.1.1 byte 2).

A date and its time that both ask for the same form of range (both closed, or both open on the same
side) are one range of moments: Study Date 20260705-20260707 with Study Time 1000-1800 is from the
5th at 10:00 to the 7th at 18:00. Without the negotiation they are two ranges: each of the three
days from 10:00 to 18:00. A stored date without a time, or the reverse, is unknown: it matches
neither way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from echonode.model.attributes import ATTRIBUTES
from echonode.model.criteria import Criterion, Range
from echonode.query_retrieve import temporal

# The attribute of the date -> that of its time.
PAIRS = MappingProxyType(
    {
        keyword: f"{keyword.removesuffix('Date')}Time"
        for keyword, attribute in ATTRIBUTES.items()
        if attribute.vr == "DA" and f"{keyword.removesuffix('Date')}Time" in ATTRIBUTES
    }
)


def combined_ranges(criteria: Mapping[str, Criterion]) -> Iterator[tuple[str, str, Range]]:
    """(date, time, their range of date-times) of each pair that is matched as one."""
    for date, time in PAIRS.items():
        days, clock = criteria.get(date), criteria.get(time)
        if not (isinstance(days, Range) and isinstance(clock, Range)):
            continue
        if (bool(days.low), bool(days.high)) == (bool(clock.low), bool(clock.high)):
            yield date, time, Range(_joined(days.low, clock.low), _joined(days.high, clock.high))


def compile_combined(date: str, time: str, wanted: Range) -> Callable[[Mapping[str, str]], bool]:
    """The test of whether a row's date and time lie in a range; malformed ends match nothing."""
    first, last = (temporal.parse("DT", end) if end else None for end in (wanted.low, wanted.high))
    if (wanted.low and first is None) or (wanted.high and last is None):
        return lambda row: False

    def test(row: Mapping[str, str]) -> bool:
        day, clock = row.get(date, "").strip(" \0"), row.get(time, "").strip(" \0")
        span = temporal.parse("DT", _joined(day, clock)) if day and clock else None
        return span is not None and temporal.within(span, first, last)

    return test


def _joined(day: str, clock: str) -> str:
    """A DA and a TM as a DT; the old forms 1998.01.28 and 22:30 too."""
    return day.replace(".", "") + clock.replace(":", "")
