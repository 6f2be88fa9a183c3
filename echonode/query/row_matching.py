"""Whether a row of the index is what a query asks: all its keys match (PS3.4 C.2.2.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from echonode.model.attributes import ATTRIBUTES
from echonode.query.identifier import FindIdentifier
from echonode.query.matching import compile_test
from echonode.query.temporal import parse_offset


def compile_row_test(asked: FindIdentifier) -> Callable[[Mapping[str, str]], bool]:
    """The test of whether a row, keyword -> value, matches every key of `asked`."""
    offset = parse_offset(asked.timezone_offset)
    tests = [
        (keyword, compile_test(criterion, ATTRIBUTES[keyword].vr, offset=offset))
        for keyword, criterion in asked.query.criteria.items()
    ]
    return lambda row: all(test(row.get(keyword, "")) for keyword, test in tests)
