"""Real RIS programs as parts of a test: DCMTK's wlmscpfs, odil, and an MPPS SCP on dcmjs-dimse.

Orthanc's worklist plugin is an OrthancServer with WORKLIST_PLUGIN (orthanc.py).
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from tests.peers.node_modules import node_modules
from tests.peers.part import Part
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import ChildProcess, has_listener
from tests.peers.programs import PeerMissing, find_program

HERE = Path(__file__).resolve().parent
WORKLIST_FILE = UID("1.2.276.0.7230010.3.1.0.1")  # the class that dump2dcm gives such files


def write_item(folder: Path, item: Dataset) -> Path:
    """A worklist file as DCMTK and Orthanc take it; encoded as the item's character set says."""
    item.file_meta = FileMetaDataset()
    item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    item.file_meta.MediaStorageSOPClassUID = WORKLIST_FILE
    item.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    path = folder / f"{len(list(folder.iterdir())):04d}.wl"
    partial = path.with_suffix(".part")  # the server may be reading the folder
    dcmwrite(partial, item, enforce_file_format=True)
    partial.rename(path)
    return path


class Wlmscpfs(Part):
    """DCMTK's worklist server. `items`: the folder that its files belong in."""

    ae_title = "RIS"

    def __init__(self, *, port: int | None = None, options: Sequence[str] = ("-csk",)) -> None:
        super().__init__(prefix="wlmscpfs", folder=None)
        self.port, self.host = port or free_port(), LOOPBACK
        self._options = tuple(options)

    @property
    def items(self) -> Path:
        folder = self.folder / "database" / self.ae_title
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def start(self) -> Self:
        """Raises PeerMissing, NotReady."""
        program = find_program("wlmscpfs")
        (self.items / "lockfile").touch()
        command: list[str | Path] = [
            program,
            *self._options,
            "-dhl",
            "-dfp",
            self.folder / "database",
        ]
        self._child = ChildProcess([*command, str(self.port)], folder=self.folder, name="wlmscpfs")
        self._child.start(ports=(self.port,))
        return self


@dataclass(frozen=True, kw_only=True)
class StepRequest:
    """One N-CREATE (`create`) or N-SET (`set`) that arrived.

    attributes: keyword (dcmjs) or tag (odil) -> value as that library gives it in JSON.
    """

    kind: str
    sop_instance_uid: str
    attributes: dict[str, Any]
    status: int


class StepScp(Part):
    """What both MPPS servers have in common: requests are files of their folder, in order."""

    ae_title = "RIS"

    def requests(self) -> list[StepRequest]:
        """Those that arrived so far."""
        found = []
        for path in sorted(self.folder.glob("[0-9]*.json")):
            content = json.loads(path.read_text())
            found.append(
                StepRequest(
                    kind=path.stem.split("-")[1],
                    sop_instance_uid=content["sopInstanceUid"],
                    attributes=content["dataset"] or {},
                    status=content.get("status", 0),
                )
            )
        return found

    def wait_for(
        self, count: int, *, deadline_s: float = 30.0, kind: Callable[[str], bool] = bool
    ) -> list[StepRequest]:
        """The requests once there are so many of that kind. Raises TimeoutError."""
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            found = [request for request in self.requests() if kind(request.kind)]
            if len(found) >= count:
                return found
            time.sleep(0.05)
        came = [(request.kind, request.status) for request in self.requests()]
        raise TimeoutError(f"{count} requests were awaited, and came: {came}")


class OdilRis(StepScp):
    """Worklist and procedure steps on odil, in Debian's own Python."""

    def __init__(self, *, port: int | None = None) -> None:
        super().__init__(prefix="odil", folder=None)
        self.port, self.host = port or free_port(), LOOPBACK

    @property
    def items(self) -> Path:
        folder = self.folder / "worklist"
        folder.mkdir(exist_ok=True)
        return folder

    def start(self) -> Self:
        """Raises PeerMissing, NotReady."""
        python = find_program("python3")
        tried = subprocess.run([python, "-c", "import odil"], capture_output=True, check=False)
        if tried.returncode:
            raise PeerMissing("odil", "python3-odil")
        assert self.items.is_dir()
        self._child = ChildProcess(
            [python, HERE / "odil_ris_program.py", str(self.port), self.folder],
            folder=self.folder,
            name="odil",
            env={"PYTHONPATH": ""},
        )
        # It listens anew after each connection: one that only looks would cost the test its own.
        self._child.start(ports=(self.port,), answers=has_listener)
        return self


class DcmjsStepScp(StepScp):
    """Procedure steps on dcmjs-dimse, which keeps the rules of PS3.4 annex F."""

    def __init__(self, *, port: int | None = None, tls: Sequence[Path] = ()) -> None:
        """tls: its certificate, key and authority; then it serves only who shows one of it."""
        super().__init__(prefix="dcmjs", folder=None)
        self.port, self.host = port or free_port(), LOOPBACK
        self._tls = tuple(tls)

    def answer(self, status: int | None) -> None:
        """Answer everything with this status from now on; None: as the rules say."""
        file = self.folder / "answer"
        if status is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(f"{status:04X}")

    def delay(self, milliseconds: int) -> None:
        """Answer each request so long after it was kept, from now on."""
        (self.folder / "delay").write_text(str(milliseconds))

    def start(self) -> Self:
        """Raises PeerMissing, NotReady."""
        modules = node_modules("dcmjs")
        self._child = ChildProcess(
            [
                find_program("node"),
                HERE / "dcmjs" / "mpps_scp.js",
                str(self.port),
                self.folder,
                modules,
                *self._tls,
            ],
            folder=self.folder,
            name="dcmjs",
        )
        self._child.start(ports=(self.port,))
        return self
