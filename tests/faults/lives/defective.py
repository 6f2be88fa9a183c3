"""The life of lives/durable.py with a defect, to see that the power cuts bring it to light.

python -m tests.faults.lives.defective DATA_DIR BOOK DEFECT
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import sqlalchemy as sa

from echonode.store.database import connections as database
from echonode.store.database import opening
from echonode.store.files import disk
from echonode.store.ingest import insertion
from echonode.store.retention import candidates as candidates_module
from echonode.store.retention import deletion
from echonode.store.retention.deletion import Deleted, Deletions
from echonode.store.retention.policy import RetentionPolicy
from echonode.store.store import Incoming
from tests.faults.judging.books import Book
from tests.faults.lives.durable import SUCCESS, Life, live, set_pragma

_keep, _promise = Life.keep, Life.promise
_write_tombstones = Deletions._write_tombstones


def _seal_without_fsync(self: Incoming, *, durable: bool = True) -> None:
    file = self._open_file()
    file.flush()
    file.close()
    self._file = None


def _no_file_fsync() -> None:
    Incoming.seal = _seal_without_fsync


def _no_folder_fsync() -> None:
    for module in (disk, database, insertion, deletion, opening):
        module.fsync_folder = lambda folder: None


def _no_wal_fsync() -> None:
    set_pragma("synchronous = NORMAL")


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


DEFECTS: Mapping[str, Callable[[], None]] = MappingProxyType(
    {
        "no fsync of the file": _no_file_fsync,
        "no fsync of the folder": _no_folder_fsync,
        "synchronous=NORMAL": _no_wal_fsync,
        "answer before commit": _answer_before_commit,
        "report answered before commit": _answer_report_before_commit,
        "delete before the tombstone": _delete_before_tombstone,
        "delete before the promise": _delete_before_promise,
    }
)


if __name__ == "__main__":
    DEFECTS[sys.argv[3]]()
    live(Path(sys.argv[1]), Book(Path(sys.argv[2])))
