"""A copy that was made while the node ran is a store: index first, then the files."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from echonode.store.store import Store
from tests.unit.store.samples import NOON, Clock, dataset, put, put_many, send_all

pytestmark = pytest.mark.sqlite


@pytest.mark.slow
def test_a_copy_of_a_running_store_has_all_that_was_stored_before_it(tmp_path: Path) -> None:
    """Also what came between its two steps; what was sent stays sent, and every byte is right."""
    running, copy = tmp_path / "var", tmp_path / "copy"
    copy.mkdir()
    with Store.open(running, now=Clock()) as store:
        put_many(store, 3, "pacs")
        send_all(store, "pacs", NOON)
        put(store, dataset(4), destinations=["pacs"])
        with closing(sqlite3.connect(running / "index.sqlite")) as index:
            index.execute("VACUUM INTO ?", [str(copy / "index.sqlite")])
        put(store, dataset(5), destinations=["pacs"])
        shutil.copytree(running / "instances", copy / "instances")
    with Store.open(copy, now=Clock(), adopt_to=["pacs"]) as restored:
        while restored.recovery.step():
            pass
        rows = {row.sop_instance_uid: str(row.state) for row in restored.ledger.rows()}
        assert rows == {
            **{f"1.2.3.4.{number}": "sent" for number in (1, 2, 3)},
            **{f"1.2.3.4.{number}": "queued" for number in (4, 5)},
        }
        for uid in rows:
            instance = restored.index.instance(uid)
            assert instance is not None
            restored.files.check_bytes(instance)
