"""A long list is there at once."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from echonode.exam.worklist.refresh import listed_on
from echonode.store.store import Store
from tests.unit.objects.orders import FULL_ITEM, PATIENT


@pytest.mark.timing
def test_a_list_of_2000_items_is_read_in_under_100_ms(tmp_path: Path) -> None:
    """From the cache on the disk, every attribute of every item."""
    now = datetime(2026, 11, 20, tzinfo=UTC)
    with Store.open(tmp_path, now=lambda: now) as store:
        store.worklist.put(
            [
                replace(FULL_ITEM, id=f"{n:016x}", patient=replace(PATIENT, id=f"P{n}"))
                for n in range(2000)
            ]
        )
        listed_on(store.worklist, "20261120")  # the first makes the readers
        took = []
        for _ in range(10):
            began = time.perf_counter()
            assert len(listed_on(store.worklist, "20261120")) == 2000
            took.append(time.perf_counter() - began)
    assert min(took) < 0.1, took


def test_what_is_remembered_is_what_is_stored(tmp_path: Path) -> None:
    """An item that changed is read as it is now."""
    now = datetime(2026, 11, 20, tzinfo=UTC)
    with Store.open(tmp_path, now=lambda: now) as store:
        store.worklist.put([FULL_ITEM])
        assert listed_on(store.worklist, "20261120") == [FULL_ITEM]
        changed = replace(FULL_ITEM, reason_for_procedure="another")
        store.worklist.put([changed])
        assert listed_on(store.worklist, "20261120") == [changed]
