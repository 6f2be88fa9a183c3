"""Two nodes on one folder (scenario 14)."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.faults.callers.storing_clients import StoringClients
from tests.faults.judging.books import Book
from tests.faults.judging.verdict import judged
from tests.faults.nodes.attacked import peers_for
from tests.faults.programme import SECOND_NODES
from tests.peers.node_process import ROOT, EchoNodeProcess
from tests.peers.ports import free_port
from tests.peers.process import NotReady

THE_JOB_FAILED = 1  # of the command's exit codes: 0 done, 1 the job failed, 2 bad usage
PATIENCE_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The first node and its clients; spare: a folder for the second's configuration."""

    node: EchoNodeProcess
    clients: StoringClients
    spare: Path


def at_once(scene: Scene) -> AbstractContextManager[Path]:
    """The first works; the second names the same folder."""
    scene.clients.wait_for(5)
    return nullcontext(scene.node.data_dir)


def by_another_name(scene: Scene) -> AbstractContextManager[Path]:
    """The folder has a second name, and the second node knows only that."""
    alias = scene.spare / "alias"
    if not alias.exists():
        alias.symlink_to(scene.node.data_dir, target_is_directory=True)
    return nullcontext(alias)


@contextmanager
def while_it_stands_still(scene: Scene) -> Iterator[Path]:
    """The first does not run just now, and answers no caller: it has the folder all the same."""
    os.kill(scene.node.pid, signal.SIGSTOP)
    try:
        yield scene.node.data_dir
    finally:
        os.kill(scene.node.pid, signal.SIGCONT)


Way = Callable[[Scene], AbstractContextManager[Path]]
WAYS: tuple[Way, ...] = (at_once, by_another_name, while_it_stands_still)


def start_second(scene: Scene, data_dir: Path) -> subprocess.CompletedProcess[str]:
    """`echonode run` on the folder, on a port of its own, until it ends."""
    config = scene.spare / "second.yaml"
    settings = scene.node.settings() | {
        "data_dir": str(data_dir),
        "listen": [{"host": "127.0.0.1", "port": free_port()}],
    }
    config.write_text(yaml.safe_dump(settings))
    return subprocess.run(
        [sys.executable, "-m", "echonode", "run", "--config", str(config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_second_node_on_a_folder_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    """While one node stores what clients send, or stands still, a second one on its folder ends at
    once with exit code 1 and one line that says why and what to do; the first goes on, and all that
    it acknowledged is there.
    """
    book = Book(tmp_path / "clients.book")
    with (
        EchoNodeProcess(peers=peers_for(2)) as node,
        StoringClients(node.port, book, clients=2, pause_s=0.05) as clients,
    ):
        scene = Scene(node=node, clients=clients, spare=tmp_path)
        for _, way in zip(range(SECOND_NODES.count), itertools.cycle(WAYS), strict=False):
            with way(scene) as data_dir:
                second = start_second(scene, data_dir)
            assert second.returncode == THE_JOB_FAILED, (way.__name__, second)
            assert "node_ready" not in second.stdout
            [line] = second.stderr.splitlines()
            assert "another EchoNode runs on" in line
            assert str(data_dir) in line
            assert "data_dir of its own" in line
            clients.wait_for(3)
        clients.stop()
        assert node.stop() == 0
        verdict = judged(data_dir=node.data_dir, books=[book.path], required={})
    assert not any(verdict.values()), verdict


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_of_nodes_that_start_together_on_a_folder_one_runs(tmp_path: Path) -> None:
    """Two nodes started in the same moment on a new folder: one serves, the other is refused."""
    for trial in range(SECOND_NODES.count // 10):
        data_dir = tmp_path / f"data {trial}"
        with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
            nodes = [new_node(stack, tmp_path / f"{trial} {name}", data_dir) for name in "ab"]
            running = [node for node in pool.map(started, nodes) if node is not None]
            [loser] = [node for node in nodes if node not in running]
            assert loser.child.popen.wait(PATIENCE_S) == THE_JOB_FAILED
            assert "another EchoNode runs on" in loser.stderr()
            assert running[0].ledger() == []


def new_node(stack: ExitStack, folder: Path, data_dir: Path) -> EchoNodeProcess:
    """A node on `data_dir`, not yet started; put away at the end."""
    folder.mkdir()
    node = EchoNodeProcess(folder=folder, extra={"data_dir": str(data_dir)})
    stack.callback(node.put_away)
    return node


def started(node: EchoNodeProcess) -> EchoNodeProcess | None:
    """The node once it is ready; None where it ended instead."""
    try:
        return node.start()
    except NotReady:
        return None
