"""What every test may ask for."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.postgres import PostgresServer
from tests.starts import forked_starts
from tests.support.data_folder import REAL, WHY_SKIPPED, data_folder, has_real_data
from tests.support.examples import register_profiles
from tests.support.log_format import log_plainly
from tests.support.memory_folders import memory_folder
from tests.support.pynetdicom_pauses import wait_for_real_pauses
from tests.support.shared_statements import share_statements
from tests.support.store_engine import ON_POSTGRES, StoresOnPostgres

if os.environ.get("ECHONODE_FORKED_STARTS") == "1":  # `make test`, for its speed
    forked_starts.allow()
register_profiles()
log_plainly()
share_statements()
wait_for_real_pauses()

# Real Orthanc, DCMTK, dciodvfy, stock pynetdicom and our own processes; see tests/peers.
pytest_plugins = ["tests.peers.fixtures"]


@pytest.fixture(scope="session")
def stores_on_postgres() -> Iterator[StoresOnPostgres]:
    """Every store of the run on one server; see tests/support/store_engine.py."""
    # In memory: a database is made for each test, and it is hundreds of small files.
    with memory_folder("echonode-postgres-") as folder, PostgresServer(folder=folder) as server:
        stores = StoresOnPostgres(server)
        stores.begin()
        yield stores


if ON_POSTGRES:

    @pytest.fixture(autouse=True)
    def _index_on_postgres(
        request: pytest.FixtureRequest, stores_on_postgres: StoresOnPostgres
    ) -> Iterator[None]:
        if request.node.get_closest_marker("sqlite"):
            pytest.skip("it is about SQLite's own file")
        yield
        stores_on_postgres.forget()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recordings and DICOM files; stand-ins where the real ones are not there."""
    return data_folder()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The same, for what only the real ones show: margins measured on them, vendors' own ways."""
    if not has_real_data():
        pytest.skip(WHY_SKIPPED)
    return REAL


def pytest_collection_finish() -> None:
    """What was collected stays until the end: the garbage collector need not look at it again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what a run without the real recordings leaves out."""
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum(WHY_SKIPPED in str(report.longrepr) for report in skipped)
    if count:
        terminalreporter.write_line(
            f"Stand-ins took the place of real recordings; with ../shared/data {count} more tests "
            "would run: margins measured on real echoes, and files as vendors write them."
        )
