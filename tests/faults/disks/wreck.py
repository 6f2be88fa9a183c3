"""A data folder that a node left in the worst of states: much for a start to repair.

A node is stopped dead in the middle of everything at once: messages half received, files without
rows, deletions cut off at each of their steps, deliveries half-way, and a database that is for the
most part in its WAL.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from echonode.store.retention.deletion import Deletions
from echonode.store.store import Store
from tests.faults.judging.books import Book, read_book
from tests.faults.lives.durable import DESTINATION, Life
from tests.unit.store.samples import Clock

PROMISED, ACKNOWLEDGED, ORPHANS, HALF_RECEIVED = 8, 16, 40, 40


def wreck(folder: Path) -> Sequence[Mapping[str, Any]]:
    """Make one at folder/var; returns what peers and the archive had received."""
    work = folder / "work"
    book = Book(folder / "book")
    with Store.open(work, now=Clock(), adopt_to=[DESTINATION]) as store:
        life = Life(store, book)
        _cut_off_deletions(store, life, work)
        for number in range(PROMISED, PROMISED + ACKNOWLEDGED):
            life.take_in(number)
        store.deliveries.claim(DESTINATION, now=Clock()(), limit=ACKNOWLEDGED // 2)
        for number in range(HALF_RECEIVED):
            (work / "incoming" / f"{number:032x}.part").write_bytes(bytes(3_000))
        # With the WAL, which is not in the database yet.
        shutil.copytree(work, folder / "var")
    _add_orphans(folder, book)
    book.close()
    return read_book(folder / "book")


def _cut_off_deletions(store: Store, life: Life, work: Path) -> None:
    """Half of those that are promised still lie where they were, half are renamed away."""
    for number in range(PROMISED):
        life.take_in(number)
    life.deliver()
    transaction, uids = life.ask()
    life.promise(transaction, committed=uids, failed=[])
    finish_pending = Deletions.finish_pending
    Deletions.finish_pending = lambda self: None
    try:
        life.let_go()
    finally:
        Deletions.finish_pending = finish_pending
    for path in sorted(work.rglob("instances/*/*/*.dcm"))[::2]:
        path.rename(work / "deleted" / path.name)


def _add_orphans(folder: Path, book: Book) -> None:
    """Files that were renamed into place, and their rows never written; no answer was sent."""
    elsewhere = folder / "elsewhere"
    said = Book(folder / "book of elsewhere")
    with Store.open(elsewhere, now=Clock()) as store:
        life = Life(store, said)
        for number in range(1_000, 1_000 + ORPHANS):
            life.take_in(number)
        shutil.copytree(elsewhere / "instances", folder / "var" / "instances", dirs_exist_ok=True)
    said.close()
    for line in read_book(folder / "book of elsewhere"):
        if line["kind"] == "offered":
            book.write(**line)
