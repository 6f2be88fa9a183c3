"""One worker process for the tests of a file, and a store of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from echonode.store.store import Store
from echonode.transcoding.process_pool import TranscodeWorkers
from echonode.transcoding.reencoder import Reencoder
from tests.unit.store.samples import Clock


@pytest.fixture(scope="module")
def workers() -> Iterator[TranscodeWorkers]:
    made = TranscodeWorkers(1)
    yield made
    made.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "var", now=Clock()) as opened:
        yield opened


@pytest.fixture
def reencoder(store: Store, workers: TranscodeWorkers) -> Reencoder:
    return Reencoder(store.files.scratch, workers)
