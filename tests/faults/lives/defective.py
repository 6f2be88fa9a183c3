"""The life of lives/durable.py with a defect, to see that the power cuts bring it to light.

python -m tests.faults.lives.defective DATA_DIR BOOK DEFECT
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import sqlalchemy as sa

from echonode.model.instance import InstanceRecord
from echonode.store import parts
from echonode.store.database import connections as database
from echonode.store.database import opening, sqlite_engine
from echonode.store.database.connections import Writer
from echonode.store.database.unsynced import Unsynced
from echonode.store.files import disk, pool
from echonode.store.files.layout import Layout
from echonode.store.files.placing import place
from echonode.store.files.pool import IncomingPool
from echonode.store.files.seal import SEAL_BYTES, Seal, SealFacts, encoded
from echonode.store.ingest import ingest, insertion
from echonode.store.ingest.ingest import InstanceFiles
from echonode.store.journal import journal_file
from echonode.store.retention import candidates as candidates_module
from echonode.store.retention import deletion
from echonode.store.retention.deletion import Deleted, Deletions
from echonode.store.retention.policy import RetentionPolicy
from echonode.store.store import Incoming
from tests.faults.judging.books import Book
from tests.faults.lives.durable import SUCCESS, Life, live

_keep, _promise = Life.keep, Life.promise
_end, _move_into_place = Incoming.seal, InstanceFiles._move_into_place
_write_tombstones = Deletions._write_tombstones
_written: dict[Path, Incoming] = {}


def _seal_without_fsync(self: Incoming, facts: SealFacts, *, durable: bool = True) -> None:
    file = self._open_file()
    self._write_seal(file, facts)
    file.flush()
    file.close()
    self._file = None


def _no_file_fsync() -> None:
    Incoming.seal = _seal_without_fsync


def _no_folder_fsync() -> None:
    for module in (disk, database, insertion, deletion, opening):
        module.fsync_folder = lambda folder: None


def _no_wal_fsync() -> None:
    sqlite_engine.DURABLE = "NORMAL"
    Unsynced.synchronise = lambda self: None


def _answer_first(self: Life, incoming: Incoming, what: Mapping[str, str]) -> None:
    if self.holds(what["uid"]):
        _keep(self, incoming, what)
        return
    self.answer(what, SUCCESS)
    self.commit(incoming)


def _answer_before_commit() -> None:
    Life.keep = _answer_first


def _answer_report_first(
    self: Life, transaction: str, committed: list[str], failed: list[str]
) -> None:
    self.answer_report(transaction, committed, failed)
    _promise(self, transaction, committed, failed)


def _answer_report_before_commit() -> None:
    Life.promise = _answer_report_first


def _unlink_first(
    self: Deletions,
    connection: sa.Connection,
    candidates: Sequence[int],
    policy: RetentionPolicy,
    now: datetime,
) -> list[Deleted]:
    deleted = _write_tombstones(self, connection, candidates, policy, now)
    self.finish(gone.file_id for gone in deleted)
    return deleted


def _delete_before_tombstone() -> None:
    Deletions._write_tombstones = _unlink_first


def _delete_before_promise() -> None:
    candidates_module._UNSEEN = sa.select(candidates_module._delivery.id)
    candidates_module.why_kept = lambda holdings, policy, *, observed_s: ""


def _leave_seal_blank(self: Incoming, facts: SealFacts, *, durable: bool = True) -> None:
    self.facts = facts
    _end(self, durable=durable)


def _place_and_seal(layout: Layout, file_id: str, path: Path, dataset_sha256: str) -> object:
    """The seal is written once the file has its name, and nothing makes it durable."""
    incoming = _written.pop(path)
    placed = place(layout, file_id, path, dataset_sha256)
    seal = Seal(
        dataset_sha256=dataset_sha256,
        dataset_length=incoming.size - incoming.dataset_offset,
        facts=incoming.facts,
    )
    with layout.instance_file(file_id).open("r+b", buffering=0) as file:
        os.pwrite(file.fileno(), encoded(seal), incoming.dataset_offset - SEAL_BYTES)
    return placed


def _noted(
    self: InstanceFiles, incoming: Incoming, record: InstanceRecord, facts: SealFacts
) -> str:
    _written[incoming.path] = incoming
    return _move_into_place(self, incoming, record, facts)


def _seal_after_the_rename() -> None:
    Incoming.seal = _leave_seal_blank
    InstanceFiles._move_into_place = _noted
    ingest.place = _place_and_seal


def _delete_before_the_journal() -> None:
    class Hasty(Deletions):
        def __init__(
            self,
            writer: Writer,
            readers: sa.Engine,
            layout: Layout,
            journalled: object,
            *,
            pool: IncomingPool,
        ) -> None:
            super().__init__(writer, readers, layout, pool=pool)

    parts.Deletions = Hasty


def _no_journal_fsync() -> None:
    journal_file.synchronise = lambda descriptor: None


def _pool_names_not_synced() -> None:
    def fsync_other(folder: Path) -> None:
        if folder.name != "pool":
            disk.fsync_folder(folder)

    pool.fsync_folder = fsync_other


def _pool_emptied_too_early() -> None:
    IncomingPool._folders_refused = lambda self, ended: set()


def _delete_what_has_not_settled() -> None:
    IncomingPool.settle = lambda self: None


DEFECTS: Mapping[str, Callable[[], None]] = MappingProxyType(
    {
        "no fsync of the file": _no_file_fsync,
        "no fsync of the folder": _no_folder_fsync,
        "synchronous=NORMAL": _no_wal_fsync,
        "answer before commit": _answer_before_commit,
        "report answered before commit": _answer_report_before_commit,
        "delete before the tombstone": _delete_before_tombstone,
        "delete before the promise": _delete_before_promise,
        "seal after the rename": _seal_after_the_rename,
        "delete before the journal": _delete_before_the_journal,
        "no fsync of the journal": _no_journal_fsync,
        "no fsync of the pool": _pool_names_not_synced,
        "pool emptied before the folder is durable": _pool_emptied_too_early,
        "delete what has not settled": _delete_what_has_not_settled,
    }
)


if __name__ == "__main__":
    DEFECTS[sys.argv[3]]()
    live(Path(sys.argv[1]), Book(Path(sys.argv[2])))
