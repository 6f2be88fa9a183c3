"""The real parts as pytest fixtures; tests/conftest.py registers them.

A missing program skips the test and names its Debian package; where ECHONODE_REQUIRE_PEERS=1 or
CI=true it fails instead, so that a machine that should have everything cannot pass by skipping.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.peers.dcmtk import DcmtkResult, StoreScp, dcmtk
from tests.peers.node_process import EchoNodeProcess, ProbeSimProcess
from tests.peers.orthanc import OrthancServer
from tests.peers.part import Part
from tests.peers.programs import PeerMissing, find_program, peers_required
from tests.peers.stock import StockStoreScp
from tests.peers.validators import DecodedPixels, Validation, dciodvfy
from tests.peers.validators import pixels_by_dcmtk as decode_by_dcmtk
from tests.peers.validators import pixels_by_gdcm as decode_by_gdcm

FONTS = {
    "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf": "fonts-noto-core",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf": "fonts-droid-fallback",
}


def require_program(name: str) -> str:
    """The program's path; skips, or fails where peers are required, when it is missing."""
    try:
        return find_program(name)
    except PeerMissing as missing:
        give_up(missing)


def require_fonts() -> None:
    """Fonts for Latin, Greek, Arabic and Japanese; skips or fails as `require_program`."""
    for path, package in FONTS.items():
        if not Path(path).is_file():
            give_up(PeerMissing(Path(path).name, package))


def require_debian_module(name: str, package: str) -> str:
    """Debian's own Python, which has the module; skips or fails as `require_program`."""
    python = require_program("python3")
    if subprocess.run(
        [python, "-c", f"import {name}"], capture_output=True, check=False
    ).returncode:
        give_up(PeerMissing(name, package))
    return python


def require_file(path: Path, package: str) -> Path:
    """A plugin's file, which a Debian package brings; skips or fails as `require_program`."""
    if not path.is_file():
        give_up(PeerMissing(path.name, package))
    return path


def give_up(missing: PeerMissing) -> NoReturn:
    """Skip the test; where peers are required, fail it."""
    if peers_required():
        pytest.fail(str(missing), pytrace=False)
    pytest.skip(str(missing))


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    """A stack that stops every part entered into it, last first, when the test ends."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def make_orthanc(parts: ExitStack) -> Callable[..., OrthancServer]:
    """Start an Orthanc with the arguments of OrthancServer; stopped when the test ends."""
    require_program("Orthanc")

    def make(**arguments: Any) -> OrthancServer:
        return parts.enter_context(OrthancServer(**arguments))

    return make


@pytest.fixture
def orthanc(make_orthanc: Callable[..., OrthancServer]) -> OrthancServer:
    """An empty Orthanc of the test's own. Tell it of a peer with `rest.set_modality`."""
    return make_orthanc()


@pytest.fixture(scope="session")
def shared_orthanc() -> Iterator[OrthancServer]:
    """One Orthanc for the whole run, for tests that only look at instances of their own."""
    require_program("Orthanc")
    with OrthancServer() as server:
        yield server


@pytest.fixture
def make_part(parts: ExitStack) -> Callable[[Part], Part]:
    """Start a part that is made already; stopped when the test ends. Skips as the others do."""

    def make(part: Part) -> Part:
        try:
            return parts.enter_context(part)
        except PeerMissing as missing:
            give_up(missing)

    return make


@pytest.fixture
def make_storescp(parts: ExitStack) -> Callable[..., StoreScp]:
    """Start DCMTK's storescp with the arguments of StoreScp; stopped when the test ends."""
    require_program("storescp")

    def make(**arguments: Any) -> StoreScp:
        return parts.enter_context(StoreScp(**arguments))

    return make


@pytest.fixture
def storescp(make_storescp: Callable[..., StoreScp]) -> StoreScp:
    """DCMTK's storescp, every transfer syntax accepted."""
    return make_storescp()


@pytest.fixture
def run_dcmtk() -> Callable[..., DcmtkResult]:
    """Run one of DCMTK's programs: run_dcmtk("echoscu", "-aec", "ECHONODE", host, port)."""
    require_program("echoscu")
    return dcmtk


@pytest.fixture
def validate() -> Callable[[Path], Validation]:
    """Check a file with dciodvfy."""
    require_program("dciodvfy")
    return dciodvfy


@pytest.fixture
def pixels_by_gdcm() -> Callable[[Path], DecodedPixels]:
    """Decode a file's pixels with GDCM."""
    require_program("gdcmconv")
    return decode_by_gdcm


@pytest.fixture
def pixels_by_dcmtk() -> Callable[[Path], DecodedPixels]:
    """Decode a file's pixels with DCMTK."""
    require_program("dcmdjpeg")
    return decode_by_dcmtk


@pytest.fixture
def stock_storescp(parts: ExitStack) -> StockStoreScp:
    """A plain pynetdicom storage SCP."""
    return parts.enter_context(StockStoreScp())


@pytest.fixture
def make_echonode(parts: ExitStack) -> Callable[..., EchoNodeProcess]:
    """Start `echonode run` with the arguments of EchoNodeProcess; stopped when the test ends."""

    def make(**arguments: Any) -> EchoNodeProcess:
        return parts.enter_context(EchoNodeProcess(**arguments))

    return make


@pytest.fixture
def make_probe_sim(parts: ExitStack) -> Callable[..., ProbeSimProcess]:
    """Start `echonode probe-sim` with these arguments; stopped when the test ends."""

    def make(*arguments: str, port: int | None = None) -> ProbeSimProcess:
        return parts.enter_context(ProbeSimProcess(*arguments, port=port))

    return make
