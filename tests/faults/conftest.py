"""Nodes to attack, started once a module."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.nodes.attacked import ImpatientNode, peers_for
from tests.peers.node_process import EchoNodeProcess

IN_MEMORY, ROOM = Path("/dev/shm"), 256 * 1024**2


@pytest.fixture(scope="module")
def node() -> Iterator[EchoNodeProcess]:
    """`echonode run` as it is shipped, with eleven peers that may do everything."""
    with EchoNodeProcess(peers=peers_for(11)) as running:
        yield running


@pytest.fixture(scope="module")
def make_impatient() -> Iterator[Callable[..., EchoNodeProcess]]:
    """Start nodes with other network limits; stopped at the module's end."""
    with ExitStack() as stack:

        def make(**limits: Any) -> EchoNodeProcess:
            env = {"ECHONODE_TEST_LIMITS": json.dumps(limits)}
            return stack.enter_context(ImpatientNode(peers=peers_for(11), env=env))

        yield make


@pytest.fixture
def memory_path() -> Iterator[Path]:
    """A folder in memory, where the system has room there: a kill takes nothing from it that a disk
    would keep, and a thousand fsyncs cost nothing."""
    roomy = os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ROOM
    with tempfile.TemporaryDirectory(prefix="faults-", dir=IN_MEMORY if roomy else None) as folder:
        yield Path(folder)
