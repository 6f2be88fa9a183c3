"""kill -9 at each system call by which something comes to be, or ceases to be, on the disk
(scenarios 1 and 5)."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from tests.faults.disks.restart_check import start, violations
from tests.faults.judging.books import read_book
from tests.faults.judging.journal_check import OWN_TABLES, disagreements
from tests.faults.lives.killer import Killer
from tests.faults.programme import FULL, KILLED_WRITES
from tests.unit.store.database.test_migrations import older_database

# More than one in the quick programme: of SQLite's writes, of which there are hundreds.
EVERY = KILLED_WRITES.count
LONG_WAL = 8  # instances; about a hundred pages

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with Killer() as ready:
        yield ready


class Trials:
    """Steps on copies of a template, each killed at another call, and what the start makes of
    what is left. acknowledged: how many instances were, at each death."""

    def __init__(self, killer: Killer, folder: Path, template: Path | None) -> None:
        self._killer, self._folder, self._template = killer, folder, template
        self._numbers = count(1)
        self.broken: dict[str, list[str]] = {}
        self.acknowledged: set[int] = set()

    def all(self, step: str, *, writes: int = EVERY, others: int = 1) -> int:
        """At each call (see Killer.deaths); how many deaths."""
        deaths = self._killer.deaths(
            lambda call, at: self._one(step, call, at), writes=writes, others=others
        )
        print(f"{step}: {deaths} deaths")
        assert self.broken == {}
        return deaths

    def _one(self, step: str, call: str, at: int) -> bool:
        here = self._folder / str(next(self._numbers))
        here.mkdir()
        data_dir, book = here / "var", here / "book"
        if self._template is not None:
            shutil.copytree(self._template, here, dirs_exist_ok=True)
        words = [data_dir] if step in ("start_and_stop", "checkpoint") else [data_dir, book]
        killed = self._killer.send(step, *words, call=call, at=at)
        lines = read_book(book)
        self.acknowledged.add(sum(line["kind"] == "answered" for line in lines))
        if broken := list(self.check(data_dir, book)):
            self.broken[f"{call} {at}"] = broken
        shutil.rmtree(here)
        return killed

    def check(self, data_dir: Path, book: Path) -> Iterator[str]:
        """What is wrong with what is left."""
        yield from violations(data_dir, read_book(book), book.with_name("book of the judge"))


class SameRows(Trials):
    """Trials of what changes the database's files and none of its rows, nor what the journal says
    of them."""

    def __init__(self, killer: Killer, folder: Path, template: Path) -> None:
        super().__init__(killer, folder, template)
        reference = folder / "reference"
        shutil.copytree(template, reference)
        for _ in range(3):  # as often as each trial is started
            start(reference / "var")
        self.rows = rows_of(reference / "var" / "index.sqlite")

    def check(self, data_dir: Path, book: Path) -> Iterator[str]:
        yield from super().check(data_dir, book)
        if rows_of(data_dir / "index.sqlite") != self.rows:
            yield "other rows than before"


class Migrations(SameRows):
    """The same where the judge cannot read the only instance file."""

    def check(self, data_dir: Path, book: Path) -> Iterator[str]:
        for _ in range(2):
            start(data_dir)
        with closing(sqlite3.connect(data_dir / "index.sqlite")) as connection:
            if connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                yield "the database is damaged"
        if rows_of(data_dir / "index.sqlite") != self.rows:
            yield "other rows than before"
        yield from disagreements(data_dir)


def rows_of(database: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, but for what the journal keeps for its own work: which changes are
    still to be written, and which database it is of. What it says is compared by itself."""
    with closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        found = {
            table: sorted(connection.execute(f"SELECT * FROM {table}"), key=repr)
            for (table,) in tables.fetchall()
            if table not in OWN_TABLES
        }
    found["meta"] = [row for row in found["meta"] if row[0] != "journal"]
    return found


def test_the_kills_strike_where_they_should(killer: Killer, memory_path: Path) -> None:
    """At the n-th call of a kind, before it is made: a row is there once it was synced."""
    seen = []
    for at in range(1, 20):
        database = memory_path / f"{at}.sqlite"
        killed = killer.send("write_rows", database, call="fdatasync", at=at)
        with closing(sqlite3.connect(database)) as connection:
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            rows = connection.execute("SELECT count(*) FROM t").fetchone()[0] if tables else 0
        seen.append((killed, tables, rows))
        if not killed:
            break
    assert seen[0] == (True, 0, 0)
    assert (True, 1, 0) in seen
    assert seen[-1] == (False, 1, 1)


def test_a_kill_anywhere_from_the_first_start_on_loses_nothing_acknowledged(
    killer: Killer, memory_path: Path
) -> None:
    """On an empty folder, with two instances: what was acknowledged is held and whole, half files
    are gone, and the next start takes less than five seconds."""
    trials = Trials(killer, memory_path, None)
    assert trials.all("take_in_two") > 50
    # The kills did happen at all stages: before the first, and after the last acknowledgement.
    assert trials.acknowledged == {0, 1, 2}


def test_a_kill_anywhere_in_a_whole_life_breaks_no_promise(memory_path: Path) -> None:
    """Duplicates, conflicts, deliveries, commitments both ways, deletions and checkpoints: nothing
    acknowledged is lost, nothing promised forgotten, and nothing deleted before its promise."""
    with Killer(writes=3_000, rehearsed="live_whole") as killer:
        trials = Trials(killer, memory_path, None)
        more = {"writes": 1, "others": 1} if FULL else {"writes": 4 * EVERY, "others": 4}
        assert trials.all("live_whole", **more) > 50


@pytest.mark.parametrize("step", ["checkpoint", "start_and_stop"])
def test_a_kill_anywhere_in_a_checkpoint_changes_no_row(
    killer: Killer, memory_path: Path, step: str
) -> None:
    """Of a long WAL, while the node runs and when it stops: the database opens, the rows are the
    same, and so are the files."""
    template = memory_path / "template"
    template.mkdir()
    killer.send("die_with_a_long_wal", template / "var", template / "book", str(LONG_WAL))
    assert (template / "var" / "index.sqlite-wal").stat().st_size > 300_000
    trials = SameRows(killer, memory_path, template)
    assert trials.all(step) > 15
    assert trials.acknowledged == {LONG_WAL}


@pytest.mark.long
def test_a_kill_anywhere_in_a_migration_leaves_the_old_or_the_new(
    killer: Killer, memory_path: Path
) -> None:
    """A database of the first version: the next start makes today's of it, with the same rows."""
    template = memory_path / "template"
    (template / "var").mkdir(parents=True)
    older_database(template / "var")
    trials = Migrations(killer, memory_path, template)
    assert trials.rows["meta"] == [("node_id", "0123"), ("stopped_orderly", "yes")]
    assert trials.all("start_and_stop") > 15
