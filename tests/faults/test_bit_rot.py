"""Stored bytes that change by themselves (scenario 10): found before anything is sent.

In one process, a real store and its delivery, with an archive of raw bytes: a thousand files, each
with another bit of it turned.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.delivery.delivery_status import DeliveryStatus
from echonode.errors import Damaged, IndexDamaged
from echonode.model.identity import CommitmentPolicy
from echonode.model.instance import Origin, StoredInstance
from echonode.monitoring.alarms import DestinationFacts, Facts, alarms_of
from echonode.store.store import Store
from tests.faults.callers.instances import Instance, small_instance
from tests.faults.judging.books import Book
from tests.faults.judging.evidence import split
from tests.faults.programme import INDEX_BITS, ROTTEN_BITS, SENT_AGAIN
from tests.integration.delivery.delivery_fixture import DeliveryFixture
from tests.support.waiting import wait_until

PIXELS = 700
UNTOUCHED, CUT, GONE = 20, 20, 5
# Of rows: whole files that would go out under another name.
MISNAMED = {
    "sop_class_uid": "1.2.840.10008.5.1.4.1.1.3.1",
    "sop_instance_uid": "1.2.3",
    "transfer_syntax_uid": "1.2.840.10008.1.2",
}
PATIENCE_S = 120.0


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[LyingArchive]:
    """An archive that takes everything."""
    book = Book(tmp_path / "pacs.book")
    with LyingArchive(book) as listening:
        yield listening
    book.close()


def keep(store: Store, instance: Instance, *destinations: str) -> StoredInstance:
    """Store it as a capture of ours."""
    incoming = store.files.open_incoming(
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
    )
    incoming.write(instance.dataset)
    record = store.files.read_record(incoming)
    return store.files.commit(
        incoming, record, origin=Origin.CAPTURED, destinations=destinations
    ).instance


def turn_a_bit(path: Path, position: int, bit: int) -> None:
    """In place, as a disk does."""
    with path.open("r+b") as file:
        file.seek(position)
        (byte,) = file.read(1)
        file.seek(position)
        file.write(bytes([byte ^ (1 << bit)]))


def misname(database: Path, instances: Sequence[StoredInstance]) -> None:
    """Change a value of each row, behind the store's back."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for (column, value), instance in zip(MISNAMED.items(), instances, strict=False):
            connection.execute(
                f"UPDATE instance SET {column} = ? WHERE sop_instance_uid = ?",
                (value, instance.sop_instance_uid),
            )


def alarms_in(store: Store) -> set[str]:
    """The names of the alarms that the node's page would show."""
    now = datetime.now(UTC)
    at = DestinationFacts(
        name="pacs",
        commitment=CommitmentPolicy.NONE,
        status=DeliveryStatus(),
        statistics=store.statistics.destination("pacs"),
    )
    facts = Facts(
        destinations=[at],
        store=store.statistics.store(since=now - timedelta(days=1)),
        quarantined=0,
        disk_problem="",
        call_back="",
    )
    return {alarm.name for alarm in alarms_of(facts, now)}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_file_that_has_changed_is_never_sent(tmp_path: Path, archive: LyingArchive) -> None:
    """A bit turned at a thousand places, files cut short or gone, rows that name another thing:
    each is held with the reason, there is an alarm, and the archive has the untouched ones alone,
    with the bytes that came in.
    """
    delivery = DeliveryFixture(tmp_path / "data")
    try:
        count = ROTTEN_BITS.count + CUT + GONE + len(MISNAMED) + UNTOUCHED
        offered = [small_instance(pixels=PIXELS) for _ in range(count)]
        kept = [keep(delivery.store, instance, "pacs") for instance in offered]
        for number, instance in enumerate(kept[: ROTTEN_BITS.count]):
            length = instance.size - instance.dataset_offset
            at = instance.dataset_offset + number * length // ROTTEN_BITS.count
            turn_a_bit(instance.path, at, number % 8)
        others = kept[ROTTEN_BITS.count :]
        for number, instance in enumerate(others[:CUT]):
            with instance.path.open("r+b") as file:
                file.truncate(instance.size * number // CUT)
        for instance in others[CUT : CUT + GONE]:
            instance.path.unlink()
        misname(tmp_path / "data" / "index.sqlite", others[CUT + GONE :])
        delivery.deliver_to("pacs", archive.port, ae_title="PACS")
        delivery.wait_settled("pacs", count, timeout_s=PATIENCE_S)
        good = offered[-UNTOUCHED:]
        assert {uid: kept.sha256 for uid, kept in archive.kept.items()} == {
            instance.sop_instance_uid: instance.sha256 for instance in good
        }
        assert delivery.states("pacs") == {"held": count - UNTOUCHED, "sent": UNTOUCHED}
        touched = kept[: ROTTEN_BITS.count + CUT + GONE]
        reasons = [delivery.job(one.sop_instance_uid, "pacs").last_error for one in touched]
        assert all("our copy is damaged" in reason for reason in reasons)
        assert "held:pacs" in alarms_in(delivery.store)
    finally:
        delivery.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_is_sent_again_repairs_what_has_changed(tmp_path: Path, archive: LyingArchive) -> None:
    """Bits turned, files cut short or gone, all held: their senders send them again, and every one
    of them is whole here and at the archive, without an operator or a restart.
    """
    delivery = DeliveryFixture(tmp_path / "data")
    try:
        offered = [small_instance(pixels=PIXELS) for _ in range(SENT_AGAIN.count)]
        for number, instance in enumerate(keep(delivery.store, one, "pacs") for one in offered):
            match number % 3:
                case 0:
                    turn_a_bit(instance.path, instance.dataset_offset + number, number % 8)
                case 1:
                    os.truncate(instance.path, instance.size * number // SENT_AGAIN.count)
                case _:
                    instance.path.unlink()
        delivery.deliver_to("pacs", archive.port, ae_title="PACS")
        delivery.wait_settled("pacs", SENT_AGAIN.count, timeout_s=PATIENCE_S)
        assert delivery.states("pacs") == {"held": SENT_AGAIN.count}
        for offer in offered:
            delivery.store.files.check_bytes(keep(delivery.store, offer))
        wait_until(
            lambda: delivery.states("pacs") == {"sent": SENT_AGAIN.count},
            timeout_s=PATIENCE_S,
            what="all sent",
        )
        assert {uid: kept.sha256 for uid, kept in archive.kept.items()} == {
            instance.sop_instance_uid: instance.sha256 for instance in offered
        }
        assert delivery.store.statistics.quarantined_files() == SENT_AGAIN.count * 2 // 3
        assert "held:pacs" not in alarms_in(delivery.store)
    finally:
        delivery.close()


def wrongly_sent(data_dir: Path, offered: dict[str, Instance]) -> list[str]:
    """What a delivery worker would send from this index that is not what came in."""
    wrong = []
    with Store.open(data_dir, adopt_to=["pacs"]) as store:
        for job in store.deliveries.claim("pacs", now=datetime.now(UTC), limit=1000):
            try:
                store.files.check_bytes(job.instance)
            except Damaged:
                continue
            file, row = split(job.instance.path), job.instance
            instance = offered.get(row.sop_instance_uid)
            if instance is None or file.sha256 != instance.sha256:
                wrong.append(f"{row.sop_instance_uid}: other bytes")
            elif (row.sop_class_uid, row.transfer_syntax_uid) != (
                instance.sop_class_uid,
                instance.transfer_syntax_uid,
            ):
                wrong.append(f"{row.sop_instance_uid}: under another class or syntax")
    return wrong


def places_of_uids(path: Path) -> list[int]:
    """Where a database holds UIDs, byte by byte."""
    found = re.finditer(rb"1\.2\.840\.10008\.[0-9.]+|2\.25\.[0-9]+", path.read_bytes())
    return [position for match in found for position in range(*match.span())]


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_index_that_has_changed_sends_nothing_wrong(tmp_path: Path) -> None:
    """A bit of the database turned, wherever: it is found and rebuilt, or a delivery is held, or
    it concerns nothing that is sent. No archive gets other bytes, or under another name; and what
    was found out only in use is made good by the next start.
    """
    data_dir, copy = tmp_path / "data", tmp_path / "copy"
    chance = random.Random(10)
    with Store.open(data_dir) as store:
        offered = [small_instance(pixels=10) for _ in range(30)]
        for instance in offered:
            keep(store, instance, "pacs")
    by_uid = {instance.sop_instance_uid: instance for instance in offered}
    length = (data_dir / "index.sqlite").stat().st_size
    places = places_of_uids(data_dir / "index.sqlite")
    for number in range(INDEX_BITS.count):
        shutil.copytree(data_dir, copy)
        # Every other one where it matters most: in the rows.
        position = chance.choice(places) if number % 2 else chance.randrange(length)
        turn_a_bit(copy / "index.sqlite", position, chance.randrange(8))
        try:
            assert wrongly_sent(copy, by_uid) == [], f"position {position}"
        except IndexDamaged:  # found out while it is used: nothing is sent from it
            assert (copy / "index.doubted").exists()
            assert wrongly_sent(copy, by_uid) == [], f"position {position}, started again"
            assert not (copy / "index.doubted").exists()
        shutil.rmtree(copy)
