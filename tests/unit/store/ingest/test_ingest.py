"""An instance from its first byte to its durable row, and what a failing disk leaves behind."""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest

from echonode.errors import Damaged, InstanceConflict, Mismatch, OutOfSpace, Unreadable
from echonode.model.identity import IMPLEMENTATION_CLASS_UID
from echonode.model.instance import Origin
from echonode.store.database.failures import CommitUncertain
from echonode.store.database.tickets import Ticket
from echonode.store.read_only_store import ReadOnlyStore
from echonode.store.store import Store
from echonode.store.values import StoreOutcome
from tests.unit.store.samples import EXPLICIT_LE, US_IMAGE, dataset, encoded, incoming, put


def files_in(data_dir: Path, folder: str) -> list[Path]:
    return sorted(path for path in (data_dir / folder).rglob("*") if path.is_file())


def test_a_stored_file_is_a_part_10_file_with_our_meta_and_the_bytes_as_they_came(
    store: Store,
) -> None:
    """Preamble of zeros, correct meta information, then the dataset's bytes untouched."""
    ds = dataset(1)
    kept = put(store, ds, source_ae_title="PROBE").instance
    whole = kept.path.read_bytes()
    assert whole[:132] == bytes(128) + b"DICM"
    assert whole[kept.dataset_offset :] == encoded(dataset(1))
    assert kept.dataset_sha256 == hashlib.sha256(encoded(dataset(1))).hexdigest()
    assert kept.size == len(whole)
    read = pydicom.dcmread(kept.path)
    meta = read.file_meta
    assert meta.FileMetaInformationGroupLength == kept.dataset_offset - 144
    assert meta.FileMetaInformationVersion == b"\x00\x01"
    assert meta.MediaStorageSOPClassUID == US_IMAGE
    assert meta.MediaStorageSOPInstanceUID == "1.2.3.4.1"
    assert meta.TransferSyntaxUID == EXPLICIT_LE
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert meta.SourceApplicationEntityTitle == "PROBE"
    assert read.PatientName == "Doe^Jane"


def test_no_value_from_the_wire_is_in_a_path(store: Store, data_dir: Path) -> None:
    """File names are ours and random; neither UID nor AE title shows in them."""
    put(store, dataset(7), source_ae_title="../../ETC")
    [path] = files_in(data_dir, "instances")
    inside = path.relative_to(data_dir / "instances").as_posix()
    assert "1.2.3" not in inside
    assert "ETC" not in inside
    assert path.stem.startswith(inside[:2] + inside[3:5])


def test_the_same_bytes_again_are_a_success_that_changes_nothing(
    store: Store, data_dir: Path
) -> None:
    """A sender that repeats itself gets success; one file, one row, one delivery remain."""
    first = put(store, dataset(1), destinations=["pacs"])
    second = put(store, dataset(1), destinations=["pacs", "other"])
    assert (first.outcome, second.outcome) == (StoreOutcome.STORED, StoreOutcome.DUPLICATE)
    assert second.instance == first.instance
    assert len(files_in(data_dir, "instances")) == 1
    assert files_in(data_dir, "incoming") == []
    assert [job.destination for job in store.deliveries.of_instance("1.2.3.4.1")] == ["pacs"]


def test_other_bytes_under_a_known_uid_go_to_quarantine(store: Store, data_dir: Path) -> None:
    """The first instance of a UID is kept as it was; the second is set aside, not lost."""
    first = put(store, dataset(1)).instance
    with pytest.raises(InstanceConflict):
        put(store, dataset(1, PatientID="P2"))
    assert store.index.instance("1.2.3.4.1") == first
    store.files.check_bytes(first)
    [aside] = files_in(data_dir, "quarantine")
    assert pydicom.dcmread(aside).PatientID == "P2"
    assert files_in(data_dir, "instances") == [first.path]


def test_a_dataset_that_is_not_what_its_command_said_is_refused(store: Store) -> None:
    """Class or instance UID that differ from the command set: A900, and no file stays."""
    file = store.files.open_incoming(
        sop_class_uid=US_IMAGE, sop_instance_uid="1.2.3.4.99", transfer_syntax_uid=EXPLICIT_LE
    )
    file.write(encoded(dataset(1)))
    with pytest.raises(Mismatch, match="SOPInstanceUID"):
        store.files.read_record(file)
    file.discard()
    assert not file.path.exists()


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # it guesses at the noise aloud
def test_bytes_that_are_no_dataset_are_refused_without_a_crash(store: Store) -> None:
    """Noise, a cut-off element and an empty dataset: refused as unreadable or as lacking UIDs."""
    for noise in (b"", b"\x08\x00\x05\x00CS\xff\xff", os.urandom(4000), encoded(dataset(1))[:40]):
        file = store.files.open_incoming(
            sop_class_uid=US_IMAGE, sop_instance_uid="1.2.3.4.1", transfer_syntax_uid=EXPLICIT_LE
        )
        file.write(noise)
        with pytest.raises((Unreadable, Mismatch)):
            store.files.read_record(file)
        file.discard()


def test_errors_never_carry_patient_data(store: Store) -> None:
    """What goes into logs and to peers names attributes, not their values."""
    file = incoming(store, dataset(1, StudyInstanceUID=None, PatientID="SECRET"))
    with pytest.raises(Mismatch) as caught:
        store.files.read_record(file)
    assert "SECRET" not in str(caught.value)
    put(store, dataset(1))
    with pytest.raises(InstanceConflict) as conflict:
        put(store, dataset(1, PatientID="SECRET"))
    assert "SECRET" not in str(conflict.value)
    assert "Doe" not in str(conflict.value)


@pytest.mark.sqlite
def test_nothing_is_acknowledged_before_it_is_durable(
    store: Store, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A capture: file synced, renamed, its folder synced, one durable COMMIT, and only then does
    `commit` return."""
    put(store, dataset(1))
    steps = noted_steps(store, data_dir, monkeypatch)
    put(store, dataset(2))
    steps.append("acknowledged")
    assert steps == [
        "fsync incoming",
        "rename incoming to instances",
        "fsync instances /",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "acknowledged",
    ]


@pytest.mark.sqlite
def test_what_a_peer_sends_is_durable_with_one_synchronisation(
    store: Store, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file, whose name in the pool was durable before, is synced with its seal; its name below
    instances/ and its row wait for no disk."""
    put(store, dataset(1), source_ae_title="SENDER")
    store.journal.flush()
    put(store, dataset(2), source_ae_title="SENDER")  # the COMMITs change to the other kind
    steps = noted_steps(store, data_dir, monkeypatch)
    put(store, dataset(3), source_ae_title="SENDER")
    steps.append("acknowledged")
    assert steps == [
        "fsync pool",
        "link pool to instances",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "acknowledged",
    ]
    driver = store._writer._connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    assert driver.execute("PRAGMA synchronous").fetchone() == (1,)  # NORMAL: the log is not synced


def noted_steps(store: Store, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What makes anything durable from now on, in the order in which it is done."""
    steps: list[str] = []
    fsync, fdatasync, rename, link = os.fsync, os.fdatasync, Path.rename, Path.hardlink_to

    def note(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        steps.append(f"fsync {path.relative_to(data_dir).parts[0]} {'/' * path.is_dir()}".strip())

    def noted_fsync(descriptor: int) -> None:
        note(descriptor)
        fsync(descriptor)

    def noted_fdatasync(descriptor: int) -> None:
        note(descriptor)
        fdatasync(descriptor)

    def noted_rename(source: Path, target: Path) -> Path:
        steps.append(f"rename {source.parent.name} to {target.relative_to(data_dir).parts[0]}")
        return rename(source, target)

    def noted_link(target: Path, source: Path) -> None:
        steps.append(f"link {source.parent.name} to {target.relative_to(data_dir).parts[0]}")
        link(target, source)

    def noted_statement(sql: str) -> None:
        if sql.startswith(("BEGIN", "COMMIT")):
            steps.append(sql)

    driver = store._writer._connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.set_trace_callback(noted_statement)
    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "fdatasync", noted_fdatasync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    monkeypatch.setattr(Path, "hardlink_to", noted_link)
    return steps


@pytest.mark.slow
@pytest.mark.parametrize("is_there", [True, False])
def test_a_commit_in_doubt_keeps_the_file_for_the_next_start(
    data_dir: Path, is_there: bool
) -> None:
    """The disk failed within the COMMIT and the node was killed: the row may be there or not, and
    either way the next start has the instance, whole.
    """
    store = Store.open(data_dir)
    put(store, dataset(9))  # its folder is written down, by a transaction of its own
    writer = store._writer
    real = writer._transaction

    @contextmanager
    def in_doubt(batch: Sequence[Ticket[object]]) -> Iterator[None]:
        with suppress(ZeroDivisionError), real(batch):
            yield
            if not is_there:
                raise ZeroDivisionError  # rolled back
        raise CommitUncertain("the disk failed under the database")

    writer._transaction = in_doubt  # type: ignore[method-assign]
    with pytest.raises(CommitUncertain):
        put(store, dataset(1))
    writer._transaction = real  # type: ignore[method-assign]
    ReadOnlyStore.close(store)  # as a kill leaves it: no orderly mark
    writer.close()
    store._lock.release()
    with Store.open(data_dir) as again:
        kept = again.index.instance("1.2.3.4.1")
        assert kept is not None
        again.files.check_bytes(kept)
        assert again.recovery.report.missing == ()
        assert again.recovery.report.orphans_adopted == (not is_there)


class FailingCall:
    """Stands for a function of `os`; raises once, at call `at`."""

    def __init__(self, call: Callable[..., Any], at: int, error: int) -> None:
        self._call, self._at, self._error = call, at, error
        self.calls = 0

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.calls += 1
        if self.calls == self._at:
            raise OSError(self._error, os.strerror(self._error))
        return self._call(*arguments, **options)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
@pytest.mark.parametrize(("function", "at"), [("write", 1), ("write", 2), ("fsync", 1)])
def test_a_disk_that_refuses_is_out_of_space_and_leaves_no_file(
    store: Store,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    at: int,
    error: int,
) -> None:
    """ENOSPC, EDQUOT, EIO, EROFS while a file is written: A700, nothing stays, the next works."""
    put(store, dataset(1))
    failing = FailingCall(getattr(os, function), at, error)
    with monkeypatch.context() as patched:
        patched.setattr(os, function, failing)
        with pytest.raises(OutOfSpace):
            put(store, dataset(2))
    assert len(files_in(data_dir, "instances")) == 1
    assert files_in(data_dir, "incoming") == []
    assert store.index.instance("1.2.3.4.2") is None
    assert put(store, dataset(2)).outcome is StoreOutcome.STORED


def test_a_file_whose_fsync_failed_is_never_synced_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel forgets pages it could not write: a second fsync would answer a false success."""
    synced: list[Path] = []
    real = os.fdatasync

    def fdatasync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        if len(synced) == 1:
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    with pytest.raises(OutOfSpace):
        put(store, dataset(1))
    put(store, dataset(1))
    assert synced.count(synced[0]) == 1


def test_a_folder_whose_fsync_failed_is_left_for_another(
    store: Store, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of the next file does not depend on a folder whose names may be lost."""
    put(store, dataset(1))
    real = os.fsync
    failed: list[Path] = []

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_dir() and not failed:
            failed.append(path)
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        with pytest.raises(OutOfSpace):
            put(store, dataset(2))
    assert len(files_in(data_dir, "instances")) == 1
    again = put(store, dataset(2)).instance
    assert again.path.parent != failed[0]


def test_a_folder_that_is_gone_is_out_of_space_until_it_is_back(
    store: Store, data_dir: Path
) -> None:
    """An unmounted disk answers A700 and nothing worse; once back, storing works by itself."""
    (data_dir / "incoming").rename(data_dir / "elsewhere")
    with pytest.raises(OutOfSpace):
        put(store, dataset(1))
    (data_dir / "elsewhere").rename(data_dir / "incoming")
    assert put(store, dataset(1)).outcome is StoreOutcome.STORED


@pytest.mark.sqlite
def test_a_full_database_is_out_of_space_and_leaves_no_file(store: Store, data_dir: Path) -> None:
    """SQLite's "database or disk is full" acknowledges nothing; with room again, storing works."""
    put(store, dataset(1))
    driver = store._writer._connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    pages = driver.execute("PRAGMA page_count").fetchone()[0]
    driver.execute(f"PRAGMA max_page_count = {pages}")
    stored = 1

    def fill() -> None:
        nonlocal stored
        for number in range(2, 1000):
            put(
                store, dataset(number, PatientComments="x" * 5000, StudyInstanceUID=f"1.9.{number}")
            )
            stored += 1

    with pytest.raises(OutOfSpace):
        fill()
    assert len(files_in(data_dir, "instances")) == stored == len(list(store.ledger.rows()))
    driver.execute("PRAGMA max_page_count = 1000000")
    assert put(store, dataset(2000)).outcome is StoreOutcome.STORED


def test_changed_cut_and_missing_files_are_found_out(store: Store) -> None:
    """One flipped bit, one missing byte or no file at all is Damaged, before anything is sent."""
    kept = put(store, dataset(1)).instance
    good = kept.path.read_bytes()
    store.files.check_bytes(kept)
    for position in range(kept.dataset_offset, len(good), 7):
        kept.path.write_bytes(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        with pytest.raises(Damaged):
            store.files.check_bytes(kept)
    kept.path.write_bytes(good[:-1])
    with pytest.raises(Damaged):
        store.files.check_bytes(kept)
    kept.path.unlink()
    with pytest.raises(Damaged):
        store.files.check_bytes(kept)


def test_a_file_that_the_disk_does_not_give_just_now_is_not_damaged(store: Store) -> None:
    """EIO and the like are raised as they are: who acts upon damage must not act upon them."""
    kept = put(store, dataset(1)).instance
    in_the_way = kept.path.with_suffix(".folder")
    in_the_way.mkdir()
    with pytest.raises(IsADirectoryError):  # an OSError of the kernel that a test can arrange
        store.files.check_bytes(replace(kept, path=in_the_way))


@pytest.mark.slow
def test_a_row_that_names_another_thing_than_its_file_is_found_out(store: Store) -> None:
    """The dataset is whole; class, UID or transfer syntax differ: Damaged, whichever is wrong."""
    kept = put(store, dataset(1)).instance
    changes: tuple[dict[str, Any], ...] = (
        {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.6.2"},
        {"sop_instance_uid": "1.2.3.4.9"},
        {"transfer_syntax_uid": "1.2.840.10008.1.2.3"},
    )
    for wrong in changes:
        with pytest.raises(Damaged, match="name different things"):
            store.files.check_bytes(replace(kept, **wrong))
    good = kept.path.read_bytes()
    for position in range(128, kept.dataset_offset):
        kept.path.write_bytes(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        with suppress(Damaged):  # no damage of the head is an error of ours
            store.files.check_bytes(kept)


def test_two_senders_of_one_uid_at_once_leave_one_instance(store: Store, data_dir: Path) -> None:
    """Of eight racing for a UID, one is stored; equals succeed, others go to quarantine."""
    outcomes: list[str] = []
    barrier = threading.Barrier(8)

    def send(number: int) -> None:
        file = incoming(store, dataset(1, PatientID=f"P{number % 2}"))
        found = store.files.read_record(file)
        barrier.wait()
        try:
            done = store.files.commit(file, found, origin=Origin.RECEIVED, destinations=["pacs"])
            outcomes.append(done.outcome)
        except InstanceConflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(outcomes) == sorted(["stored", *["duplicate"] * 3, *["conflict"] * 4])
    assert len(files_in(data_dir, "instances")) == 1
    # The same bytes are kept once, but for those that came at the same moment.
    assert 1 <= len(files_in(data_dir, "quarantine")) <= 4
    assert len(store.deliveries.of_instance("1.2.3.4.1")) == 1


def test_an_incoming_file_may_be_discarded_at_any_time(store: Store, data_dir: Path) -> None:
    """A broken-off message leaves nothing, and discarding twice or after storing harms nothing."""
    file = incoming(store, dataset(1))
    file.discard()
    file.discard()
    assert files_in(data_dir, "incoming") == []
    kept = incoming(store, dataset(1))
    done = store.files.commit(
        kept, store.files.read_record(kept), origin=Origin.CAPTURED, destinations=[]
    )
    kept.discard()
    store.files.check_bytes(done.instance)


def test_workers_are_woken_by_what_became_due(store: Store) -> None:
    """A commit names the destinations that have something to do, and a duplicate none."""
    woken: list[str] = []
    store.on_delivery_due.append(woken.append)
    put(store, dataset(1), destinations=["pacs", "archive"])
    put(store, dataset(1), destinations=["pacs", "archive"])
    put(store, dataset(2))
    assert woken == ["pacs", "archive"]


@pytest.mark.sqlite
def test_a_pool_that_is_taken_away_refuses_and_takes_again(store: Store, tmp_path: Path) -> None:
    """One refusal says so; with the folder back, though it is empty, the next instance is kept."""
    put(store, dataset(1), source_ae_title="PEER")
    pool = store._layout.pool
    pool.rename(tmp_path / "elsewhere")
    with pytest.raises(OutOfSpace, match="No such file or directory"):
        put(store, dataset(2), source_ae_title="PEER")
    store.durability.try_now()
    put(store, dataset(3))  # a capture, which does without
    assert "No such file or directory" in store.durability.problem
    pool.mkdir()
    store.durability.try_now()
    assert not store.durability.problem
    kept = put(store, dataset(2), source_ae_title="PEER").instance
    assert kept.path.exists()
