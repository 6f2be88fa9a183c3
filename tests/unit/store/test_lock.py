"""One node on one folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from echonode.errors import StoreLocked
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
