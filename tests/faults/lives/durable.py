"""A node's life in small, told to a book as it goes: what the faults fall upon.

    python -m tests.faults.lives.durable DATA_DIR BOOK

Two days of a real store and one thread: instances come in, are sent, asked for, promised and let
go. This process plays the peers and the archive as well, and writes into BOOK what
each of them saw, at the moment they saw it. DEFECT names one of life_defects.py.

Lines in addition to those of books.py
- "reported" twice: with status null when the archive has promised, with 0 when it was answered.
- "owed": a peer's request for commitment was answered 0000; transaction. "counted": a number that
  was given out and must never come again.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from echonode.errors import InstanceConflict
from echonode.model.commitment import CommitmentReport, CommitmentRequest, ReferencedInstance
from echonode.model.delivery import DeliveryEvent
from echonode.model.identity import CommitmentPolicy
from echonode.model.instance import Origin
from echonode.store.database import opening
from echonode.store.files import pool
from echonode.store.retention.policy import RetentionPolicy
from echonode.store.store import Incoming, Store
from tests.faults.judging.books import Book
from tests.unit.store.samples import EXPLICIT_LE, US_IMAGE, Clock, dataset, encoded

DESTINATION, ARCHIVE, PEER = "pacs", "PACS", "MODALITY"
POLICY = RetentionPolicy(keep_s=0, destinations={DESTINATION: CommitmentPolicy.REQUIRED})
COUNTER = "studies"
SUCCESS, DATASET_DOES_NOT_MATCH = 0x0000, 0xA900
PIXELS = 3_000  # some sectors
# The product leaves SQLite's 1,000: then a life this short would see none but the one at its end.
CHECKPOINT_EVERY_PAGES = 48
POOL = 3  # files, so that some lots of them are made
NOT_FORWARDED = "1.2.3.4.3"


class Ticking(Clock):
    """A millisecond later at each look: of two files the seals say which was stored first."""

    def __call__(self) -> datetime:
        return self.pass_(milliseconds=1)


class Life:
    """What is done with one opened store."""

    def __init__(self, store: Store, book: Book, now: Clock | None = None) -> None:
        self._store = store
        self._book = book
        self._now = now or Clock()

    def take_in(self, number: int, *, comment: str = "", source_ae_title: str = "") -> None:
        """An instance comes in, is stored, and is acknowledged. It is to be sent on, unless it is
        NOT_FORWARDED and comes from a peer.
        """
        bits = bytes((number * 7 + at) % 251 for at in range(PIXELS))
        data = encoded(dataset(number, ImageComments=comment, PixelData=bits))
        uid = f"1.2.3.4.{number}"
        what = {"uid": uid, "sha256": hashlib.sha256(data).hexdigest()}
        self._book.write("offered", **what)
        incoming = self._store.files.open_incoming(
            sop_class_uid=US_IMAGE,
            sop_instance_uid=uid,
            transfer_syntax_uid=EXPLICIT_LE,
            source_ae_title=source_ae_title,
        )
        incoming.write(data[:1000])
        incoming.write(data[1000:])
        self.keep(incoming, what)

    def keep(self, incoming: Incoming, what: Mapping[str, str]) -> None:
        """Durable first, then speak."""
        self.answer(what, self.commit(incoming))

    def commit(self, incoming: Incoming) -> int:
        """Into the store; the status to answer."""
        try:
            self._store.files.commit(
                incoming,
                self._store.files.read_record(incoming),
                origin=Origin.RECEIVED if incoming.source_ae_title else Origin.CAPTURED,
                destinations=[] if _is_kept_here(incoming) else [DESTINATION],
            )
        except InstanceConflict:
            return DATASET_DOES_NOT_MATCH
        return SUCCESS

    def holds(self, uid: str) -> bool:
        return self._store.index.instance(uid) is not None

    def answer(self, what: Mapping[str, str], status: int) -> None:
        """The sender of an instance sees the answer."""
        self._book.write("answered", **what, status=status)

    def break_off(self, number: int, *, source_ae_title: str = "") -> None:
        """A message that ends half-way."""
        incoming = self._store.files.open_incoming(
            sop_class_uid=US_IMAGE,
            sop_instance_uid=f"1.2.3.4.{number}",
            transfer_syntax_uid=EXPLICIT_LE,
            source_ae_title=source_ae_title,
        )
        incoming.write(bytes(2_000))
        incoming.discard()

    def deliver(self) -> None:
        """All that is due goes to the archive, which takes it."""
        for job in self._store.deliveries.claim(DESTINATION, now=self._now(), limit=100):
            self._book.write(
                "kept",
                uid=job.instance.sop_instance_uid,
                sha256=job.instance.dataset_sha256,
                status=SUCCESS,
            )
            self._store.deliveries.record_attempt(
                job.id, DeliveryEvent.STORED, now=self._now(), status=SUCCESS
            )

    def ask(self) -> tuple[str, list[str]]:
        """The archive is asked to keep what was sent; the Transaction UID and the instances."""
        jobs = self._store.deliveries.sent(DESTINATION, limit=100)
        transaction = f"2.25.{self._store.counter('transactions')}"
        uids = [job.instance.sop_instance_uid for job in jobs]
        self._store.commitment.transactions.create(
            DESTINATION,
            transaction,
            [job.id for job in jobs],
            peer_ae_title=ARCHIVE,
            now=self._now(),
        )
        self._book.write("asked", transaction=transaction, uids=uids)
        return transaction, uids

    def promise(self, transaction: str, committed: list[str], failed: list[str]) -> None:
        """The archive's report, and our answer to it."""
        self.answer_report(transaction, committed, failed, status=None)
        report = CommitmentReport(
            transaction_uid=transaction,
            committed=tuple(map(_reference, committed)),
            failed={_reference(uid): 0x0112 for uid in failed},
        )
        self._store.commitment.reports.apply(ARCHIVE, report, now=self._now())
        self.answer_report(transaction, committed, failed)

    def answer_report(
        self,
        transaction: str,
        committed: list[str],
        failed: list[str],
        status: int | None = SUCCESS,
    ) -> None:
        """The archive sees the answer to its report; None: it has none yet."""
        self._book.write(
            "reported", transaction=transaction, committed=committed, failed=failed, status=status
        )

    def owe(self, number: int, transaction: str) -> None:
        """A peer asks us to keep what it sent, and is answered that we shall report."""
        request = CommitmentRequest(
            transaction_uid=transaction, instances=(_reference(f"1.2.3.4.{number}"),)
        )
        self._store.commitment.inbound.create(PEER, request, self._now())
        self._book.write("owed", transaction=transaction)

    def count(self) -> None:
        """A number is given out."""
        self._book.write("counted", number=self._store.counter(COUNTER))

    def let_go(self) -> None:
        """What the archive has committed is deleted here."""
        self._store.retention.observe(60)
        for gone in self._store.retention.recycle(POLICY, now=self._now()):
            self._book.write("deleted", uid=gone.sop_instance_uid)


def _is_kept_here(incoming: Incoming) -> bool:
    return bool(incoming.source_ae_title) and incoming.sop_instance_uid == NOT_FORWARDED


def _reference(uid: str) -> ReferencedInstance:
    return ReferencedInstance(sop_class_uid=US_IMAGE, sop_instance_uid=uid)


def first_day(life: Life) -> None:
    life.take_in(1)
    life.take_in(2)
    life.take_in(3, source_ae_title=PEER)
    life.take_in(1)  # the same again
    life.take_in(2, comment="other bytes under the same UID")
    life.break_off(9)
    life.count()
    life.deliver()
    transaction, uids = life.ask()
    life.owe(3, "2.25.900")
    life.promise(transaction, committed=uids[:1], failed=uids[1:])
    life.let_go()
    life.take_in(4)
    life.take_in(6, source_ae_title=PEER)
    life.break_off(10, source_ae_title=PEER)
    life.take_in(7, source_ae_title=PEER)
    life.take_in(7, source_ae_title=PEER, comment="other bytes under the same UID")
    life.take_in(8, source_ae_title=PEER)


def second_day(life: Life) -> None:
    life.count()
    life.deliver()
    transaction, uids = life.ask()
    life.take_in(5)
    life.take_in(11, source_ae_title=PEER)
    life.promise(transaction, committed=uids, failed=[])
    life.take_in(6, source_ae_title=PEER)  # the same again
    life.let_go()
    life.take_in(1)  # deleted here, and sent to us again
    life.take_in(7, source_ae_title=PEER)  # as well
    life.take_in(12, source_ae_title=PEER)
    life.take_in(13, source_ae_title=PEER)


def live(data_dir: Path, book: Book) -> None:
    """Both days, with a stop between them and one at the end."""
    pool.SIZE = POOL
    set_pragma(f"wal_autocheckpoint = {CHECKPOINT_EVERY_PAGES}")
    clock = Ticking()
    for day in (first_day, second_day):
        with Store.open(data_dir, now=clock, adopt_to=[DESTINATION]) as store:
            day(Life(store, book, clock))


def set_pragma(setting: str) -> None:
    """Give SQLite another setting than the product's, whenever the writer connects from now on."""
    make = opening.writer_engine

    def writer_engine(path: Path, secret: bytes | None = None) -> sa.Engine:
        engine = make(path, secret)

        def connected(connection: sqlite3.Connection, _: object) -> None:
            connection.execute(f"PRAGMA {setting}")

        sa.event.listen(engine, "connect", connected)
        return engine

    opening.writer_engine = writer_engine


if __name__ == "__main__":
    live(Path(sys.argv[1]), Book(Path(sys.argv[2])))
