"""DCMTK's programs: its storage SCP as a part of a test, and a runner for all the others."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.peers.part import Part
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import ChildProcess
from tests.peers.programs import find_program


@dataclass(frozen=True, kw_only=True)
class DcmtkResult:
    """How a command ended and all that it printed."""

    returncode: int
    output: str

    @property
    def ok(self) -> bool:
        return self.returncode == 0


def dcmtk(program: str, *arguments: str | Path | int, timeout_s: float = 120.0) -> DcmtkResult:
    """Run a DCMTK program: echoscu, storescu, findscu, movescu, getscu, dcmdump, dcm2pnm ...

    Output and errors come back as one text. Raises PeerMissing, subprocess.TimeoutExpired.
    """
    done = subprocess.run(
        [find_program(program), *(str(argument) for argument in arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout_s,
        check=False,
    )
    return DcmtkResult(returncode=done.returncode, output=done.stdout.decode(errors="replace"))


class StoreScp(Part):
    """DCMTK's storescp: writes each instance to `received_folder` and answers (not durable).

    options: more of its own, such as "+xa" (accept every transfer syntax) or "+xs". It writes the
    bytes as received (+B) and forks a process for each association unless told otherwise.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        ae_title: str = "STORESCP",
        options: Sequence[str] = ("+xa",),
        fork: bool = True,
    ) -> None:
        super().__init__(prefix="storescp", folder=None)
        self.port = port or free_port()
        self.host, self.ae_title = LOOPBACK, ae_title
        self._options, self._fork = tuple(options), fork

    @property
    def received_folder(self) -> Path:
        return self.folder / "received"

    def received(self) -> list[Path]:
        """The files written so far, by name."""
        return sorted(self.received_folder.iterdir())

    def start(self) -> Self:
        """Start it and wait for its port. Raises PeerMissing, NotReady."""
        program = find_program("storescp")
        self.received_folder.mkdir(exist_ok=True)
        command: list[str | Path] = [program, *self._options, "+B"]
        command += ["-aet", self.ae_title, "-pdu", "131072", "-od", self.received_folder]
        command += ["--fork"] if self._fork else []
        self._child = ChildProcess([*command, str(self.port)], folder=self.folder, name="storescp")
        self._child.start(ports=(self.port,))
        return self
