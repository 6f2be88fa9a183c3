"""Nodes to attack, started once a module."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.nodes.attacked import ChangedLimitsNode, peers_for
from tests.peers.node_process import EchoNodeProcess
from tests.support.memory_folders import memory_folder


@pytest.fixture(scope="module")
def node() -> Iterator[EchoNodeProcess]:
    """`echonode run` as it is shipped, with eleven peers that may do everything."""
    with EchoNodeProcess(peers=peers_for(11)) as running:
        yield running


@pytest.fixture(scope="module")
def make_with_limits() -> Iterator[Callable[..., EchoNodeProcess]]:
    """Start nodes with other network limits; stopped at the module's end."""
    with ExitStack() as stack:

        def make(**limits: Any) -> EchoNodeProcess:
            env = {"ECHONODE_TEST_LIMITS": json.dumps(limits)}
            return stack.enter_context(ChangedLimitsNode(peers=peers_for(11), env=env))

        yield make


@pytest.fixture
def memory_path() -> Iterator[Path]:
    """A folder in memory, where the system has room there: a kill takes nothing from it that a disk
    would keep, and a thousand fsyncs cost nothing."""
    with memory_folder("echonode-faults-") as folder:
        yield folder
