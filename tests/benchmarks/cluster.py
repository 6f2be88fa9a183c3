"""C-STORE to two nodes on one PostgreSQL, next to one node and next to two Orthancs on another.

Every contender gets the same senders: half of them call one address, half the other. On a machine
with few cores the nodes, the server and the senders share them, and two nodes cannot be faster than
one: so the processor time of an instance is a row of its own, and tells what more cores would give.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.c_store import INSTANCES_PER_SECOND, WARM_UP_INSTANCES
from tests.benchmarks.contest import ECHONODE, Benchmark, Contender, Failed, Stage
from tests.benchmarks.results import Better, Goal
from tests.benchmarks.senders import WorkerSender
from tests.benchmarks.usage import cpu_seconds, descendants
from tests.benchmarks.work import CALLING_AE_TITLE, Address, Errand
from tests.peers import EchoNodeProcess, OrthancServer, PeerMissing
from tests.peers.instances import STILL, Instances, make_instances, renew
from tests.peers.orthanc import PLUGIN_FOLDER
from tests.peers.ports import LOOPBACK
from tests.peers.postgres import USER, PostgresServer

ONE_NODE: Final = "EchoNode, one node"
TWO_ORTHANCS: Final = "two Orthancs"
CPU: Final = "ms of processor time an instance"
ASSOCIATIONS = 8
_PLUGIN = PLUGIN_FOLDER / "libOrthancPostgreSQLIndex.so"


class Nodes:
    """Servers that are one archive. addresses: the two that senders call, perhaps of one server."""

    def __init__(
        self, server: PostgresServer, addresses: Sequence[Address], pids: Sequence[int]
    ) -> None:
        self.server, self.addresses, self.pids = server, addresses, pids

    def count(self) -> int:
        """How many instances they have."""
        raise NotImplementedError

    def cpu_of_database_s(self) -> float:
        """Of PostgreSQL's processes, each of which leads a group of its own."""
        return sum(map(cpu_seconds, {self.server.pid, *descendants(self.server.pid)}))

    def cpu_s(self) -> float:
        """Of the nodes and of PostgreSQL."""
        return sum(map(cpu_seconds, self.pids)) + self.cpu_of_database_s()


class EchoNodes(Nodes):
    """One node or two, on one folder."""

    def __init__(self, stage: Stage, number_of: int) -> None:
        server = stage.parts.enter_context(PostgresServer(durable=True))
        self._folder = stage.folder / f"of-{number_of}"
        url = server.create_database("bench")
        nodes = []
        for name in ("one", "two")[:number_of]:
            extra = {"data_dir": str(self._folder), "index": {"url": url}, "node": {"name": name}}
            node = EchoNodeProcess(extra=extra)
            node.add_peer("bench", ae_title=CALLING_AE_TITLE, may=["echo", "store"])
            nodes.append(stage.parts.enter_context(node))
        at = [Address(host=LOOPBACK, port=node.port, called=node.ae_title) for node in nodes]
        super().__init__(server, [at[0], at[-1]], [node.pid for node in nodes])

    def count(self) -> int:
        return sum(1 for _ in self._folder.rglob("instances/**/*.dcm"))


class Orthancs(Nodes):
    """Two of Debian's Orthanc with its plugin for PostgreSQL, on one folder."""

    def __init__(self, stage: Stage) -> None:
        if not _PLUGIN.exists():
            raise PeerMissing(_PLUGIN.name, "orthanc-postgresql")
        server = stage.parts.enter_context(PostgresServer(durable=True))
        server.create_database("orthanc")
        self._servers = [
            stage.parts.enter_context(
                OrthancServer(plugins=(_PLUGIN,), options=_on(server, stage.folder / "orthanc"))
            )
            for _ in (1, 2)
        ]
        at = [
            Address(host=LOOPBACK, port=each.dicom_port, called=each.ae_title)
            for each in self._servers
        ]
        super().__init__(server, at, [each.pid for each in self._servers])

    def count(self) -> int:
        return self._servers[0].rest.instance_count()


def _on(server: PostgresServer, folder: Path) -> dict[str, Any]:
    """As the plugin's documents have it for several Orthancs."""
    database = {
        "EnableIndex": True,
        "EnableStorage": False,
        "Host": LOOPBACK,
        "Port": server.port,
        "Database": "orthanc",
        "Username": USER,
        "Password": "",
        "EnableSsl": False,
        "Lock": False,
        "MaximumConnectionRetries": 10,
    }
    return {"StorageDirectory": str(folder), "PostgreSQL": database}


class Sharing:
    """A contender: half of the senders call one address, half the other."""

    def __init__(
        self,
        instances: Instances,
        senders: Sequence[WorkerSender],
        nodes: Nodes,
        figure: Callable[[int, float, float], float],
    ) -> None:
        """figure: of the instances, the seconds, and the seconds of processor time."""
        self._instances, self._senders, self._nodes = instances, senders, nodes
        self._figure = figure

    def __call__(self, *, warm_up: bool) -> float:
        errand = Errand.of(renew(self._instances))
        if warm_up:
            errand = errand.first(WARM_UP_INSTANCES * ASSOCIATIONS)
        shares = [errand.part(number, ASSOCIATIONS) for number in range(ASSOCIATIONS)]
        before = self._nodes.count()
        os.sync()
        cpu_s = self._nodes.cpu_s()
        with ThreadPoolExecutor(2) as pool:
            sent = [
                pool.submit(sender.send, shares[half::2], address)
                for half, (sender, address) in enumerate(
                    zip(self._senders, self._nodes.addresses, strict=True)
                )
            ]
            elapsed = max(each.result() for each in sent)
        cpu_s = self._nodes.cpu_s() - cpu_s
        if (arrived := self._nodes.count() - before) != len(errand.files):
            raise Failed(f"sent {len(errand.files)}, of which {arrived} arrived")
        return self._figure(len(errand.files), elapsed, cpu_s)


def _set_up(
    peers: Mapping[str, Callable[[Stage], Nodes]],
    figure: Callable[[int, float, float], float],
    stage: Stage,
) -> Mapping[str, Callable[[], Contender]]:
    instances = make_instances(stage.folder / "instances", STILL, 4 * stage.scale.stills)
    senders = [
        stage.parts.enter_context(
            WorkerSender("wire", stage.folder, workers=ASSOCIATIONS // 2),
        )
        for _ in (1, 2)
    ]

    def contender(make: Callable[[Stage], Nodes]) -> Contender:
        return Sharing(instances, senders, make(stage), figure)

    return {name: partial(contender, make) for name, make in peers.items()}


def _rate(count: int, elapsed: float, cpu_s: float) -> float:
    return count / elapsed


def _cpu_ms(count: int, elapsed: float, cpu_s: float) -> float:
    return 1000 * cpu_s / count


def _one_node(stage: Stage) -> Nodes:
    return EchoNodes(stage, 1)


def _two_nodes(stage: Stage) -> Nodes:
    return EchoNodes(stage, 2)


_OURS: Final = {ECHONODE: _two_nodes, ONE_NODE: _one_node}

CLUSTER_BENCHMARKS: Final = (
    Benchmark(
        name="durable receive of stills on PostgreSQL, two nodes and one node",
        unit=INSTANCES_PER_SECOND,
        better=Better.HIGHER,
        set_up=partial(_set_up, _OURS, _rate),
        goal=Goal(at_least=1.7),
    ),
    Benchmark(
        name="processor time of nodes and PostgreSQL: two nodes, one, two Orthancs",
        unit=CPU,
        better=Better.LOWER,
        set_up=partial(_set_up, {**_OURS, TWO_ORTHANCS: Orthancs}, _cpu_ms),
    ),
    Benchmark(
        name="durable receive of stills on PostgreSQL, two nodes and two Orthancs",
        unit=INSTANCES_PER_SECOND,
        better=Better.HIGHER,
        set_up=partial(_set_up, {ECHONODE: _two_nodes, TWO_ORTHANCS: Orthancs}, _rate),
        goal=Goal(at_least=10),
    ),
)
