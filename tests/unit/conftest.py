"""What unit tests share: folders in memory, and recordings that are decoded once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from echonode.probe.recordings.echopen_text import KitRecording, read_recording
from tests.support.copied_stores import CopiedStores
from tests.support.memory_folders import memory_folder
from tests.support.store_engine import ON_POSTGRES


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """pytest's own in memory: most stores of the unit tests are made to be synced."""
    with memory_folder("echonode-unit-") as folder:
        yield folder


@pytest.fixture(scope="session")
def copied_stores() -> Iterator[CopiedStores]:
    """New stores are copies of one; see tests/support/copied_stores.py."""
    with memory_folder("echonode-template-") as folder:
        stores = CopiedStores(folder / "var")
        stores.begin()
        yield stores
        stores.end()


if not ON_POSTGRES:

    @pytest.fixture(autouse=True)
    def _stores_are_copied(request: pytest.FixtureRequest, copied_stores: CopiedStores) -> None:
        copied_stores.are_copied = request.node.get_closest_marker("new_store") is None


@pytest.fixture(scope="session")
def film(shared_data: Path) -> KitRecording:
    """The film of 101 frames, decoded once. That takes seconds: its tests are marked slow."""
    return read_recording(shared_data / "probe" / "echopen_film_envelope_101frames.tar.xz")
