"""One node on one folder."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from echonode.errors import ConfigError, OutOfSpace, StoreLocked
from echonode.store.files import layout
from echonode.store.files.disk import disk_errors
from echonode.store.files.lock import FolderLock
from echonode.store.store import Store


def test_a_second_node_on_the_folder_is_refused_by_name(store: Store, data_dir: Path) -> None:
    """The message says which folder is taken."""
    with pytest.raises(StoreLocked, match=str(data_dir)):
        Store.open(data_dir)
    assert store.counter("still usable") == 1


@pytest.mark.slow
def test_another_process_is_refused_too(store: Store, data_dir: Path) -> None:
    """The lock holds between processes, not only within one."""
    script = (
        "import pathlib, sys\n"
        "from echonode.store.store import Store\n"
        "Store.open(pathlib.Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(data_dir)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "StoreLocked" in done.stderr


@pytest.mark.slow
def test_a_closed_store_lets_the_next_in(data_dir: Path) -> None:
    """Nothing is left that a person would have to remove."""
    for _ in range(3):
        Store.open(data_dir).close()


def test_a_folder_that_cannot_be_locked_is_told_as_what_it_is(tmp_path: Path) -> None:
    """A lock that cannot be made is the disk's refusal, in words, and no error of the program."""
    (tmp_path / "lock").mkdir()
    with pytest.raises(OutOfSpace, match=f"to lock {tmp_path}: it is a folder, and a file"):
        Store.open(tmp_path)


def test_a_folder_that_cannot_be_looked_into_is_told_as_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permissions that keep us out name the key and the folder."""

    def forbidden(folder: Path) -> None:
        with disk_errors("a new folder"):
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(layout, "make_folder", forbidden)
    with pytest.raises(ConfigError, match=f"data_dir: {tmp_path} cannot be written .Permission de"):
        Store.open(tmp_path)


def test_a_disk_without_room_for_the_folder_is_no_mistake_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only want of room, or a broken disk, is the disk's."""

    def full(folder: Path) -> None:
        with disk_errors("a new folder"):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(layout, "make_folder", full)
    with pytest.raises(OutOfSpace, match="No space left on device"):
        Store.open(tmp_path)


def test_a_lock_that_was_deleted_is_taken_again(store: Store, data_dir: Path) -> None:
    """With the next write it is there, and a second node is refused as before."""
    (data_dir / "lock").unlink()
    store.counter("x")
    assert (data_dir / "lock").exists()
    with pytest.raises(StoreLocked):
        Store.open(data_dir)


def test_a_node_whose_folder_was_taken_writes_nothing_any_more(data_dir: Path) -> None:
    """The lock was deleted and a second node was quicker: only one of them goes on writing."""
    first = Store.open(data_dir)
    (data_dir / "lock").unlink()
    with Store.open(data_dir) as second:
        with pytest.raises(OutOfSpace, match="another EchoNode runs on this data_dir"):
            first.counter("x")
        assert "another EchoNode runs" in first.durability.problem
        assert second.counter("x") == 1
    with pytest.raises(OutOfSpace):  # what it knows of the store is no longer so
        first.counter("x")
    first.close()


def test_a_lock_on_a_disk_that_cannot_be_written_is_a_lock(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs no right to write, once the file is there."""
    Store.open(data_dir).close()
    real = os.open

    def read_only(path: object, flags: int, mode: int = 0o777) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT):
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, flags, mode)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", read_only)
        held = FolderLock(data_dir / "lock")
        with pytest.raises(StoreLocked):
            FolderLock(data_dir / "lock")
        held.release()
