"""Studies that a person looks for: by words and dates, a page at a time, the newest first.

Rules
- Each word is part of the patient's name, the Patient ID or the accession number; all words must be
  found. Names are compared as C-FIND compares them (query_retrieve/person_name.py: not by case or
  accent); numbers by their letters, but not by case, for people type as they like. `*` and `?` are
  wild.
- Dates are those of C-FIND (query_retrieve/matching.py).
- No page is cut in silence: where there is more, the page says from where it goes on. A search that
  finds little looks at MOST_ROWS studies and then gives what it has, with the place to go on from.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from echonode.errors import FieldRefused
from echonode.model.criteria import Range
from echonode.query_retrieve.matching import compile_test
from echonode.query_retrieve.person_name import compile_name, fold
from echonode.query_retrieve.wildcard import compile_wildcard
from echonode.store.index.study_list import Place, StudyRow

PAGE = 50
MOST_ROWS = 20_000  # looked at for a page: half a second
LONGEST_TEXT = 128  # characters; a name of five words
MOST_WORDS = 8
_LONGEST_CURSOR = 400

RowTest = Callable[[Mapping[str, str]], bool]


class Studies(Protocol):
    """store.studies."""

    def newest(
        self, *, words: Sequence[str], date_from: str, date_to: str, after: Place | None
    ) -> Iterator[StudyRow]: ...


@dataclass(frozen=True, kw_only=True)
class StudyPage:
    """One page. next: the cursor of the page that follows; '' at the end of the list."""

    studies: tuple[StudyRow, ...]
    next: str = ""


def search(
    studies: Studies,
    *,
    text: str = "",
    date_from: str = "",
    date_to: str = "",
    cursor: str = "",
    page: int = PAGE,
    most_rows: int = MOST_ROWS,
) -> StudyPage:
    """A page of studies. date_from, date_to: YYYYMMDD or YYYY-MM-DD, both inside, '' open.

    Raises FieldRefused, StoreError.
    """
    words = words_of(text)
    low, high = _date("from", date_from), _date("to", date_to)
    test = compile_search(words, low, high)
    rows = studies.newest(
        words=words, date_from=low, date_to=high, after=place_of(cursor) if cursor else None
    )
    found: list[StudyRow] = []
    seen = 0
    last: StudyRow | None = None
    try:
        for row in rows:
            if len(found) == page or seen == most_rows:
                return StudyPage(studies=tuple(found), next=cursor_of(last.place) if last else "")
            seen, last = seen + 1, row
            if test(row.values):
                found.append(row)
    finally:
        if isinstance(rows, Generator):
            rows.close()
    return StudyPage(studies=tuple(found))


def words_of(text: str) -> list[str]:
    """The words of what a person typed. Raises FieldRefused.

    Carets and commas part words too: a name may be pasted as DICOM writes it.
    """
    if len(text) > LONGEST_TEXT:
        raise FieldRefused("text", "is too long", f"type at most {LONGEST_TEXT} characters")
    words = text.replace("^", " ").replace(",", " ").replace("\\", " ").replace("=", " ").split()
    words = [word for word in words if word.strip("*?")]
    if len(words) > MOST_WORDS:
        raise FieldRefused("text", "has too many words", f"type at most {MOST_WORDS}")
    return words


def compile_search(words: Sequence[str], date_from: str, date_to: str) -> RowTest:
    """The test of whether a study has all words, and its date is within."""
    tests = [_word_test(word) for word in words]
    if date_from or date_to:
        in_range = compile_test(Range(date_from, date_to), "DA")
        tests.append(lambda row: in_range(row.get("StudyDate", "")))
    return lambda row: all(test(row) for test in tests)


def _word_test(word: str) -> RowTest:
    pattern = f"*{word}*"
    name, number = compile_name(pattern), compile_wildcard(pattern, fold)

    def test(row: Mapping[str, str]) -> bool:
        return (
            name(row.get("PatientName", ""))
            or number(fold(row.get("PatientID", "")))
            or number(fold(row.get("AccessionNumber", "")))
        )

    return test


def _date(field: str, text: str) -> str:
    date = text.replace("-", "")
    if date and not (len(date) == 8 and date.isascii() and date.isdecimal()):
        raise FieldRefused(field, "is no date", "write it as 2026-11-29")
    return date


def cursor_of(place: Place) -> str:
    """A place in the list as text for a URL: dates and a row number, no patient data."""
    values = json.dumps([place.study_date, place.study_time, place.row])
    return base64.urlsafe_b64encode(values.encode()).decode().rstrip("=")


def place_of(cursor: str) -> Place:
    """The place that a cursor names. Raises FieldRefused."""
    try:
        if len(cursor) > _LONGEST_CURSOR:
            raise ValueError
        padded = cursor + "=" * (-len(cursor) % 4)
        date, time, row = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not (isinstance(date, str) and isinstance(time, str) and type(row) is int):
            raise ValueError
        if not 0 <= row < 2**63:
            raise ValueError
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise FieldRefused("cursor", "is not from this list", "begin at the first page") from None
    return Place(study_date=date, study_time=time, row=row)
