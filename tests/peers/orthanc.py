"""Orthanc, the real archive, as a part of a test: own folder, own ports, stopped for sure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.peers.orthanc_rest import OrthancRest, modality_settings
from tests.peers.part import Part
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import ChildProcess
from tests.peers.programs import find_program

PLUGIN_FOLDER = Path("/usr/share/orthanc/plugins")
DICOMWEB_PLUGIN = PLUGIN_FOLDER / "libOrthancDicomWeb.so"
WORKLIST_PLUGIN = PLUGIN_FOLDER / "libModalityWorklists.so"

Modality = tuple[str, str, int]
"""AE title, host, port."""


class OrthancServer(Part):
    """An Orthanc with its stock settings, but for what a test must choose.

    Its storage stays as Debian's users have it: SQLite index, and each file synchronised to the
    disk before it answers (SyncStorageArea). It survives `stop`, `kill` and `restart` with its
    folder; leaving the context removes the folder unless it was given.
    """

    def __init__(
        self,
        *,
        dicom_port: int | None = None,
        http_port: int | None = None,
        ae_title: str = "ORTHANC",
        modalities: Mapping[str, Modality] | None = None,
        options: Mapping[str, Any] | None = None,
        plugins: Sequence[Path] = (),
        folder: Path | None = None,
    ) -> None:
        """options: Orthanc's own settings, winning over ours. plugins: e.g. (DICOMWEB_PLUGIN,)."""
        super().__init__(prefix="orthanc", folder=folder)
        self.dicom_port = dicom_port or free_port()
        self.http_port = http_port or free_port()
        self.host, self.ae_title = LOOPBACK, ae_title
        self.modalities = dict(modalities or {})
        self._options, self._plugins = dict(options or {}), tuple(plugins)
        self.rest = OrthancRest(f"http://{LOOPBACK}:{self.http_port}")

    @property
    def dicomweb_url(self) -> str:
        return f"{self.rest.base_url}/dicom-web"

    def settings(self) -> dict[str, Any]:
        """The configuration it is started with."""
        storage = str(self.folder / "storage")
        known = {name: modality_settings(*entry) for name, entry in self.modalities.items()}
        return {
            "Name": "EchoNode tests",
            "StorageDirectory": storage,
            "IndexDirectory": storage,
            "DicomAet": self.ae_title,
            "DicomPort": self.dicom_port,
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomModalities": known,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "Plugins": [str(path) for path in self._plugins],
            "StableAge": 1,
            "SaveJobs": False,
            **self._options,
        }

    def start(self) -> Self:
        """Start it and wait for both ports. Raises PeerMissing or NotReady."""
        program = find_program("Orthanc")
        configuration = self.folder / "orthanc.json"
        configuration.write_text(json.dumps(self.settings(), indent=2))
        self._child = ChildProcess([program, configuration], folder=self.folder, name="orthanc")
        self._child.start(ports=(self.http_port, self.dicom_port))
        return self
