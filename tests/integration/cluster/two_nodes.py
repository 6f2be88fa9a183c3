"""Two nodes with one AE title: one PostgreSQL, one folder, HAProxy in front, an archive behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE

from echonode.store.read_only_store import open_read_only
from tests.peers.haproxy import HaProxy
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.postgres import PostgresServer
from tests.peers.stock import stock_send
from tests.unit.store.samples import dataset

SCANNER = "SCANNER"
_STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"


class TwoNodes:
    """Nodes `one` and `two`; what a scanner sends to either goes on to `pacs`."""

    def __init__(
        self, parts: ExitStack, folder: Path, archive: Mapping[str, Any], *, commitment: str
    ) -> None:
        """archive: the peer `pacs`."""
        self.parts, self.folder = parts, folder
        self.server = parts.enter_context(PostgresServer())
        self.url = self.server.create_database("clinic")
        self.ports = [free_port(), free_port()]
        self.proxied = [free_port(), free_port()]
        self.health = [free_port(), free_port()]
        peers = {
            "pacs": archive,
            "scanner": {
                "ae_title": SCANNER,
                "host": LOOPBACK,
                "port": 104,
                "may": ["echo", "store", "find"],
                "addresses": [LOOPBACK],
            },
        }
        self.one, self.two = (
            EchoNodeProcess(
                port=port,
                peers=peers,
                destinations=[{"peer": "pacs", "commitment": commitment}],
                extra={
                    "data_dir": str(folder / "shared"),
                    "index": {"url": self.url},
                    "node": {"name": name},
                    "listen": [
                        {"host": LOOPBACK, "port": port},
                        {"host": LOOPBACK, "port": proxied, "trusted_proxies": [LOOPBACK]},
                    ],
                    "web": {"host": LOOPBACK, "port": health},
                    "forwarding": [{"from": "scanner", "to": ["pacs"]}],
                },
            )
            for name, port, proxied, health in zip(
                ("one", "two"), self.ports, self.proxied, self.health, strict=True
            )
        )

    def start(self) -> None:
        """One after the other: `one` leads."""
        self.parts.enter_context(self.one)
        self.one.wait_for("duties_taken")
        self.parts.enter_context(self.two)
        self.one.wait_for("cluster_changed", lambda event: event["nodes"] == 2)

    def balancer(self) -> HaProxy:
        """In front of both, on ports of their own that trust it."""
        return self.parts.enter_context(HaProxy(list(zip(self.proxied, self.health, strict=True))))

    def files(self, numbers: Sequence[int], **attributes: Any) -> list[Path]:
        """Part 10 files of instances, by number."""
        return part_10_files(self.folder, numbers, **attributes)

    def send(self, port: int, files: Sequence[Path]) -> list[int | None]:
        """As the scanner, to a node or to the balancer."""
        return stock_send(
            files, host=LOOPBACK, port=port, called_ae_title="ECHONODE", ae_title=SCANNER
        )

    def find_studies(self, port: int, **keys: str) -> list[dict[str, str]]:
        """C-FIND at a node, as the scanner: the matching studies."""
        return find_studies(port, **keys)

    def states(self) -> list[str]:
        """Of every delivery, as any node sees it."""
        with open_read_only(self.folder / "shared", index_url=self.url) as store:
            return [row.state for row in store.ledger.rows()]


def part_10_files(folder: Path, numbers: Sequence[int], **attributes: Any) -> list[Path]:
    """Part 10 files of instances, by number."""
    found = []
    for number in numbers:
        ds = dataset(number, **attributes)
        ds.file_meta = FileMetaDataset()
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = folder / f"{number}.dcm"
        dcmwrite(path, ds, enforce_file_format=True)
        found.append(path)
    return found


def find_studies(port: int, **keys: str) -> list[dict[str, str]]:
    """C-FIND at a port of this machine, as the scanner: the matching studies."""
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    query.StudyInstanceUID = ""
    query.ModalitiesInStudy = ""
    query.NumberOfStudyRelatedInstances = ""
    for keyword, value in keys.items():
        setattr(query, keyword, value)
    ae = AE(ae_title=SCANNER)
    ae.add_requested_context(_STUDY_ROOT_FIND)
    assoc = ae.associate(LOOPBACK, port, ae_title="ECHONODE")
    assert assoc.is_established
    found = [
        {
            "modalities": "\\".join(_values(answer.ModalitiesInStudy)),
            "instances": str(answer.NumberOfStudyRelatedInstances),
        }
        for _, answer in assoc.send_c_find(query, _STUDY_ROOT_FIND)
        if answer is not None
    ]
    assoc.release()
    return found


def _values(value: str | Sequence[str]) -> list[str]:
    """pydicom gives one value as a string."""
    return [value] if isinstance(value, str) else sorted(value)
