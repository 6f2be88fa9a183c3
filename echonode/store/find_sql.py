"""A query as SQL that finds a superset of its matches; query/matching decides exactly.

Rules
- Values go in as parameters; `LIKE` patterns are escaped by SQLAlchemy's `autoescape`.
- Narrowing never loses a match. What SQL cannot decide alike (numbers by value, times, text with
  its own backslashes) is not narrowed; a row with a value that is not of its VR's form is
  `irregular` and always a candidate; names are compared folded, coarser than matching does.
- A wildcard narrows by its beginning (a range in the index) and by its longest literal part (one
  LIKE with two wildcards, so no pattern from the wire can make SQLite backtrack).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import sqlalchemy as sa

from echonode.model.attributes import ATTRIBUTES, UNIQUE_KEYS, Attribute, of_level
from echonode.model.criteria import (
    Criterion,
    Level,
    Query,
    Range,
    Selection,
    SingleValue,
    ValueList,
    Wildcard,
)
from echonode.store import schema
from echonode.store.folding import fold_group

Condition = sa.ColumnElement[bool]

TABLES: MappingProxyType[Level, sa.Table] = MappingProxyType(
    {
        Level.PATIENT: schema.patient,
        Level.STUDY: schema.study,
        Level.SERIES: schema.series,
        Level.IMAGE: schema.instance,
    }
)
# Value Multiplicity above 1 (PS3.6): equality and order say nothing of their columns.
MULTI_VALUED = frozenset(
    {
        "AdmittingDiagnosesDescription",
        "ImageType",
        "ModalitiesInStudy",
        "NameOfPhysiciansReadingStudy",
        "OperatorsName",
        "OtherPatientIDs",
        "OtherPatientNames",
        "PerformingPhysicianName",
        "SOPClassesInStudy",
    }
)
MOST_LIST_VALUES = 5_000  # parameters in one statement; SQLite takes 32,766
_LONGEST_PART = 200  # characters of a pattern's literal that are worth comparing
_LAST_CHARACTER = "\U0010ffff"
_TEXT_VRS = frozenset({"AE", "CS", "LO", "SH", "UI"})
_DATE = re.compile(r"(\d{4})\.?(\d\d)\.?(\d\d)", re.ASCII)


def columns_of(level: Level) -> Mapping[str, sa.ColumnElement[str]]:
    """Keyword -> its column as text, of a level and those above."""
    found: dict[str, sa.ColumnElement[str]] = {}
    for each in Level:
        if each.depth > level.depth:
            break
        for attribute in of_level(each):
            found[attribute.keyword] = _as_text(attribute)
    return found


def _column(attribute: Attribute) -> sa.Column[str]:
    if attribute.keyword == "AvailableTransferSyntaxUID":
        return schema.instance.c.transfer_syntax_uid
    return TABLES[attribute.level].c[attribute.column]


def _as_text(attribute: Attribute) -> sa.ColumnElement[str]:
    column = _column(attribute)
    return sa.cast(column, sa.Text) if attribute.keyword.startswith("NumberOf") else column


def _from(level: Level) -> sa.FromClause:
    """The table of a level, joined with those above it."""
    found: sa.FromClause = schema.patient
    for each in (Level.STUDY, Level.SERIES, Level.IMAGE)[: level.depth]:
        found = found.join(TABLES[each])
    return found


_COLUMNS = {level: columns_of(level) for level in Level}
_SELECTS = {
    level: sa.select(*_COLUMNS[level].values()).select_from(_from(level)) for level in Level
}


def keywords_of(level: Level) -> tuple[str, ...]:
    """What the columns of `candidates` stand for, in their order."""
    return tuple(_COLUMNS[level])


def candidates(query: Query) -> sa.Select[*tuple[str, ...]]:
    """The rows of the query's level that may match."""
    return _SELECTS[query.level].where(*_conditions(query))


def selected(
    selection: Selection, base: sa.Select[*tuple[object, ...]]
) -> Iterator[sa.Select[*tuple[object, ...]]]:
    """`base` (of instances joined with all above) narrowed to what a C-MOVE names.

    A list longer than one statement should hold comes in several statements.
    """
    conditions: list[Condition] = []
    long_list: tuple[sa.ColumnElement[str], Sequence[str]] | None = None
    for level, keyword in UNIQUE_KEYS.items():
        values = selection.keys.get(keyword)
        if values is None:
            continue
        column = TABLES[level].c[ATTRIBUTES[keyword].column]
        if long_list is None and len(values) > MOST_LIST_VALUES:
            long_list = (column, values)
        else:
            conditions.append(column.in_([_encodable(value) for value in values]))
    if long_list is None:
        yield base.where(*conditions)
        return
    long_column, long_values = long_list
    for start in range(0, len(long_values), MOST_LIST_VALUES):
        part = [_encodable(value) for value in long_values[start : start + MOST_LIST_VALUES]]
        yield base.where(*conditions, long_column.in_(part))


def _conditions(query: Query) -> list[Condition]:
    found: list[Condition] = []
    for level in Level:
        if level.depth > query.level.depth:
            break
        narrowing: list[Condition] = []
        for keyword, criterion in query.criteria.items():
            attribute = ATTRIBUTES[keyword]
            if attribute.level is not level:
                continue
            condition = narrow(attribute, criterion)
            if condition is None:
                continue
            # A UID that the index stands on is always one valid UID.
            exact = attribute.vr == "UI" and attribute.unique
            (found if exact else narrowing).append(condition)
        if narrowing:
            # The partial index on `irregular` serves only a literal 1, not a parameter.
            irregular = TABLES[level].c.irregular == sa.literal_column("1", sa.Integer)
            found.append(sa.or_(sa.and_(*narrowing), irregular))
    return found


def narrow(attribute: Attribute, criterion: Criterion) -> Condition | None:
    """What a matching row's column must fulfil; None where SQL cannot help."""
    match criterion:
        case SingleValue(value):
            return _one(attribute, value)
        case Wildcard(pattern):
            return _one(attribute, pattern)
        case ValueList(values):
            return _any(attribute, values)
        case Range(low, high) if attribute.vr == "DA":
            return _between(_column(attribute), low, high)
    return None


def _one(attribute: Attribute, value: str) -> Condition | None:
    """A single value, or a pattern with wildcards."""
    value = _encodable(value)
    column = _column(attribute)
    if attribute.vr == "PN":
        return _name(attribute, value)
    if attribute.vr == "DA":
        date = _DATE.fullmatch(value)
        return column == "".join(date.groups()) if date else None
    if attribute.vr not in _TEXT_VRS:
        return None
    if attribute.vr == "UI":
        return column.contains(value, autoescape=True) if _several(attribute) else column == value
    return _text(column, value, several=_several(attribute))


def _several(attribute: Attribute) -> bool:
    return attribute.keyword in MULTI_VALUED


def _any(attribute: Attribute, values: Sequence[str]) -> Condition | None:
    if len(values) > MOST_LIST_VALUES:
        return None
    if attribute.vr == "UI" and not _several(attribute):
        return _column(attribute).in_([_encodable(value) for value in values])
    if len(values) > 50:  # as many ORs are no longer quicker than matching
        return None
    conditions = [_one(attribute, value) for value in values]
    found = [condition for condition in conditions if condition is not None]
    return sa.or_(*found) if found and len(found) == len(conditions) else None


def _text(column: sa.ColumnElement[str], pattern: str, *, several: bool) -> Condition | None:
    """Text of one case; `pattern` may have wildcards."""
    parts = _literal_parts(pattern)
    if len(parts) == 1 and not several:
        return column == pattern
    return _parts(column, parts, several=several)


def _name(attribute: Attribute, pattern: str) -> Condition | None:
    """A person name: its first group that is not empty must be a group of the value."""
    groups = [group for group in pattern.split("=") if group.strip("*^ ")]
    if not groups:
        return None
    table = TABLES[attribute.level]
    alphabetic = table.c[f"{attribute.column}_folded"]
    other = table.c[f"{attribute.column}_other"]
    # Cut up before folding, which may turn other characters into wildcards. Carets and spaces at
    # the ends of parts may stand for empty components, which values leave out.
    first, *rest = _literal_parts(groups[0])
    parts = [fold_group(first), *(fold_group(part).strip("^ ") for part in rest)]
    whole: Condition = alphabetic == parts[0]
    in_first = _parts(alphabetic, parts, several=False) if rest else whole
    longest = max(parts, key=len)
    if in_first is None or not longest:
        return None
    # The partial index on `> ''` holds the few names of several groups; it needs a literal, too.
    in_other = sa.and_(
        other > sa.literal_column("''", sa.Text),
        other.contains(longest[:_LONGEST_PART], autoescape=True),
    )
    return sa.or_(in_first, in_other)


def _literal_parts(pattern: str) -> list[str]:
    return re.split(r"[*?]+", pattern)


def _parts(
    column: sa.ColumnElement[str], parts: Sequence[str], *, several: bool
) -> Condition | None:
    """The first part at the value's beginning, the longest anywhere in it."""
    conditions: list[Condition] = []
    prefix = parts[0][:_LONGEST_PART]
    if prefix and not several:
        conditions += [column >= prefix, column <= prefix + _LAST_CHARACTER * 2]
    longest = max(parts, key=len)[:_LONGEST_PART]
    if longest and (several or longest != prefix):
        conditions.append(column.contains(longest, autoescape=True))
    return sa.and_(*conditions) if conditions else None


def _between(column: sa.ColumnElement[str], low: str, high: str) -> Condition | None:
    """Dates from low to high, '' open (PS3.4 C.2.2.2.5); both old and new form."""
    first, last = _DATE.fullmatch(low), _DATE.fullmatch(high)
    conditions: list[Condition] = []
    if first:
        conditions.append(column >= "".join(first.groups()))
    if last:
        conditions.append(column <= "".join(last.groups()))
    return sa.and_(*conditions) if conditions else None


def _encodable(text: str) -> str:
    """Without lone surrogates, which no stored value has and no parameter can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")
