"""Attribute matching (PS3.4 C.2.2.2), as pure functions of a key and a stored value.

Rules
- The VR decides what a key's value means. Empty is universal matching; so is `*`, alone, in any
  VR (the standard defines it for text; viewers send it in dates, numbers and UIDs as well, where it
  can mean nothing else).
- `*` and `?` are wild in AE, CS, LO, LT, PN, SH, ST, UC, UR and UT only (C.2.2.2.4); elsewhere
  they are characters that no valid value has, so the key matches nothing.
- A hyphen makes a range of DA, TM and DT only (C.2.2.2.5). A range the wrong way round matches
  nothing; a malformed end matches nothing; a malformed single value matches only the same text.
- Backslashes separate values. Several values in the key: any of them (C.2.2.2.2 for UIDs; for
  other VRs the standard leaves it undefined unless negotiated, and viewers mean any, as in
  Modalities in Study US\\CT). Several in the stored attribute: any of them (C.2.2.3). In LT, ST,
  UT and UR a backslash is text (PS3.5 6.2).
- Text is compared exactly, by case too, but for padding; names as in person_name.py, dates and
  times as in temporal.py, numbers by value.
- A stored value that is empty is unknown and matches no key but a universal one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from pydicom.datadict import dictionary_VR

from echonode.model.criteria import (
    Criterion,
    Range,
    SequenceMatch,
    SingleValue,
    Universal,
    ValueList,
    Wildcard,
)
from echonode.query_retrieve import temporal
from echonode.query_retrieve.person_name import compile_name
from echonode.query_retrieve.wildcard import compile_wildcard, is_wild

ValueTest = Callable[[str], bool]
# A stored sequence: its items as keyword -> value, itself text or a sequence.
StoredItem = Mapping[str, "str | Sequence[StoredItem]"]
StoredValue = str | Sequence[StoredItem]

_WILD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_SINGLE_VALUED_VRS = frozenset({"LT", "ST", "UT", "UR"})
_TEMPORAL_VRS = frozenset({"DA", "TM", "DT"})
_NUMERIC_VRS = frozenset({"IS", "DS", "US", "UL", "UV", "SS", "SL", "SV", "FL", "FD"})
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
# PS3.5 6.2: leading spaces count in these.
_TEXT_VRS = frozenset({"LT", "ST", "UT", "UC"})


def criterion_for(vr: str, value: str) -> Criterion:
    """The criterion of a key of this VR with `value` (decoded, values joined by backslashes)."""
    values = [text for part in values_of(vr, value) if (text := _without_padding(vr, part))]
    criteria = [_criterion_for_one(vr, text) for text in values]
    if not criteria or Universal() in criteria:
        return Universal()
    return criteria[0] if len(criteria) == 1 else ValueList(tuple(values))


def _criterion_for_one(vr: str, text: str) -> Criterion:
    if not text.strip("*"):
        return Universal()
    if vr in _TEMPORAL_VRS and (ends := temporal.split_range(vr, text)):
        return Range(*ends) if any(ends) else Universal()
    if vr in _WILD_VRS and is_wild(text):
        return Wildcard(text)
    return SingleValue(text)


def matches(
    criterion: Criterion, vr: str, stored: StoredValue, *, offset: int | None = None
) -> bool:
    """Whether a stored attribute of this VR matches `criterion`."""
    return compile_stored_test(criterion, vr, offset=offset)(stored)


def compile_stored_test(
    criterion: Criterion, vr: str, *, offset: int | None = None
) -> Callable[[StoredValue], bool]:
    """The test of whether a stored attribute, text or a sequence, matches; see `compile_test`."""
    if isinstance(criterion, Universal):
        return lambda stored: True
    if isinstance(criterion, SequenceMatch):
        return _items_test(criterion, offset)
    test = compile_test(criterion, vr, offset=offset)
    return lambda stored: isinstance(stored, str) and test(stored)


def compile_test(criterion: Criterion, vr: str, *, offset: int | None = None) -> ValueTest:
    """The test of whether a stored attribute, its values joined by backslashes, matches.

    offset: the UTC offset, in microseconds, of stored date-times and of keys that name none.
    Raises TypeError for a SequenceMatch, whose stored side is not text.
    """
    if isinstance(criterion, Universal):
        return lambda stored: True
    test = _value_test(criterion, vr, offset)

    def any_value(stored: str) -> bool:
        values = (_without_padding(vr, value) for value in values_of(vr, stored))
        return any(test(value) for value in values if value)

    return any_value


def values_of(vr: str, value: str) -> list[str]:
    """The values of an element's text, padding kept."""
    return [value] if vr in _SINGLE_VALUED_VRS else value.split("\\")


def _without_padding(vr: str, value: str) -> str:
    return value.rstrip(" \0") if vr in _TEXT_VRS else value.strip(" \0")


def _value_test(criterion: Criterion, vr: str, offset: int | None) -> ValueTest:
    """The test of one stored value, without padding and not empty."""
    match criterion:
        case SingleValue(value):
            return _single_test(value, vr, offset)
        case ValueList(values):
            if vr == "UI":
                wanted = frozenset(values)
                return lambda value: value in wanted
            tests = [_value_test(_criterion_for_one(vr, value), vr, offset) for value in values]
            return lambda value: any(test(value) for test in tests)
        case Wildcard(pattern):
            return compile_name(pattern) if vr == "PN" else compile_wildcard(pattern)
        case Range(low, high):
            return _range_test(low, high, vr, offset)
        case _:
            raise TypeError(f"no test of one value for {type(criterion).__name__}")


def _single_test(wanted: str, vr: str, offset: int | None) -> ValueTest:
    if vr == "PN":
        return compile_name(wanted)
    if vr in _TEMPORAL_VRS and temporal.parse(vr, wanted) is not None:
        return _range_test(wanted, wanted, vr, offset)
    if vr in _NUMERIC_VRS and (number := _number(wanted)) is not None:
        return lambda value: _number(value) == number
    return lambda value: value == wanted


def _range_test(low: str, high: str, vr: str, offset: int | None) -> ValueTest:
    """From low to high by meaning; nothing matches where either is malformed."""
    first = temporal.parse(vr, low, offset) if low else None
    last = temporal.parse(vr, high, offset) if high else None
    if (low and first is None) or (high and last is None):
        return lambda value: False

    def test(value: str) -> bool:
        span = temporal.parse(vr, value, offset)
        return span is not None and temporal.within(span, first, last)

    return test


def _number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _items_test(criterion: SequenceMatch, offset: int | None) -> Callable[[StoredValue], bool]:
    """C.2.2.2.6: all keys match within at least one item; no keys at all match any sequence."""
    tests = [
        (keyword, compile_stored_test(key, _vr_of(keyword), offset=offset))
        for keyword, key in criterion.keys.items()
    ]

    def any_item(stored: StoredValue) -> bool:
        if isinstance(stored, str):
            return False
        return not tests or any(
            all(test(item.get(keyword, "")) for keyword, test in tests) for item in stored
        )

    return any_item


def _vr_of(keyword: str) -> str:
    # Ambiguous VRs ("US or SS") are numbers of either kind.
    return dictionary_VR(keyword)[:2]
