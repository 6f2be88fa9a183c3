"""Durability where fsync is not enough: macOS keeps the bytes in the disk's own cache."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from echonode.errors import OutOfSpace
from echonode.store.files.disk import leave_mark, synchronise
from echonode.store.store import Store
from tests.unit.store.samples import dataset, put

F_FULLFSYNC = 51  # of macOS; no Linux has it


class Kernel:
    """Records what is asked of it; `refuses`: the errno of F_FULLFSYNC, 0 for success."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.refuses = 0
        own_fcntl, own_fsync = fcntl.fcntl, os.fsync

        def called(descriptor: int, command: int, *arguments: Any) -> Any:
            if command != F_FULLFSYNC:
                return own_fcntl(descriptor, command, *arguments)
            self.calls.append("F_FULLFSYNC")
            if self.refuses:
                raise OSError(self.refuses, os.strerror(self.refuses))
            return 0

        def fsync(descriptor: int) -> None:
            self.calls.append("fsync")
            own_fsync(descriptor)

        monkeypatch.setattr(fcntl, "fcntl", called)
        monkeypatch.setattr(os, "fsync", fsync)


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    monkeypatch.delattr(fcntl, "F_FULLFSYNC", raising=False)
    return Kernel(monkeypatch)


@pytest.fixture
def macos(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", F_FULLFSYNC, raising=False)
    return Kernel(monkeypatch)


def sync_a_file(folder: Path) -> None:
    descriptor = os.open(folder / "file", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        synchronise(descriptor)
    finally:
        os.close(descriptor)


def test_linux_is_asked_for_fsync(linux: Kernel, tmp_path: Path) -> None:
    """fsync(2) there flushes the disk's cache as well."""
    sync_a_file(tmp_path)
    assert linux.calls == ["fsync"]


def test_macos_is_asked_to_write_the_disks_cache(macos: Kernel, tmp_path: Path) -> None:
    """F_FULLFSYNC instead of fsync."""
    sync_a_file(tmp_path)
    assert macos.calls == ["F_FULLFSYNC"]


@pytest.mark.parametrize("code", [errno.ENOTSUP, errno.EINVAL, errno.ENOTTY])
def test_a_file_system_without_it_gets_fsync(macos: Kernel, tmp_path: Path, code: int) -> None:
    """A share, say: what it has is used."""
    macos.refuses = code
    sync_a_file(tmp_path)
    assert macos.calls == ["F_FULLFSYNC", "fsync"]


def test_a_disk_that_fails_is_not_asked_again(macos: Kernel, tmp_path: Path) -> None:
    """An fsync after a failed one would answer success for bytes that are lost."""
    macos.refuses = errno.EIO
    with pytest.raises(OutOfSpace):
        leave_mark(tmp_path / "mark")
    assert macos.calls == ["F_FULLFSYNC"]


@pytest.mark.sqlite
def test_an_instance_is_stored_by_it(store: Store, macos: Kernel) -> None:
    """Its file and its folder; nothing calls fsync alone."""
    put(store, dataset(1))
    assert set(macos.calls) == {"F_FULLFSYNC"}
    assert len(macos.calls) >= 2


@pytest.mark.sqlite
def test_the_database_asks_for_it_too(store: Store) -> None:
    """SQLite has its own switch; it does nothing where there is no F_FULLFSYNC."""
    asked = store._writer.run(lambda one: one.exec_driver_sql("PRAGMA fullfsync").scalar())
    assert asked == 1
