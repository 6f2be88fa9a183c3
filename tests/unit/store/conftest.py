"""A store in a folder of its own, with a clock that the test moves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from echonode.store.store import Store
from tests.support.memory_folders import memory_folder
from tests.unit.store.samples import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture(scope="session")
def empty_store() -> Iterator[Path]:
    """The data folder of a store that was opened and closed: copied, its tables need no making."""
    with memory_folder("echonode-template-") as folder:
        Store.open(folder / "var", now=Clock()).close()
        yield folder / "var"


@pytest.fixture
def store(data_dir: Path, clock: Clock, empty_store: Path) -> Iterator[Store]:
    shutil.copytree(empty_store, data_dir, dirs_exist_ok=True)
    with Store.open(data_dir, now=clock) as opened:
        yield opened
