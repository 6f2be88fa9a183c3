"""What processes (killed_processes.py) are killed in: short pieces of a node's life.

Each is called in a process of its own, with the words it was sent for, and says what peers and
archives saw in a book, as lives/durable.py does.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from echonode.model.identity import CommitmentPolicy
from echonode.store.backup.backup import Backup
from echonode.store.backup.folder import BackupFolder
from echonode.store.backup.restore import Restore
from echonode.store.store import Store
from tests.faults.judging.books import Book
from tests.faults.lives.durable import DESTINATION, Life, live
from tests.faults.lives.trust_steps import erase_patient, write_trail
from tests.faults.nodes.delivering_half import DeliveringHalf
from tests.unit.store.samples import Clock

# Of the delivering half: two looks of housekeeping after everything is sent and promised.
DELIVERING_S = 180.0


def take_in_two(data_dir: str, book: str) -> None:
    """Two instances come in and are acknowledged."""
    with Store.open(Path(data_dir), now=Clock(), adopt_to=[DESTINATION]) as store:
        life = Life(store, Book(Path(book)))
        life.take_in(1)
        life.take_in(2)


def live_whole(data_dir: str, book: str) -> None:
    """All of lives/durable.py."""
    live(Path(data_dir), Book(Path(book)))


def die_with_a_long_wal(data_dir: str, book: str, instances: str) -> None:
    """Many instances come in; then this process is killed, and nothing is checkpointed."""
    store = Store.open(Path(data_dir), now=Clock(), adopt_to=[DESTINATION])
    life = Life(store, Book(Path(book)))
    for number in range(1, int(instances) + 1):
        life.take_in(number)
    os.kill(os.getpid(), signal.SIGKILL)


def start_and_stop(data_dir: str) -> None:
    """A start, with all that it repairs or migrates, and a stop, with its checkpoint."""
    Store.open(Path(data_dir), now=Clock(), adopt_to=[DESTINATION]).close()


def checkpoint(data_dir: str) -> None:
    """The checkpoint of a long WAL, by a node that goes on."""
    with Store.open(Path(data_dir), now=Clock(), adopt_to=[DESTINATION]) as store:
        store._writer._connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").close()


def deliver(data_dir: str, port: str) -> None:
    """What is queued is sent, asked for, promised and let go; the archive is at that port."""
    with DeliveringHalf(
        Path(data_dir), int(port), commitment=CommitmentPolicy.REQUIRED, keep_s=0
    ) as half:
        half.live(DELIVERING_S, housekeeping=True)


def write_rows(database: str) -> None:
    """Nothing of ours: SQLite alone, to see that the kills do strike where they should."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (n)")
        connection.execute("INSERT INTO t VALUES (1)")


def back_up(data_dir: str, folder: str) -> None:
    """What `echonode backup` does."""
    Backup(Path(data_dir), BackupFolder(Path(folder)), now=lambda: datetime.now(UTC)).run()


def bring_back(folder: str, data_dir: str) -> None:
    """What `echonode restore` does."""
    Restore(BackupFolder(Path(folder)), Path(data_dir), now=lambda: datetime.now(UTC)).run()


Step = Callable[..., None]
STEPS: Mapping[str, Step] = MappingProxyType(
    {
        step.__name__: step
        for step in (
            take_in_two,
            live_whole,
            die_with_a_long_wal,
            start_and_stop,
            checkpoint,
            deliver,
            write_rows,
            back_up,
            bring_back,
            erase_patient,
            write_trail,
        )
    }
)
