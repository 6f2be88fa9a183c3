"""One node on one folder."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from echonode.errors import OutOfSpace, StoreLocked
from echonode.store.store import Store


def test_a_second_node_on_the_folder_is_refused_by_name(store: Store, data_dir: Path) -> None:
    """The message says which folder is taken."""
    with pytest.raises(StoreLocked, match=str(data_dir)):
        Store.open(data_dir)
    assert store.counter("still usable") == 1


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


def test_a_closed_store_lets_the_next_in(data_dir: Path) -> None:
    """Nothing is left that a person would have to remove."""
    for _ in range(3):
        Store.open(data_dir).close()


def test_a_folder_that_cannot_be_locked_is_told_as_what_it_is(tmp_path: Path) -> None:
    """A lock that cannot be made is the disk's refusal, in words, and no error of the program."""
    (tmp_path / "lock").mkdir()
    with pytest.raises(OutOfSpace, match=f"to lock {tmp_path}: Is a directory"):
        Store.open(tmp_path)


def test_a_folder_that_cannot_be_looked_into_is_told_as_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permissions that keep us out are the disk's refusal, in words."""

    def forbidden(self: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "is_dir", forbidden)
    with pytest.raises(OutOfSpace, match=f"to look into {tmp_path.parent}: Permission denied"):
        Store.open(tmp_path)
