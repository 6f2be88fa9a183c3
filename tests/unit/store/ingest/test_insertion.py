"""The same instance again while ours is damaged: the good bytes are kept, never thrown away."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from echonode.delivery.retry import after_damage
from echonode.errors import Damaged, OutOfSpace
from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.model.instance import StoredInstance
from echonode.store.ingest import insertion as inserter
from echonode.store.ingest.ingest import check_bytes
from echonode.store.store import Store
from echonode.store.values import RecoveryReport, StoreOutcome
from tests.unit.store.samples import NOON, Clock, dataset, encoded, put

UID = "1.2.3.4.1"


def rot(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[-1] ^= 1
    path.write_bytes(whole)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def rot_the_head(path: Path) -> None:
    """Of the meta information: the SOP Instance UID that the file names."""
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"1.2.3.4.1", b"1.2.3.4.7", 1))


DAMAGES = [rot, cut, rot_the_head, Path.unlink]


def files_in(data_dir: Path, folder: str) -> list[Path]:
    return sorted(path for path in (data_dir / folder).rglob("*") if path.is_file())


def hold_for_damage(store: Store, destination: str = "pacs") -> None:
    """As delivery does when it finds the file changed."""
    reason = after_damage(Damaged("its bytes are not those that were stored")).reason
    [job] = store.deliveries.claim(destination, now=NOON, limit=1)
    store.deliveries.record_attempt(job.id, DeliveryEvent.HOLD, now=NOON, error=reason)


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_same_bytes_again_take_the_place_of_a_damaged_file(
    store: Store, data_dir: Path, damage: Callable[[Path], None]
) -> None:
    """Changed, cut short, renamed within or gone: what came again is kept, ours is set aside."""
    first = put(store, dataset(1), destinations=["pacs"]).instance
    damage(first.path)
    again = put(store, dataset(1))
    assert again.outcome is StoreOutcome.FILE_REPLACED
    store.files.check_bytes(again.instance)
    assert store.index.instance(UID) == again.instance
    assert files_in(data_dir, "instances") == [again.instance.path]
    assert len(files_in(data_dir, "quarantine")) == (damage is not Path.unlink)
    assert put(store, dataset(1)).outcome is StoreOutcome.DUPLICATE


def test_deliveries_held_for_the_damage_go_on_and_others_stay_held(store: Store) -> None:
    """What waited for a whole file is due again, with fresh attempts; a person's hold is his."""
    first = put(store, dataset(1), destinations=["pacs", "vna"]).instance
    hold_for_damage(store)
    store.operator.hold(UID, now=NOON, destination="vna")
    woken: list[str] = []
    store.on_delivery_due.append(woken.append)
    rot(first.path)
    assert put(store, dataset(1)).released == ("pacs",)
    assert woken == ["pacs"]
    pacs, vna = store.deliveries.of_instance(UID)
    assert (pacs.state, pacs.attempts) == (DeliveryState.QUEUED, 0)
    assert vna.state is DeliveryState.HELD
    [job] = store.deliveries.claim("pacs", now=NOON, limit=9)
    store.files.check_bytes(job.instance)


def test_what_was_replaced_stays_so_over_a_start(data_dir: Path) -> None:
    """The row names the new file; nothing is missing, adopted or left over."""
    with Store.open(data_dir, now=Clock()) as store:
        rot(put(store, dataset(1)).instance.path)
        kept = put(store, dataset(1)).instance
    with Store.open(data_dir, now=Clock()) as store:
        assert store.recovery.report == RecoveryReport()
        assert store.index.instance(UID) == kept
        store.files.check_bytes(kept)


def test_a_node_that_is_killed_before_the_bad_file_is_set_aside(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next start sets it aside; the good one is the instance's already."""
    with Store.open(data_dir, now=Clock()) as store:
        rot(put(store, dataset(1)).instance.path)
        with monkeypatch.context() as killed:
            killed.setattr(inserter, "move_to_quarantine", lambda layout, file_id: None)
            put(store, dataset(1))
        assert len(files_in(data_dir, "instances")) == 2
    with Store.open(data_dir, now=Clock()) as store:
        kept = store.index.instance(UID)
        assert kept is not None
        store.files.check_bytes(kept)
        assert files_in(data_dir, "instances") == [kept.path]
        assert len(files_in(data_dir, "quarantine")) == 1


@pytest.mark.slow
def test_a_start_keeps_the_good_one_of_two_files(data_dir: Path) -> None:
    """Killed before the comparison: the second file is no mere copy where the first is damaged."""
    with Store.open(data_dir, now=Clock()) as store:
        first = put(store, dataset(1)).instance
    second = first.path.with_name(first.path.name[:4] + "0" * 28 + ".dcm")
    shutil.copy(first.path, second)
    rot(first.path)
    with Store.open(data_dir, now=Clock()) as store:
        kept = store.index.instance(UID)
        assert kept is not None
        assert kept.path == second
        store.files.check_bytes(kept)


def failing_once(error: Exception) -> Callable[[StoredInstance], None]:
    errors = [error]

    def check(instance: StoredInstance) -> None:
        while errors:
            raise errors.pop()
        check_bytes(instance)

    return check


def test_a_file_on_a_bad_place_of_the_disk_is_replaced(data_dir: Path) -> None:
    """EIO: those bytes cannot be read any more, and the new ones can."""
    check = failing_once(OSError(errno.EIO, "Input/output error"))
    with Store.open(data_dir, now=Clock(), check_bytes=check) as store:
        first = put(store, dataset(1)).instance
        again = put(store, dataset(1))
        assert again.outcome is StoreOutcome.FILE_REPLACED
        assert again.instance.path != first.path


def test_a_shortage_while_ours_is_compared_is_no_success_and_no_damage(data_dir: Path) -> None:
    """Without a descriptor nothing is known: the sender is to try later, and both are safe."""
    check = failing_once(OSError(errno.EMFILE, "Too many open files"))
    with Store.open(data_dir, now=Clock(), check_bytes=check) as store:
        first = put(store, dataset(1)).instance
        with pytest.raises(OutOfSpace):
            put(store, dataset(1))
        assert files_in(data_dir, "instances") == [first.path]
        assert put(store, dataset(1)).outcome is StoreOutcome.DUPLICATE


def test_two_senders_repair_one_instance_once(store: Store, data_dir: Path) -> None:
    """Eight send the same bytes at once while ours is damaged: one good file stays, all succeed."""
    rot(put(store, dataset(1)).instance.path)
    outcomes: list[StoreOutcome] = []
    ready = threading.Barrier(8)

    def send() -> None:
        ready.wait(20)
        outcomes.append(put(store, dataset(1)).outcome)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == [StoreOutcome.DUPLICATE] * 7 + [StoreOutcome.FILE_REPLACED]
    [path] = files_in(data_dir, "instances")
    assert path.read_bytes().endswith(encoded(dataset(1)))
    assert len(files_in(data_dir, "quarantine")) == 1


@pytest.mark.sqlite
def test_a_row_that_names_another_syntax_is_put_right(store: Store, data_dir: Path) -> None:
    """Where the row was what had changed, it takes what the new file says of itself."""
    put(store, dataset(1))
    with closing(sqlite3.connect(data_dir / "index.sqlite")) as connection, connection:
        connection.execute("UPDATE instance SET transfer_syntax_uid = '1.2.840.10008.1.2'")
    again = put(store, dataset(1))
    assert again.outcome is StoreOutcome.FILE_REPLACED
    kept = store.index.instance(UID)
    assert kept == again.instance
    assert kept is not None
    store.files.check_bytes(kept)
