"""A database that is gone or damaged (scenario 11): made again from the files and the journal."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from echonode.commands.lying_pacs.script import never_reports, reporting
from tests.faults.callers.full_load import FullLoad
from tests.faults.judging.evidence import read_clients
from tests.faults.programme import LOST_DATABASES
from tests.faults.test_judge import NOTHING

SEED = 11
PAUSE_S = 0.2  # of each client after an instance: all of them are delivered many times
REBUILD_S = 180.0  # a start without a database reads every file, on a busy machine as well
PAGE = 4096  # of SQLite
PROMISED = ("committed", "verified")
NO_LOSS: dict[str, list[str]] = {"I1": [], "I2": [], "I3": []}


def gone(database: Path, chance: random.Random) -> None:
    """Removed, with its WAL."""
    for path in database.parent.glob("index.sqlite*"):
        path.unlink()


def gone_but_for_its_wal(database: Path, chance: random.Random) -> None:
    """Removed; what belongs to it is left behind."""
    database.unlink()


def no_database(database: Path, chance: random.Random) -> None:
    """The head is noise."""
    drop_log(database)
    with database.open("r+b") as file:
        file.write(chance.randbytes(PAGE))


def cut_short(database: Path, chance: random.Random) -> None:
    """Half of it is there."""
    drop_log(database)
    os.truncate(database, database.stat().st_size // 2)


def overwritten(database: Path, chance: random.Random) -> None:
    """Every third page is noise."""
    drop_log(database)
    with database.open("r+b") as file:
        for page in range(chance.randrange(1, 4), database.stat().st_size // PAGE, 3):
            file.seek(page * PAGE)
            file.write(chance.randbytes(PAGE))


def drop_log(database: Path) -> None:
    """Without the WAL, which has many a page whole that is damaged in the database."""
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


LOSSES: tuple[Callable[[Path, random.Random], None], ...] = (
    gone,
    no_database,
    overwritten,
    cut_short,
    gone_but_for_its_wal,
)


def states(load: FullLoad) -> set[str]:
    """The states of all deliveries, by the node's own index."""
    address = f"file:{load.node.data_dir / 'index.sqlite'}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        return {str(row[0]) for row in connection.execute("SELECT DISTINCT state FROM delivery")}


def promised(load: FullLoad) -> set[str]:
    """The SOP Instance UIDs that the node's own index counts as promised by some archive."""
    address = f"file:{load.node.data_dir / 'index.sqlite'}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        return {
            str(row[0])
            for row in connection.execute(
                "SELECT sop_instance_uid FROM delivery JOIN instance ON instance.id = instance_id"
                " WHERE delivery.state IN ('committed', 'verified')"
            )
        }


def lose(load: FullLoad, number: int, chance: random.Random) -> None:
    """One life to its kill, the loss, and a start while no archive commits anything.

    Each second time without the journal as well: then nothing counts as promised.
    """
    load.node.start()
    load.clients.wait_for(20)
    load.node.kill()
    load.write_captures_down()
    for archive in load.archives.values():
        archive.commit = never_reports
    LOSSES[number % len(LOSSES)](load.node.data_dir / "index.sqlite", chance)
    if is_alone := number % 2 == 0:
        (load.node.data_dir / "journal.jsonl").unlink()
    else:
        assert load.node.command("reindex").returncode == 0
    load.node.start(deadline_s=REBUILD_S)
    load.clients.wait_for(1)
    if is_alone:
        assert not states(load) & set(PROMISED)
    else:
        assert promised(load) <= {uid for archive in load.archives.values() for uid in archive.kept}
    load.node.kill()
    load.write_captures_down()
    verdict = load.verdict()
    assert {promise: verdict[promise] for promise in ("I1", "I2", "I3")} == NO_LOSS
    for archive in load.archives.values():
        archive.commit = reporting()


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_lost_database_loses_nothing_and_promises_nothing(tmp_path: Path) -> None:
    """Killed at full load and without its database, the node takes in every file again: nothing
    that was acknowledged is lost or deleted, nothing counts as promised but what an archive has
    promised, and all of it is delivered in the end: captures, and what was to be forwarded.
    """
    chance = random.Random(SEED)
    with FullLoad(tmp_path) as load:
        load.clients.pause_s = PAUSE_S
        for number in range(LOST_DATABASES.count):
            lose(load, number, chance)
        load.drain()
        assert load.verdict() == NOTHING
        acknowledged = {uid for uid, _ in read_clients(load.books()).acknowledged}
        for archive in load.archives.values():
            assert acknowledged <= archive.kept.keys()
