"""Whether a row of the index matches all keys of a query (PS3.4 C.2.2.2).

Rules
- The options of extended negotiation (C.5.1.1.1) change the tests of the keys that they concern.
- The store does not know them: `narrowable` leaves out keys for which SQL would narrow too much. A
  name that is matched by meaning narrows nothing; the dates of a combined range still do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from echonode.model.attributes import ATTRIBUTES
from echonode.model.criteria import Criterion, Query
from echonode.query_retrieve.combined_date_time import combined_ranges, compile_combined
from echonode.query_retrieve.fuzzy_name import compile_fuzzy_test
from echonode.query_retrieve.identifier import FindIdentifier
from echonode.query_retrieve.matching import compile_test
from echonode.query_retrieve.temporal import parse_offset

RowTest = Callable[[Mapping[str, str]], bool]


def compile_row_test(
    asked: FindIdentifier, *, combined_date_time: bool = False, fuzzy_names: bool = False
) -> RowTest:
    """The test of whether a row, keyword -> value, matches every key of `asked`."""
    offset = parse_offset(asked.timezone_offset)
    criteria = dict(asked.query.criteria)
    special: list[RowTest] = []
    if combined_date_time:
        for date, time, wanted in list(combined_ranges(criteria)):
            special.append(compile_combined(date, time, wanted))
            del criteria[date], criteria[time]
    if fuzzy_names:
        special += [_fuzzy_row_test(name, criteria.pop(name)) for name in _names(criteria)]
    tests = [
        (keyword, compile_test(criterion, ATTRIBUTES[keyword].vr, offset=offset))
        for keyword, criterion in criteria.items()
    ]
    if not special:
        return lambda row: all(test(row.get(keyword, "")) for keyword, test in tests)
    return lambda row: (
        all(test(row.get(keyword, "")) for keyword, test in tests)
        and all(row_test(row) for row_test in special)
    )


def narrowable(query: Query, *, fuzzy_names: bool) -> Query:
    """The part of the query that the store may narrow by."""
    names = _names(query.criteria) if fuzzy_names else []
    if not names:
        return query
    left = {keyword: each for keyword, each in query.criteria.items() if keyword not in names}
    return replace(query, criteria=left)


def _names(criteria: Mapping[str, Criterion]) -> list[str]:
    return [keyword for keyword in criteria if ATTRIBUTES[keyword].vr == "PN"]


def _fuzzy_row_test(keyword: str, criterion: Criterion) -> RowTest:
    test = compile_fuzzy_test(criterion)
    return lambda row: test(row.get(keyword, ""))
