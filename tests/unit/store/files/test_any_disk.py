"""A start on a disk that is full or cannot be written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from echonode.errors import OutOfSpace, StoreLocked
from echonode.model.criteria import Level, Query, Root
from echonode.store import store as store_module
from echonode.store.database import opening
from echonode.store.files import reserve as disk_reserve
from echonode.store.files.layout import Layout
from echonode.store.files.reserve import FILE_BYTES, FILES, DiskReserve
from echonode.store.store import Store
from tests.unit.store.samples import NOON, Clock, dataset, incoming, put, put_many

pytestmark = [pytest.mark.sqlite, pytest.mark.new_store]


def ballast_in(data_dir: Path) -> list[int]:
    return sorted(path.stat().st_size for path in (data_dir / "ballast").glob("*.bin"))


@pytest.fixture
def kept(data_dir: Path) -> Path:
    """A store with two instances, one queued, and with its ballast."""
    with Store.open(data_dir, now=Clock()) as store:
        put_many(store, 2, "pacs")
        store.prove_writable()
    assert ballast_in(data_dir) == [FILE_BYTES] * FILES
    return data_dir


@pytest.fixture
def no_room_beside_ballast(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database has no room as long as there is ballast."""
    real = opening.open_writer

    def open_writer(layout: Layout, *arguments: Any, **options: Any) -> Any:
        if ballast_in(data_dir):
            raise OutOfSpace("the database has no more room on the disk")
        return real(layout, *arguments, **options)

    monkeypatch.setattr(store_module, "open_writer", open_writer)


@pytest.fixture
def unwritable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither the database nor a file can be written, with or without ballast."""

    def refuse(*_arguments: object, **_options: object) -> Any:
        raise OutOfSpace("the disk refused a file: Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(store_module, "open_writer", refuse)
        patched.setattr("echonode.store.files.durability._write", refuse)
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("no_room_beside_ballast")
def test_a_full_disk_is_started_upon_with_the_ballasts_room(kept: Path) -> None:
    """It is given up for the database: deliveries and their proofs can be written down."""
    with Store.open(kept, now=Clock()) as store:
        assert store.unwritable == ""
        assert len(store.deliveries.claim("pacs", now=NOON, limit=9)) == 2
        assert ballast_in(kept) == []


@pytest.mark.slow
def test_the_ballast_is_given_up_while_the_node_runs(kept: Path) -> None:
    """The start found just enough room to open the database, and none for the first delivery."""
    with Store.open(kept, now=Clock()) as store:
        store.durability.committed(OutOfSpace("the database has no more room on the disk"))
        store.prove_writable()
        assert ballast_in(kept) == []
        store.counter("a commit that has room now")
        store.prove_writable()
        assert ballast_in(kept) == [FILE_BYTES] * FILES


@pytest.mark.slow
def test_the_ballast_is_made_again_when_there_is_plenty_of_room(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And never where it would be what fills the disk."""
    with Store.open(kept, now=Clock()) as store:
        DiskReserve(Layout(kept)).give_up()
        monkeypatch.setattr(disk_reserve, "PLENTY", 1 << 62)
        store.prove_writable()
        assert ballast_in(kept) == []
        monkeypatch.undo()
        store.prove_writable()
        assert ballast_in(kept) == [FILE_BYTES] * FILES


@pytest.mark.slow
def test_a_disk_that_cannot_be_written_is_served_from(kept: Path, unwritable: None) -> None:
    """Queries and files are there; whatever writes is refused, and why is known."""
    with Store.open(kept, now=Clock()) as store:
        assert "Read-only file system" in store.unwritable
        assert "Read-only file system" in store.durability.problem
        query = Query(root=Root.STUDY, level=Level.IMAGE, criteria={})
        assert len(list(store.index.find(query))) == 2
        found = store.index.instance("1.2.3.4.1")
        assert found is not None
        store.files.check_bytes(found)
        with pytest.raises(OutOfSpace, match="Read-only file system"):
            incoming(store, dataset(3))
        with pytest.raises(OutOfSpace):
            store.deliveries.claim("pacs", now=NOON, limit=1)
        with pytest.raises(StoreLocked):
            Store.open(kept)


@pytest.mark.usefixtures("unwritable")
def test_what_does_not_exist_cannot_be_served(data_dir: Path) -> None:
    """A first start there is refused, in the disk's words, and the lock is given back."""
    with pytest.raises(OutOfSpace, match="Read-only file system"):
        Store.open(data_dir, now=Clock())


@pytest.mark.slow
def test_another_fault_on_a_sound_disk_is_no_reason_to_serve_half_a_node(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Want of memory, say: the start fails, and its supervisor starts it again."""

    def refuse(*_arguments: object, **_options: object) -> Any:
        raise OutOfSpace("the system gives the database no more memory")

    with monkeypatch.context() as patched:
        patched.setattr(store_module, "open_writer", refuse)
        with pytest.raises(OutOfSpace, match="no more memory"):
            Store.open(kept, now=Clock())
    with Store.open(kept, now=Clock()) as store:
        put(store, dataset(3))


def test_a_half_written_ballast_does_not_stay(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is for room, and takes none where it cannot be whole."""
    layout = Layout(data_dir)
    layout.make()

    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        patched.setattr(disk_reserve, "make_folder", lambda folder: folder.mkdir(exist_ok=True))
        with pytest.raises(OutOfSpace):
            DiskReserve(layout).restore()
    assert list((data_dir / "ballast").iterdir()) == []
