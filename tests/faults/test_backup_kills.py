"""A machine that dies is set up again from its backup (scenario 53)."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest

from echonode.errors import BackupUnusable, UsageError
from echonode.store.backup.checking import checked_manifest, damaged_files
from echonode.store.backup.folder import BackupFolder
from echonode.store.backup.manifest import Manifest
from tests.faults.callers.full_load import FullLoad
from tests.faults.judging.verdict import judged
from tests.faults.lives.killer import Killer
from tests.faults.programme import BACKUP_KILLS
from tests.support.waiting import wait_until

SEED = 53
# I5 is about what came after the backup, too: archives have it, and no book of before names it.
OF_A_BACKUP = ("I1", "I2", "I3", "I4")


class Safe:
    """The backup of a node under load, and what its clients knew when the complete one began."""

    def __init__(self, load: FullLoad, folder: Path) -> None:
        self._load = load
        self._books = folder
        self.folder = BackupFolder(folder / "backup")
        self.complete: Manifest | None = None
        self.books: list[Path] = []

    def note_books(self, number: int) -> list[Path]:
        """The books as they are now, before a run begins."""
        self._load.write_captures_down()
        copies = []
        for book in self._load.books():
            copies.append(self._books / f"{number}-{book.name}")
            shutil.copyfile(book, copies[-1])
        return copies

    def look(self, books: list[Path]) -> bool:
        """Whether a complete backup is there; a new one is what `books` are of."""
        try:
            manifest = checked_manifest(self.folder)
        except (UsageError, BackupUnusable):
            assert self.complete is None, "a complete backup was lost"
            return False
        damaged = list(damaged_files(self.folder, manifest, lambda *_: None))
        assert damaged == [], "a complete backup lacks a file"
        if manifest != self.complete:
            self.complete, self.books = manifest, books
        return True


def is_restored(data_dir: Path) -> bool:
    """Whether a restore has come to its end there."""
    return (data_dir / "index.sqlite").exists() and not (data_dir / "restore.unfinished").exists()


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_machine_that_dies_comes_back_from_its_backup(memory_path: Path) -> None:
    """A node under load is backed up again and again, and each run is killed at a random moment;
    now and then the node is killed as well. At every moment the last complete backup is whole. Then
    the machine is gone: the backup is restored by runs that are killed, too. All that was
    acknowledged before that backup began is there with the same bytes, or with both archives; the
    node starts on it, and delivers what it had promised to deliver.
    """
    draw = random.Random(SEED)
    with FullLoad(memory_path) as load, Killer(writes=0) as killer:
        load.node.start()
        load.clients.wait_for(100)
        safe = Safe(load, memory_path)
        books = safe.note_books(0)
        began = time.monotonic()
        assert not killer.send("back_up", load.node.data_dir, safe.folder.root)
        whole_s = time.monotonic() - began
        assert safe.look(books)
        killed = 0
        kills = BACKUP_KILLS.count
        for number in range(1, kills + 1):
            load.be_quiet(number % 4 == 3)
            if number % 4 == 0:  # it looks for what it may delete when it starts
                load.node.kill()
                load.write_captures_down()
                load.node.forget_events()
                load.node.begin()
            books = safe.note_books(number)
            after_s = draw.uniform(0, 1.2 * whole_s)
            killed += killer.send("back_up", load.node.data_dir, safe.folder.root, after_s=after_s)
            safe.look(books)
        wait_until(lambda: load.clients.acknowledged > 0, "the load goes on")
        books = safe.note_books(kills + 1)
        assert not killer.send("back_up", load.node.data_dir, safe.folder.root)
        assert safe.look(books)
        assert safe.complete is not None
        assert safe.complete.holds.not_held == {}

        load.node.kill()
        load.clients.stop()
        shutil.move(load.node.data_dir, memory_path / "dead")
        restores = 1
        after_s = whole_s / 8
        while killer.send(
            "bring_back", safe.folder.root, load.node.data_dir, after_s=draw.uniform(0, after_s)
        ):
            restores += 1
            if is_restored(load.node.data_dir):  # it was through, and had not yet said so
                break
            after_s *= 1.3  # a slow machine gets there, too
        required = {name: archive.book.path for name, archive in load.archives.items()}

        def verdict() -> dict[str, list[str]]:
            found = judged(data_dir=load.node.data_dir, books=safe.books, required=required)
            return {promise: found[promise] for promise in OF_A_BACKUP}

        assert verdict() == {promise: [] for promise in OF_A_BACKUP}
        load.drain()
        assert verdict() == {promise: [] for promise in OF_A_BACKUP}
        assert "Traceback" not in load.node.stderr()
    print(
        f"{killed} of {kills} backups and {restores - 1} of {restores} restores were killed; a "
        f"backup that is left alone took {whole_s:.2f} s; {safe.complete.holds}"
    )
    assert killed > kills / 3
