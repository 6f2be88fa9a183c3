"""A worklist query: its keys, what they match, what is asked back (PS3.4 K.4.1, K.6.1).

Rules
- Matching is the query package's, sequence keys included (PS3.4 K.2.2, C.2.2.2). One thing is the
  worklist's own: a range of start dates and one of start times together are one range of moments
  (K.6.1.2.2, table K.6-1): from the 5th at 10:00 to the 7th at 18:00.
- Where fuzzy matching was negotiated (K.5.1.1), names match as in queries of query and retrieve.
- Keys that no item has do not match and come back empty, and answers are FF01 then (K.4.1.1.4).
- An answer holds what was asked for: a sequence key with keys of its own gets these, one without
  gets all that the item has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from echonode.exam.serving.item_values import ITEM_KEYWORDS, Values
from echonode.model.criteria import Range, SequenceMatch, SingleValue, Universal
from echonode.query_retrieve.character_set import DEFAULT_REPERTOIRE, CharacterSet, for_answer
from echonode.query_retrieve.combined_date_time import compile_combined
from echonode.query_retrieve.element_encoding import Element, ElementEncoder, texts_of
from echonode.query_retrieve.element_text import character_set_of, text_of, vr_of
from echonode.query_retrieve.file_keys import FileKey, key_of
from echonode.query_retrieve.fuzzy_name import compile_fuzzy_test
from echonode.query_retrieve.key_bounds import check_identifier
from echonode.query_retrieve.matching import StoredValue, compile_stored_test
from echonode.query_retrieve.temporal import parse_offset

_CHARACTER_SET = Tag(0x0008, 0x0005)
_TIMEZONE_OFFSET = Tag(0x0008, 0x0201)
_STEP = "ScheduledProcedureStepSequence"
_DATE, _TIME = "ScheduledProcedureStepStartDate", "ScheduledProcedureStepStartTime"

ItemTest = Callable[[Values], bool]


@dataclass(frozen=True, kw_only=True)
class WorklistQuery:
    """What is asked. unsupported: tag -> VR of keys that come back empty."""

    keys: tuple[FileKey, ...]
    unsupported: Mapping[BaseTag, str]
    character_set: CharacterSet
    timezone_offset: str

    @property
    def start_dates(self) -> tuple[str, str]:
        """The first and last day asked for, DA; '' where open."""
        criterion = next(
            (
                key.criterion
                for step in self.keys
                if step.keyword == _STEP
                for key in step.items
                if key.keyword == _DATE
            ),
            Universal(),
        )
        match criterion:
            case SingleValue(day):
                return _day(day), _day(day)
            case Range(first, last):
                return _day(first), _day(last)
            case _:
                return "", ""


def _day(text: str) -> str:
    return text if len(text) == 8 and text.isdigit() else ""


def read_query(identifier: Dataset) -> WorklistQuery:
    """The keys of a request's identifier. Raises DimseFailure A900."""
    check_identifier(identifier)
    character_set = character_set_of(identifier)
    keys: list[FileKey] = []
    unsupported: dict[BaseTag, str] = {}
    for tag in list(identifier.keys()):
        if tag in (_CHARACTER_SET, _TIMEZONE_OFFSET) or tag.element == 0:
            continue
        key = key_of(identifier, tag, character_set)
        if key is not None and key.keyword in ITEM_KEYWORDS:
            keys.append(key)
        else:
            unsupported[tag] = vr_of(identifier, tag)
    return WorklistQuery(
        keys=tuple(keys),
        unsupported=unsupported,
        character_set=character_set,
        timezone_offset=text_of(identifier, _TIMEZONE_OFFSET).strip(" \0"),
    )


def compile_item_test(asked: WorklistQuery, *, fuzzy_names: bool = False) -> ItemTest:
    """The test of whether an item's values match every key.

    fuzzy_names: as the names of a query (query_retrieve/fuzzy_name.py), but those in a sequence.
    """
    offset = parse_offset(asked.timezone_offset)
    tests: list[tuple[str, Callable[[StoredValue], bool]]] = []
    moments: Callable[[Mapping[str, str]], bool] | None = None
    for key in asked.keys:
        criterion = key.criterion
        if key.keyword == _STEP and isinstance(criterion, SequenceMatch):
            criterion, moments = _without_moments(criterion)
        if fuzzy_names and key.vr == "PN":
            tests.append((key.keyword, _of_text(compile_fuzzy_test(criterion))))
        elif not isinstance(criterion, Universal):
            tests.append((key.keyword, compile_stored_test(criterion, key.vr, offset=offset)))

    def test(values: Values) -> bool:
        if not all(matches(values.get(keyword, "")) for keyword, matches in tests):
            return False
        if moments is None:
            return True
        return any(
            moments({name: text for name, text in step.items() if isinstance(text, str)})
            for step in values.get(_STEP, ())
            if not isinstance(step, str)
        )

    return test


def _of_text(test: Callable[[str], bool]) -> Callable[[StoredValue], bool]:
    return lambda value: isinstance(value, str) and test(value)


def _without_moments(
    criterion: SequenceMatch,
) -> tuple[SequenceMatch | Universal, Callable[[Mapping[str, str]], bool] | None]:
    """The keys of the step without a range of moments, and the test of that range, if any."""
    days, clock = criterion.keys.get(_DATE), criterion.keys.get(_TIME)
    if not (isinstance(days, Range) and isinstance(clock, Range)):
        return criterion, None
    if (bool(days.low), bool(days.high)) != (bool(clock.low), bool(clock.high)):
        return criterion, None
    rest = {name: key for name, key in criterion.keys.items() if name not in (_DATE, _TIME)}
    wanted = Range(_joined(days.low, clock.low), _joined(days.high, clock.high))
    moments = compile_combined(_DATE, _TIME, wanted)
    return (SequenceMatch(rest) if rest else Universal()), moments


def _joined(day: str, clock: str) -> str:
    return day.replace(".", "") + clock.replace(":", "")


class ItemWriter:
    """Writes the answers of one query, in its transfer syntax."""

    def __init__(self, asked: WorklistQuery, transfer_syntax_uid: str) -> None:
        self._asked = asked
        encoder = ElementEncoder(transfer_syntax_uid)
        self._encoder = encoder
        found: dict[BaseTag, tuple[str, Element]] = {
            tag: ("", encoder.element(tag, vr)) for tag, vr in asked.unsupported.items()
        }
        found |= {key.tag: (key.keyword, encoder.element(key.tag, key.vr)) for key in asked.keys}
        # PS3.5 7.1: in the order of their tags.
        self._elements = [(tag, *found[tag]) for tag in sorted(found)]

    def write(self, values: Values) -> bytes:
        """The identifier of one answer."""
        answer: dict[str, StoredValue] = {
            key.keyword: _asked_of(key, values.get(key.keyword, "")) for key in self._asked.keys
        }
        texts = "".join(
            text for key in self._asked.keys for text in texts_of(key.vr, answer[key.keyword])
        )
        character_set = for_answer(texts, self._asked.character_set)
        parts = [
            (tag, element(answer.get(keyword, ""), character_set))
            for tag, keyword, element in self._elements
        ]
        if character_set is not DEFAULT_REPERTOIRE:
            write = self._encoder.element(_CHARACTER_SET, "CS")
            parts.append((_CHARACTER_SET, write(character_set.value, DEFAULT_REPERTOIRE)))
        return b"".join(encoded for _, encoded in sorted(parts))


def _asked_of(key: FileKey, value: StoredValue) -> StoredValue:
    """What is asked back of a value: of a sequence's items the keys that are named, or all."""
    if key.vr != "SQ":
        return value
    items = () if isinstance(value, str) else value
    if not key.items:
        return items
    return [
        {each.keyword: _asked_of(each, item.get(each.keyword, "")) for each in key.items}
        for item in items
    ]
