"""Whose a UID is, by what the index holds: one at a time, and many at one moment."""

from __future__ import annotations

from echonode.store.store import Store
from tests.unit.store.samples import dataset, put_many


def test_many_are_found_as_one_is(store: Store) -> None:
    """Of an instance, a study, a series, and of nothing that is here."""
    put_many(store, 3)
    ds = dataset(1)
    uids = ("1.2.3.4.1", "1.2.3.4.3", ds.StudyInstanceUID, ds.SeriesInstanceUID, "9.9")
    with store.whose.together() as lookup:
        found = [lookup(uid) for uid in uids]
    assert found == [store.whose(uid) for uid in uids]
    assert [each.patient_id if each else "" for each in found] == ["P1", "P1", "P1", "P1", ""]


def test_they_are_of_one_moment(store: Store) -> None:
    """What is stored meanwhile is not seen, and is found afterwards; nothing is held up."""
    put_many(store, 1)
    with store.whose.together() as lookup:
        assert lookup("1.2.3.4.1") is not None
        put_many(store, 2)
        assert lookup("1.2.3.4.2") is None
    assert store.whose("1.2.3.4.2") is not None
