"""A store in a folder of its own, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from echonode.store.store import Store
from tests.unit.store.samples import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def store(data_dir: Path, clock: Clock) -> Iterator[Store]:
    with Store.open(data_dir, now=clock) as opened:
        yield opened
