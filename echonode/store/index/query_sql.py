"""A query as one SQL statement: it finds a superset of the matches; query_retrieve/ decides.

Rules
- Values are always parameters; prefilter.py says what each criterion becomes.
- Within a level all criteria must hold, or the row be `irregular`: a row with a value that does not
  have the form of its VR, which SQL cannot judge, is a candidate of every query.
- No ORDER BY: rows come as they are found, so the first answer never waits for the last.
- A row with patient attributes of its own (patient_identity.py) is not narrowed by its patient's:
  a second statement finds such rows, through the few patients that have some.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import sqlalchemy as sa

from echonode.model.attributes import ATTRIBUTES, UNIQUE_KEYS, Attribute, of_level
from echonode.model.criteria import Level, Query, Selection, Universal
from echonode.store.database import schema
from echonode.store.database.dialects import is_true, usually
from echonode.store.index.patient_identity import DIFFERING
from echonode.store.index.prefilter import (
    MOST_LIST_VALUES,
    TABLES,
    Condition,
    Narrowing,
    column_of,
    encodable,
)


def columns_of(level: Level) -> Mapping[str, sa.ColumnElement[str]]:
    """Keyword -> its column as text, of a level and the levels above."""
    found: dict[str, sa.ColumnElement[str]] = {}
    for each in Level:
        if each.depth > level.depth:
            break
        for attribute in of_level(each):
            found[attribute.keyword] = _as_text(attribute)
    return found


def _as_text(attribute: Attribute) -> sa.ColumnElement[str]:
    column = column_of(attribute)
    return sa.cast(column, sa.Text) if attribute.keyword.startswith("NumberOf") else column


def _from(level: Level) -> sa.FromClause:
    """The table of a level, joined with those above it."""
    found: sa.FromClause = schema.patient
    for each in (Level.STUDY, Level.SERIES, Level.IMAGE)[: level.depth]:
        found = found.join(TABLES[each])
    return found


def _own_patient(level: Level) -> sa.ColumnElement[str]:
    """The patient attributes of a level's row that differ from the patient's row."""
    if level is Level.PATIENT:
        return sa.literal_column("''", sa.Text).label("own_patient")
    return TABLES[level].c.own_patient


_COLUMNS = {level: columns_of(level) for level in Level}
_SELECTS = {
    level: sa.select(*_COLUMNS[level].values(), _own_patient(level)).select_from(_from(level))
    for level in Level
}


def keywords_of(level: Level) -> tuple[str, ...]:
    """The keywords of the columns of `candidates`, in order; `own_patient` follows them."""
    return tuple(_COLUMNS[level])


def candidates(query: Query) -> sa.Select[*tuple[str, ...]]:
    """The rows of the query's level that may match, except those of `own_candidates`."""
    found = _SELECTS[query.level].where(*_conditions(query))
    if not asks_of_patient(query):
        return found
    # Without the hint SQLite considers an equality selective, and reads all studies.
    return found.where(usually(_own_patient(query.level) == ""))


def in_order(
    statement: sa.Select[*tuple[str, ...]], level: Level, *, skip: int = 0
) -> sa.Select[*tuple[str, ...]]:
    """Rows of `candidates` or `own_candidates`, those stored last first, without the first `skip`.

    The row numbers are found and sorted before any row is read, so that all rows of a large store
    are not held for it; where nothing narrows, the table is read in its order.
    """
    key = TABLES[level].c.id
    ordered = statement
    if statement.whereclause is not None:
        ordered = _SELECTS[level].where(key.in_(statement.with_only_columns(key)))
    ordered = ordered.order_by(key.desc())
    return ordered.offset(skip) if skip else ordered


def own_candidates(query: Query) -> sa.Select[*tuple[str, ...]]:
    """Rows with patient attributes of their own, for a query that asks for any of the patient's."""
    own = _own_patient(query.level)
    varied = is_true(schema.patient.c.varied)  # in the words of the partial index
    return _SELECTS[query.level].where(varied, own != "", *_conditions(query, own))


def asks_of_patient(query: Query) -> bool:
    """Whether a row's own patient attributes decide whether it matches."""
    return query.level is not Level.PATIENT and any(
        keyword in DIFFERING and not isinstance(criterion, Universal)
        for keyword, criterion in query.criteria.items()
    )


def selected(
    selection: Selection, base: sa.Select[*tuple[object, ...]]
) -> Iterator[sa.Select[*tuple[object, ...]]]:
    """`base` (of instances joined with all above) narrowed to what a C-MOVE names.

    A list longer than one statement should hold comes in several statements.
    """
    conditions: list[Condition] = []
    long_list: tuple[sa.ColumnElement[str], Sequence[str]] | None = None
    for level, keyword in (*UNIQUE_KEYS.items(), (Level.PATIENT, "IssuerOfPatientID")):
        values = selection.keys.get(keyword)
        if values is None:
            continue
        column = TABLES[level].c[ATTRIBUTES[keyword].column]
        if long_list is None and len(values) > MOST_LIST_VALUES:
            long_list = (column, values)
        else:
            conditions.append(column.in_([encodable(value) for value in values]))
    if long_list is None:
        yield base.where(*conditions)
        return
    long_column, long_values = long_list
    for start in range(0, len(long_values), MOST_LIST_VALUES):
        part = [encodable(value) for value in long_values[start : start + MOST_LIST_VALUES]]
        yield base.where(*conditions, long_column.in_(part))


def _conditions(query: Query, own_patient: sa.ColumnElement[str] | None = None) -> list[Condition]:
    """What narrows; own_patient: of rows that may have other patient attributes than the patient's
    row.
    """
    found: list[Condition] = []
    # Rows with values of their own are selected already, by their patient.
    narrowing = Narrowing.of(query) if own_patient is None else Narrowing(through_index=False)
    for level in Level:
        if level.depth > query.level.depth:
            break
        of_this_level: list[Condition] = []
        for keyword, criterion in query.criteria.items():
            attribute = ATTRIBUTES[keyword]
            condition = narrowing.narrow(attribute, criterion)
            if own_patient is not None and keyword in DIFFERING:
                condition = narrowing.narrow_own(attribute, criterion, own_patient, condition)
            if attribute.level is not level or condition is None:
                continue
            # A UID that the index relies on is always one valid UID.
            exact = attribute.vr == "UI" and attribute.unique
            (found if exact else of_this_level).append(condition)
        if of_this_level:
            irregular = is_true(TABLES[level].c.irregular)  # in the words of the partial index
            found.append(sa.or_(sa.and_(*of_this_level), irregular))
    return found
