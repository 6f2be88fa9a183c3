"""Whose a UID is, by what the index holds: one at a time, and many at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from echonode.store.index import whose
from echonode.store.store import Store
from tests.unit.store.samples import dataset, put_many


def test_many_are_found_as_one_is(store: Store) -> None:
    """Of an instance, a study, a series, and of nothing that is here."""
    put_many(store, 3)
    ds = dataset(1)
    uids = ("1.2.3.4.1", "1.2.3.4.3", ds.StudyInstanceUID, ds.SeriesInstanceUID, "9.9")
    with store.whose.together(uids) as lookup:
        found = [lookup(uid) for uid in uids]
    assert found == [store.whose(uid) for uid in uids]
    assert [each.patient_id if each else "" for each in found] == ["P1", "P1", "P1", "P1", ""]


def test_they_are_of_one_moment(store: Store) -> None:
    """What is stored meanwhile is not seen, and is found afterwards; nothing is held up."""
    put_many(store, 1)
    with store.whose.together(["1.2.3.4.1", "1.2.3.4.2"]) as lookup:
        assert lookup("1.2.3.4.1") is not None
        put_many(store, 2)
        assert lookup("1.2.3.4.2") is None
    assert store.whose("1.2.3.4.2") is not None


def test_instances_cost_one_statement_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many at a time; a thousand images that came are as many records."""
    put_many(store, 5)
    monkeypatch.setattr(whose, "_AT_ONCE", 3)
    uids = [f"1.2.3.4.{number}" for number in range(1, 6)]
    with executed(store) as statements, store.whose.together(uids) as lookup:
        assert [lookup(uid) for uid in uids] == [store.whose(uid) for uid in uids]
    assert len([each for each in statements if " IN (" in each]) == 2
    assert len([each for each in statements if "SELECT" in each]) == 2 + len(uids)  # one at a time


def test_what_cannot_be_read_together_is_read_one_by_one(store: Store) -> None:
    """A damaged page keeps back what is on it, and not whose all others are."""
    put_many(store, 2)
    uids = ["1.2.3.4.1", "1.2.3.4.2"]
    with executed(store, refuse=" IN ("), store.whose.together(uids) as lookup:
        found = [lookup(uid) for uid in uids]
    assert [each.patient_id if each else "" for each in found] == ["P1", "P1"]


def test_a_transaction_that_the_database_ended_keeps_no_record_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite rolls back by itself after some errors of the disk; records are made all the same."""
    put_many(store, 1)

    def rolled_back(connection: sa.Connection, uids: object) -> dict[str, whose.Belonging]:
        connection.exec_driver_sql("ROLLBACK")
        return {}

    monkeypatch.setattr(whose, "_instances", rolled_back)
    with store.whose.together(["1.2.3.4.1"]) as lookup:
        found = lookup("1.2.3.4.1")
    assert found == store.whose("1.2.3.4.1")


@contextmanager
def executed(store: Store, *, refuse: str = "\0") -> Iterator[list[str]]:
    """The statements of the readers in the block; those with `refuse` in them fail."""
    statements: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement)
        if refuse in statement:
            raise MemoryError

    sa.event.listen(store._readers, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(store._readers, "before_cursor_execute", note)
