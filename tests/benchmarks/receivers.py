"""The receivers: real storage SCPs, each able to count what it has."""

from __future__ import annotations

import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self

from tests.benchmarks.work import CALLING_AE_TITLE, Address
from tests.peers import (
    ChildProcess,
    EchoNodeProcess,
    OrthancServer,
    StockStoreScp,
    StoreScp,
    free_port,
)
from tests.peers.authority import Authority
from tests.peers.postgres import PostgresServer
from tests.peers.proxy import Line, Proxy
from tests.peers.stock import ROOT

IDLE_PEERS = 8
_SERVICES = ["echo", "store", "find"]


class Receiver(ABC):
    """A storage SCP that runs while its context is entered."""

    def __init__(self) -> None:
        self._parts = ExitStack()

    @property
    @abstractmethod
    def address(self) -> Address:
        """How to call it."""

    @property
    @abstractmethod
    def pid(self) -> int:
        """Its (first) process."""

    @abstractmethod
    def count(self) -> int | None:
        """How many instances it has; None when it keeps none."""

    def addresses(self, count: int) -> list[Address]:
        """`count` ways to call it, as many as it will hold at once."""
        return [self.address] * count

    def discard(self) -> None:
        """Free the space of what it has, where that does not disturb it."""
        return

    @abstractmethod
    def _start(self) -> None:
        """Enter its parts into self._parts."""

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *error: object) -> None:
        self._parts.close()


class EchoNodeReceiver(Receiver):
    """`echonode run`: durable, and serving only the AE titles in its configuration."""

    def _start(self) -> None:
        self._run(EchoNodeProcess())

    def _run(self, node: EchoNodeProcess) -> None:
        node.add_peer("bench", ae_title=CALLING_AE_TITLE, may=_SERVICES)
        for number in range(IDLE_PEERS):
            node.add_peer(f"idle{number}", ae_title=f"IDLE{number}", may=_SERVICES)
        self.node = self._parts.enter_context(node)

    @property
    def address(self) -> Address:
        return Address(host=self.node.host, port=self.node.port, called=self.node.ae_title)

    def addresses(self, count: int) -> list[Address]:
        """Spread over several AE titles, as one peer gets only so many associations."""
        here = self.address
        return [
            Address(
                host=here.host,
                port=here.port,
                called=here.called,
                calling=f"IDLE{number % IDLE_PEERS}",
            )
            for number in range(count)
        ]

    @property
    def pid(self) -> int:
        return self.node.pid

    def count(self) -> int | None:
        return len(self.node.stored_files())


class TLSReceiver(EchoNodeReceiver):
    """The same with a TLS listener and no other, and certificates on both sides (PS3.15 B.12)."""

    def _start(self) -> None:
        folder = Path(self._parts.enter_context(tempfile.TemporaryDirectory(prefix="authority-")))
        authority = Authority(folder)
        ours, theirs = authority.issue("echonode"), authority.issue("bench")
        ca = str(authority.certificate)
        self._files = {"ca": ca, "cert": str(theirs.cert), "key": str(theirs.key)}
        node = EchoNodeProcess()
        own = {"ca": ca, "cert": str(ours.cert), "key": str(ours.key), "require_client_cert": True}
        node.extra["listen"] = [{"host": node.host, "port": node.port, "tls": own}]
        self._run(node)

    @property
    def address(self) -> Address:
        return replace(super().address, tls=self._files)


class PostgresReceiver(EchoNodeReceiver):
    """The same with its index on a PostgreSQL server here, which synchronises its disk."""

    def _start(self) -> None:
        server = self._parts.enter_context(PostgresServer(durable=True))
        index = {"url": server.create_database("bench")}
        self._run(EchoNodeProcess(extra={"index": index, "node": {"name": "bench"}}))


class EncryptedReceiver(EchoNodeReceiver):
    """The same with all that it keeps encrypted under a master key."""

    def _start(self) -> None:
        folder = Path(self._parts.enter_context(tempfile.TemporaryDirectory(prefix="key-")))
        key = folder / "master.key"
        key.touch(0o600)
        key.write_text(f"{'0f' * 32}\n")
        self._run(EchoNodeProcess(extra={"encryption": {"key": {"file": str(key)}}}))


class UnrecordedReceiver(EchoNodeReceiver):
    """The same without a record of what it does: no node of ours runs so."""

    def _start(self) -> None:
        node = EchoNodeProcess()
        node.module = "tests.benchmarks.unrecorded_node"
        self._run(node)


class OrthancReceiver(Receiver):
    """Orthanc as Debian's users have it."""

    def _start(self) -> None:
        self._server = self._parts.enter_context(OrthancServer())

    @property
    def address(self) -> Address:
        server = self._server
        return Address(host=server.host, port=server.dicom_port, called=server.ae_title)

    @property
    def pid(self) -> int:
        return self._server.pid

    def count(self) -> int | None:
        return self._server.rest.instance_count()


class StoreScpReceiver(Receiver):
    """DCMTK's storescp, a process for each association unless fork is False."""

    def __init__(self, *, fork: bool = True) -> None:
        super().__init__()
        self._fork = fork

    def _start(self) -> None:
        self._server = self._parts.enter_context(StoreScp(fork=self._fork))

    @property
    def address(self) -> Address:
        server = self._server
        return Address(host=server.host, port=server.port, called=server.ae_title)

    @property
    def pid(self) -> int:
        return self._server.pid

    def count(self) -> int | None:
        return len(self._server.received())

    def discard(self) -> None:
        _unlink(self._server.received())


class StockReceiver(Receiver):
    """Stock pynetdicom, not durable."""

    def _start(self) -> None:
        self._server = self._parts.enter_context(StockStoreScp())

    @property
    def address(self) -> Address:
        server = self._server
        return Address(host=server.host, port=server.port, called=server.ae_title)

    @property
    def pid(self) -> int:
        return self._server.pid

    def count(self) -> int | None:
        return len(self._server.received())

    def discard(self) -> None:
        _unlink(self._server.received())


class FarReceiver(Receiver):
    """Another receiver behind a line with a round trip of so long."""

    def __init__(self, receiver: Receiver, *, round_trip_s: float) -> None:
        super().__init__()
        self._receiver, self._line = receiver, Line(delay_s=round_trip_s / 2)

    def _start(self) -> None:
        self._parts.enter_context(self._receiver)
        port = self._receiver.address.port
        self._proxy = self._parts.enter_context(Proxy(port, self._line))

    @property
    def address(self) -> Address:
        return replace(self._receiver.address, port=self._proxy.port)

    @property
    def pid(self) -> int:
        return self._receiver.pid

    def count(self) -> int | None:
        return self._receiver.count()

    def discard(self) -> None:
        self._receiver.discard()


class _ModuleReceiver(Receiver):
    """One of our own small receivers, run as a module with a port and perhaps a folder."""

    def __init__(self, module: str, *, keep: bool) -> None:
        super().__init__()
        self._module, self._keep = module, keep
        self._port = free_port()

    def _start(self) -> None:
        folder = Path(self._parts.enter_context(tempfile.TemporaryDirectory(prefix="receiver-")))
        self._kept = folder / "received"
        self._kept.mkdir()
        command: list[str | Path] = [sys.executable, "-m", self._module, str(self._port)]
        command += [self._kept] if self._keep else []
        child = ChildProcess(command, folder=folder, name="receiver", env={"PYTHONPATH": str(ROOT)})
        self._child = child.start(ports=(self._port,))
        self._parts.callback(child.kill)

    @property
    def address(self) -> Address:
        return Address(host="127.0.0.1", port=self._port, called="RECEIVER")

    @property
    def pid(self) -> int:
        return self._child.pid

    def files(self) -> list[Path]:
        """What it keeps, in the order of arrival."""
        return sorted(self._kept.iterdir())

    def count(self) -> int | None:
        return len(self.files()) if self._keep else None

    def discard(self) -> None:
        _unlink(self.files())


class WireReceiver(_ModuleReceiver):
    """The raw-socket ceiling; keep: written and synchronised before each answer."""

    def __init__(self, *, keep: bool) -> None:
        super().__init__("tests.benchmarks.wire_receiver", keep=keep)


class DisklessReceiver(_ModuleReceiver):
    """EchoNode's acceptor whose datasets go nowhere: the network layer without the disk."""

    def __init__(self) -> None:
        super().__init__("tests.benchmarks.diskless_receiver", keep=False)


def _unlink(files: Iterable[Path]) -> None:
    for file in list(files):
        file.unlink()
