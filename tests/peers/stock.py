"""Stock pynetdicom as a peer: a storage SCP in its own process, and a sender."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydicom import dcmread
from pydicom.uid import UID
from pynetdicom import AE, build_context

from tests.peers.part import Part
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import ChildProcess

ROOT = Path(__file__).resolve().parents[2]


class StockStoreScp(Part):
    """Plain pynetdicom storing to `received_folder` without synchronising: not durable."""

    ae_title = "STOCK"

    def __init__(self, *, port: int | None = None) -> None:
        super().__init__(prefix="stock", folder=None)
        self.port, self.host = port or free_port(), LOOPBACK

    @property
    def received_folder(self) -> Path:
        return self.folder / "received"

    def received(self) -> list[Path]:
        """The files written so far, by name."""
        return sorted(self.received_folder.iterdir())

    def start(self) -> Self:
        """Start it and wait for its port. Raises NotReady."""
        self.received_folder.mkdir(exist_ok=True)
        module = "tests.peers.stock_storescp"
        self._child = ChildProcess(
            [sys.executable, "-m", module, str(self.port), self.received_folder],
            folder=self.folder,
            name="stock",
            env={"PYTHONPATH": str(ROOT)},
        )
        self._child.start(ports=(self.port,))
        return self


def stock_send(
    files: Sequence[Path], *, host: str, port: int, called_ae_title: str, ae_title: str = "STOCKSCU"
) -> list[int | None]:
    """C-STORE the files with plain pynetdicom on one association; a status for each.

    None where no answer came. Raises ConnectionError when there is no association.
    """
    ae = AE(ae_title=ae_title)
    ae.requested_contexts = [build_context(*pair) for pair in sorted(set(map(_syntaxes, files)))]
    assoc = ae.associate(host, port, ae_title=called_ae_title)
    if not assoc.is_established:
        raise ConnectionError(f"no association with {called_ae_title} at {host}:{port}")
    statuses = [assoc.send_c_store(file).get("Status") for file in files]
    assoc.release()
    return [None if status is None else int(status) for status in statuses]


def _syntaxes(file: Path) -> tuple[UID, UID]:
    meta = dcmread(file, stop_before_pixels=True, specific_tags=[]).file_meta
    return meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID
