"""Whether what is written becomes durable is known, with traffic and without."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from echonode.errors import OutOfSpace
from echonode.store.database.connections import Writer
from echonode.store.files import durability
from echonode.store.files.durability import Kind
from echonode.store.store import Store
from tests.unit.store.samples import dataset, incoming, put

Refuse = Callable[..., int]


@contextmanager
def refusing(monkeypatch: pytest.MonkeyPatch, code: int, *, above: int = 0) -> Iterator[None]:
    """Each os.write of more than `above` bytes fails with `code`."""
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        if len(data) > above:
            raise OSError(code, os.strerror(code))
        return real(descriptor, data)

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write)
        yield


def test_a_refused_instance_is_known_until_one_is_durable(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk's own words; a commit of the database alone does not clear them."""
    assert store.durability.problem == ""
    with refusing(monkeypatch, errno.ENOSPC), pytest.raises(OutOfSpace):
        put(store, dataset(1))
    assert "No space left on device" in store.durability.problem
    store.counter("a small commit")
    assert store.durability.problem
    put(store, dataset(1))
    assert store.durability.problem == ""


def test_a_refused_transaction_is_known_until_one_is_durable(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the database; that files can be written does not clear it."""

    def refuse(self: Writer) -> None:
        raise OutOfSpace("the database has no more room on the disk")

    with monkeypatch.context() as patched:
        patched.setattr(store._writer, "_guard", lambda: refuse(store._writer))
        with pytest.raises(OutOfSpace):
            store.counter("x")
    assert "no more room" in store.durability.problem
    store.durability.try_now()
    assert store.durability.problem
    store.counter("x")
    assert store.durability.problem == ""


def test_a_disk_that_turned_read_only_is_found_without_traffic(
    store: Store, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file is written now and then, the way of an instance, and nothing of it stays."""
    with refusing(monkeypatch, errno.EROFS):
        store.prove_writable()
    assert "Read-only file system" in store.durability.problem
    store.prove_writable()
    assert store.durability.problem == ""
    assert not [path for path in data_dir.rglob("*.part") if "ballast" not in path.parts]


@pytest.mark.parametrize(
    "folder", ["incoming", pytest.param("pool", marks=pytest.mark.sqlite), "instances"]
)
def test_a_folder_that_went_away_is_found(store: Store, data_dir: Path, folder: str) -> None:
    """Each folder on an instance's way is tried."""
    (data_dir / folder).rename(data_dir / "elsewhere")
    store.durability.try_now()
    assert "No such file or directory" in store.durability.problem
    (data_dir / "elsewhere").rename(data_dir / folder)
    store.durability.try_now()
    assert store.durability.problem == ""


def test_room_for_a_page_is_not_room_for_an_image(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a refusal, a small file that is taken does not make the node ready."""
    store.durability.refused(Kind.FILES, OutOfSpace("the disk refused the bytes of a file"))
    with refusing(monkeypatch, errno.ENOSPC, above=durability._SMALL):
        store.durability.try_now()
        assert store.durability.problem
    store.durability.try_now()
    assert store.durability.problem == ""


@pytest.mark.sqlite
def test_a_database_that_was_unlinked_or_replaced_is_noticed(store: Store, data_dir: Path) -> None:
    """SQLite goes on in the file that is gone; the next start would not find it."""
    store.durability.try_now()
    assert not store.durability.database_gone
    index = data_dir / "index.sqlite"
    index.rename(data_dir / "elsewhere")
    store.durability.try_now()
    assert store.durability.database_gone
    index.write_bytes(b"another")
    store.durability.try_now()
    assert store.durability.database_gone
    index.unlink()
    (data_dir / "elsewhere").rename(index)
    store.durability.try_now()
    assert not store.durability.database_gone


def test_writers_elsewhere_need_no_guard() -> None:
    """A writer by itself writes, and calls no guard."""
    writer = Writer(sa.create_engine("sqlite://", isolation_level="AUTOCOMMIT"))
    assert writer.run(lambda connection: connection.scalar(sa.text("SELECT 1"))) == 1
    writer.close()


@pytest.mark.slow
def test_what_the_disk_kept_against_our_will_goes_when_it_lets_us(
    store: Store, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporary files of broken off messages do not stay until the next start."""

    def refuse(self: Path, *, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        for number in range(3):
            incoming(store, dataset(number)).discard()
        store.prove_writable()
    assert len(list((data_dir / "incoming").iterdir())) >= 3
    store.prove_writable()
    assert list((data_dir / "incoming").iterdir()) == []


@pytest.mark.sqlite
def test_the_database_is_for_our_user_alone(data_dir: Path) -> None:
    """Whatever the umask, and also one that was made readable before."""
    before = os.umask(0o022)
    try:
        with Store.open(data_dir) as store:
            put(store, dataset(1))
            made = sorted(path for path in data_dir.glob("index.sqlite*"))
            assert len(made) == 3
            assert {path.stat().st_mode & 0o777 for path in made} == {0o600}
        (data_dir / "index.sqlite").chmod(0o644)
        (data_dir / "damaged-20260101T000000.sqlite").write_bytes(b"")
        with Store.open(data_dir):
            modes = {path.stat().st_mode & 0o777 for path in data_dir.glob("*.sqlite*")}
            assert modes == {0o600}
    finally:
        os.umask(before)
