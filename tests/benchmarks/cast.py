"""Who takes part: the senders and receivers by name, each started once a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.benchmarks.contest import ECHONODE, MISHAPS, Failed, Stage
from tests.benchmarks.receivers import (
    DisklessReceiver,
    EchoNodeReceiver,
    EncryptedReceiver,
    FarReceiver,
    OrthancReceiver,
    PostgresReceiver,
    Receiver,
    StockReceiver,
    StoreScpReceiver,
    TLSReceiver,
    UnrecordedReceiver,
    WireReceiver,
)
from tests.benchmarks.senders import DeliveringNode, Sender, StoreScu, WorkerSender

STOCK: Final = "stock pynetdicom"
STORESCU: Final = "DCMTK storescu"
STORESCP: Final = "DCMTK storescp"
STORESCP_ONE_PROCESS: Final = "DCMTK storescp, one process"
ORTHANC: Final = "Orthanc"
RAW: Final = "raw socket"
RAW_TO_DISK: Final = "raw socket, written and synchronised"
DISKLESS: Final = "EchoNode without disk"
DELIVERING: Final = "EchoNode's delivering half"
ON_POSTGRES: Final = "EchoNode on PostgreSQL"
OVER_TLS: Final = "EchoNode over TLS"
ENCRYPTED: Final = "EchoNode, encrypted"
UNRECORDED: Final = "EchoNode, nothing recorded"
FAR_STORESCP: Final = "DCMTK storescp, 50 ms away"

ENGINES: Mapping[str, str] = {ECHONODE: "echonode", STOCK: "stock", RAW: "wire"}
RECEIVERS: Mapping[str, Callable[[], Receiver]] = {
    ECHONODE: EchoNodeReceiver,
    DISKLESS: DisklessReceiver,
    ORTHANC: OrthancReceiver,
    STOCK: StockReceiver,
    STORESCP: StoreScpReceiver,
    STORESCP_ONE_PROCESS: lambda: StoreScpReceiver(fork=False),
    ON_POSTGRES: PostgresReceiver,
    OVER_TLS: TLSReceiver,
    ENCRYPTED: EncryptedReceiver,
    UNRECORDED: UnrecordedReceiver,
    FAR_STORESCP: lambda: FarReceiver(StoreScpReceiver(), round_trip_s=0.05),
    RAW: lambda: WireReceiver(keep=False),
    RAW_TO_DISK: lambda: WireReceiver(keep=True),
}


class Cast:
    """Starts a part when it is first asked for; the stage stops it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._workers: dict[tuple[str, int], WorkerSender] = {}
        self._receivers: dict[str, Receiver] = {}
        self._failures: dict[str, str] = {}

    def worker(self, name: str, *, workers: int = 1) -> WorkerSender:
        """A sender with an engine of ours. Raises Failed."""
        key = (name, workers)
        if key not in self._workers:
            sender = WorkerSender(ENGINES[name], self._stage.folder, workers=workers)
            self._workers[key] = self._stage.parts.enter_context(sender)
        return self._workers[key]

    def sender(self, name: str, *, associations: int = 1) -> Sender:
        """Any sender, able to keep that many associations busy. Raises Failed, PeerMissing."""
        if name == STORESCU:
            return StoreScu()
        if name == DELIVERING:
            return self._stage.parts.enter_context(DeliveringNode(self._stage.folder))
        return self.worker(name, workers=associations)

    def receiver(self, name: str) -> Receiver:
        """A running receiver. Raises what its start raises, PeerMissing among it."""
        if name in self._failures:
            raise Failed(self._failures[name])
        if name not in self._receivers:
            try:
                self._receivers[name] = self._stage.parts.enter_context(RECEIVERS[name]())
            except MISHAPS as error:
                self._failures[name] = f"{type(error).__name__}: {error}"
                raise
        return self._receivers[name]
