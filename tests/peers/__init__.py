"""Real programs to test and measure against: Orthanc, DCMTK, dicom3tools, GDCM, stock pynetdicom.

Each part is a context manager with its own temporary folder on loopback ports of its own; entering
it waits until the part answers, leaving it leaves nothing behind. `fixtures.py` makes pytest
fixtures of them.

    from tests.peers import OrthancServer, StoreScp

    with OrthancServer(modalities={"echonode": ("ECHONODE", "127.0.0.1", 11112)}) as orthanc:
        orthanc.rest.echo("echonode")
"""

from tests.peers.dcmtk import DcmtkResult, StoreScp, dcmtk
from tests.peers.instances import CINE, RGB, STILL, InstanceKind, make_instances
from tests.peers.node_process import EchoNodeProcess, ProbeSimProcess
from tests.peers.orthanc import OrthancServer
from tests.peers.orthanc_rest import OrthancRest, RestError
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess, NotReady
from tests.peers.programs import PeerMissing, find_program
from tests.peers.stock import StockStoreScp, stock_send
from tests.peers.validators import (
    DecodedPixels,
    Validation,
    dciodvfy,
    pixels_by_dcmtk,
    pixels_by_gdcm,
)

__all__ = [
    "CINE",
    "RGB",
    "STILL",
    "ChildProcess",
    "DcmtkResult",
    "DecodedPixels",
    "EchoNodeProcess",
    "InstanceKind",
    "NotReady",
    "OrthancRest",
    "OrthancServer",
    "PeerMissing",
    "ProbeSimProcess",
    "RestError",
    "StockStoreScp",
    "StoreScp",
    "Validation",
    "dciodvfy",
    "dcmtk",
    "find_program",
    "free_port",
    "make_instances",
    "pixels_by_dcmtk",
    "pixels_by_gdcm",
    "stock_send",
]
