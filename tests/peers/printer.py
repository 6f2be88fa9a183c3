"""DCMTK's print SCP, which writes what it prints as Hardcopy images (package dcmtk)."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from tests.peers.part import Part
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess, has_listener
from tests.peers.programs import find_program

_CONFIG = """
[[GENERAL]]
[NETWORK]
Aetitle = PRINTER
[PRINT]
DeletePrintJobs = false
Directory = {folder}/spool
[DATABASE]
Directory = {folder}/database
[[COMMUNICATION]]
[IHEFULL]
Aetitle = IHEFULL
Description = a printer of a test
Hostname = localhost
Port = {port}
Type = LOCALPRINTER
BorderDensity = 150\\20\\BLACK\\WHITE
DisplayFormat={formats}
EmptyImageDensity = 20\\BLACK\\WHITE
FilmDestination = MAGAZINE\\PROCESSOR\\BIN_1\\BIN_2
FilmSizeID = 8INX10IN\\10INX12IN\\14INX17IN
MagnificationType = REPLICATE\\BILINEAR\\CUBIC\\NONE
MaxPDU = 32768
MediumType = PAPER\\CLEAR FILM\\BLUE FILM
ResolutionID = STANDARD\\HIGH
Supports12Bit = true
SupportsPresentationLUT = {lut}
"""
AE_TITLE = "IHEFULL"


class PrintScp(Part):
    """`dcmprscp --printer IHEFULL`. formats: columns,rows of what it takes, between backslashes."""

    def __init__(
        self, *, formats: str = "1,1\\1,2\\2,2\\2,3\\3,3\\3,4", presentation_lut: bool = True
    ) -> None:
        super().__init__(prefix="printer", folder=None)
        self.port = free_port()
        self._formats, self._lut = formats, presentation_lut

    def start(self) -> Self:
        for name in ("spool", "database"):
            (self.folder / name).mkdir(exist_ok=True)
        config = self.folder / "printer.cfg"
        config.write_text(
            _CONFIG.format(
                folder=self.folder,
                port=self.port,
                formats=self._formats,
                lut=str(self._lut).lower(),
            )
        )
        command: list[str | Path] = [find_program("dcmprscp"), "-c", config, "-p", AE_TITLE, "-d"]
        self._child = ChildProcess(command, folder=self.folder, name="printer")
        self._child.start(ports=[self.port], answers=has_listener)
        return self

    def hardcopies(self) -> list[Path]:
        """The Hardcopy Grayscale images that it has written, in order of time."""
        files = self.folder.glob("database/HG_*.dcm")
        return sorted(files, key=lambda file: file.stat().st_mtime_ns)
