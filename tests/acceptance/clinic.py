"""A small clinic on loopback: the probe, the node as a process, and Orthanc as its PACS."""

from __future__ import annotations

import hashlib
import io
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import FileDataset

from tests.peers.node_process import EchoNodeProcess
from tests.peers.orthanc import OrthancServer
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

PROVED = "committed"


def dataset_sha256(part10: bytes | Path) -> str:
    """The hash of the bytes behind the File Meta Information: what travels in a C-STORE."""
    raw = part10.read_bytes() if isinstance(part10, Path) else part10
    # (0002,0000) is the first element behind the preamble: its value is the rest's length.
    length = int.from_bytes(raw[140:144], "little")
    return hashlib.sha256(raw[144 + length :]).hexdigest()


class Clinic:
    """Orthanc and a node that knows each other both ways; the probe's address is yours to give.

    Orthanc is made but only started by `start_pacs`; the node likewise by `node.start`.
    """

    def __init__(
        self,
        parts: ExitStack,
        *,
        probe_port: int | None = None,
        capture: dict[str, Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self._parts = parts
        node_port = free_port()
        self.orthanc = OrthancServer(
            modalities={"echonode": ("ECHONODE", LOOPBACK, node_port)},
            # As received: what is compared is bytes.
            options={"StorageCompression": False},
        )
        may = ["echo", "store", "find", "move", "get", "commit"]
        probe = {
            "name": "handheld",
            "protocol": "echopen",
            "dialect": "kit",
            "connect": f"{LOOPBACK}:{probe_port}",
            "capture": capture or {"mode": "auto", "gap_s": 0.5, "max_clip_s": 1.0},
        }
        self.node = EchoNodeProcess(
            port=node_port,
            peers={
                "pacs": {
                    "ae_title": "ORTHANC",
                    "host": LOOPBACK,
                    "port": self.orthanc.dicom_port,
                    "may": may,
                }
            },
            destinations=[{"peer": "pacs", "commitment": "required"}],
            probes=[probe] if probe_port else [],
            extra=extra,
        )

    def start_pacs(self) -> OrthancServer:
        return self._parts.enter_context(self.orthanc)

    def start_node(self) -> EchoNodeProcess:
        return self._parts.enter_context(self.node)

    def stored(self) -> set[str]:
        """SOP Instance UIDs that the node's log reported as stored."""
        return {e["sop_instance_uid"] for e in self.node.events if e["event"] == "instance_stored"}

    def wait_committed(self, *, at_least: int, timeout_s: float) -> list[dict[str, Any]]:
        """The ledger, once it has so many rows and every one is committed."""
        rows: list[dict[str, Any]] = []

        def all_committed() -> bool:
            rows[:] = self.node.ledger()
            return len(rows) >= at_least and all(row["state"] == PROVED for row in rows)

        try:
            wait_until(all_committed, timeout_s=timeout_s, what="committed", every_s=0.5)
        except AssertionError as error:
            states = [(row["state"], row["last_error"]) for row in rows]
            last = [str(event)[:300] for event in self.node.events[-5:]]
            raise AssertionError(f"{error}; ledger: {states}; log: {last}") from None
        return rows

    def held_by_pacs(self) -> dict[str, bytes]:
        """SOP Instance UID -> Part 10 bytes of everything Orthanc says it holds."""
        rest = self.orthanc.rest
        files = [rest.file(orthanc_id) for orthanc_id in rest.instances()]
        return {str(read(raw).SOPInstanceUID): raw for raw in files}

    def held_here(self) -> dict[str, Path]:
        """SOP Instance UID -> file in the node's own store."""
        return {
            str(dcmread(path, stop_before_pixels=True).SOPInstanceUID): path
            for path in self.node.stored_files()
        }


def read(raw: bytes) -> FileDataset:
    """A Part 10 file in memory."""
    return dcmread(io.BytesIO(raw))
