"""Values from the wire that are more than they seem: paths, markup, terminals, the same UID twice
(scenarios 32, 33 and 37)."""

from __future__ import annotations

import itertools
import json
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian

from echonode.dimse.contexts import ProposedContext, find_context
from echonode.dimse.requestor import Requestor
from echonode.dimse.services import Part10File
from echonode.errors import NetworkError
from echonode.model.criteria import Root
from echonode.model.identity import Peer
from tests.faults.programme import NAMES_ON_THE_WIRE, UID_RACES
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import LOOPBACK, free_port

US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"
SUCCESS, DATASET_DOES_NOT_MATCH = 0x0000, 0xA900
CANARY = "KANARIENVOGEL"
NASTY = (
    "..",
    "../../../../etc/cron.d/x",
    "/etc/x",
    "1.2/../../x",
    "1.2.3\n1.2.4",
    "1.2\x1b[2J.3",
    "1." * 40 + "1",
    "01.2.3",
    "1..2",
    "-1.2",
    "%2e%2e%2f",
    "1.2;rm -rf .",
    "$(id)",
    "' OR 1=1 --",
    '"><script>alert(1)</script>',
    "C:\\x",
    "CON",
    ".",
    " ",
    "1.2.\x7f3",
)

pytestmark = [pytest.mark.peers, pytest.mark.timeout(200)]


@dataclass(frozen=True)
class RunningNode:
    """A running node, and everything that may be around its folder."""

    node: EchoNodeProcess
    web_port: int

    def peer(self) -> Peer:
        return Peer(
            name="node", ae_title="ECHONODE", host=LOOPBACK, port=self.node.port, may=frozenset()
        )

    def web(self, path: str) -> str:
        address = f"http://{LOOPBACK}:{self.web_port}{path}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return str(answer.read().decode())

    def files_outside(self) -> list[Path]:
        """What lies next to the node's data, but for its configuration and what it printed."""
        inside, own = self.node.data_dir, {self.node.config_file.name, "echonode.log"}
        return [
            path
            for path in self.node.folder.rglob("*")
            if inside not in (path, *path.parents) and path.name not in own
        ]


@pytest.fixture(scope="module")
def running() -> Iterator[RunningNode]:
    with ExitStack() as parts:
        may = ["echo", "store", "find", "get"]
        senders = {
            name.lower(): {"ae_title": name, "host": LOOPBACK, "port": 104, "may": may}
            for name in ("ALPHA", "BETA")
        }
        web_port = free_port()
        web = {"host": LOOPBACK, "port": web_port, "viewer_port": free_port()}
        node = parts.enter_context(EchoNodeProcess(peers=senders, extra={"web": web}))
        yield RunningNode(node, web_port)


def instance(sop_instance_uid: str, **attributes: object) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = US_IMAGE, sop_instance_uid
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3.1", "1.2.3.2"
    ds.Modality, ds.PatientID, ds.PatientName = "US", "P1", "Test"
    ds.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def encoded(ds: Dataset) -> bytes:
    target = DicomBytesIO()
    target.is_little_endian, target.is_implicit_VR = True, False
    write_dataset(target, ds)
    return target.getvalue()


def store(
    running: RunningNode, ae_title: str, uid_in_command: str, data: bytes, folder: Path
) -> int | str:
    """C-STORE these very bytes under that UID; the status, or how the association ended."""
    path = folder / f"{threading.get_ident()}.dcm"
    path.write_bytes(data)
    file = Part10File(
        path=path,
        sop_class_uid=US_IMAGE,
        sop_instance_uid=uid_in_command,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        dataset_offset=0,
        size=len(data),
    )
    context = ProposedContext(abstract_syntax=US_IMAGE, transfer_syntaxes=(ExplicitVRLittleEndian,))
    try:
        with Requestor(ae_title=ae_title).associate(running.peer(), [context]) as association:
            return association.c_store(file).status
    except NetworkError as error:
        return type(error).__name__


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's own opinion of our nasty values
def test_a_uid_is_never_a_path(running: RunningNode, tmp_path: Path) -> None:
    """Whatever stands where a UID should, nothing is written outside the store, or under it."""
    before = set(running.node.stored_files())
    for uid in itertools.islice(itertools.cycle(NASTY), NAMES_ON_THE_WIRE.count):
        ds = instance("1.2.3.9")
        assert store(running, "ALPHA", uid, encoded(ds), tmp_path) != SUCCESS
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            nasty = instance("1.2.3.9")
            nasty[keyword]._value = uid
            assert store(running, "ALPHA", "1.2.3.9", encoded(nasty), tmp_path) != SUCCESS
    assert set(running.node.stored_files()) == before
    assert running.files_outside() == []
    assert running.node.running


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's own opinion of the escape sequence
def test_names_with_markup_and_controls_reach_neither_log_nor_page(
    running: RunningNode, tmp_path: Path
) -> None:
    """Patients' names with newlines, terminal codes and scripts are kept, and shown nowhere."""
    tails = ("", "\nnode_ready", "\x1b[2J", "<script>alert(1)</script>", "\u202e", "'--", "\\..\\")
    for number, tail in enumerate(tails):
        uid = f"1.2.4.{number}"
        ds = instance(uid, PatientName=CANARY + tail.replace("\\", ""), PatientID=CANARY + "1")
        ds.StudyInstanceUID, ds.SeriesInstanceUID = f"1.2.4.1.{number}", f"1.2.4.2.{number}"
        ds.StudyDescription = CANARY
        assert store(running, "ALPHA", uid, encoded(ds), tmp_path) == SUCCESS
    query = Dataset()
    query.QueryRetrieveLevel, query.PatientName = "STUDY", f"{CANARY}*"
    query.StudyInstanceUID = ""
    with Requestor(ae_title="ALPHA").associate(running.peer(), [find_context(Root.STUDY)]) as assoc:
        answers = list(assoc.c_find(Root.STUDY, query))
    assert len(answers) == len(tails) + 1
    for page in ("/", "/metrics", "/api/ledger", "/api/status", "/health/ready"):
        assert CANARY not in running.web(page)
    assert CANARY not in json.dumps(running.node.events) + running.node.stderr()
    assert running.node.log.other_lines == [], "every line of the log is one JSON object"


def test_a_calling_title_cannot_forge_a_line_of_the_log(
    running: RunningNode, tmp_path: Path
) -> None:
    """AE titles of strangers are logged escaped, in one line each."""
    for title in ("<b>X</b>", "X' OR 1=1", "%s%n", "{event}"):
        assert store(running, title, "1.2.3.9", encoded(instance("1.2.3.9")), tmp_path) == (
            "AssociationRejected"
        )
    assert running.node.log.other_lines == []
    assert running.node.running


def test_one_uid_from_two_senders_at_once_is_kept_once(
    running: RunningNode, tmp_path: Path
) -> None:
    """The same bytes are a success for both; other bytes are refused to the second."""
    for number in range(UID_RACES.count):
        uid, same = f"1.2.5.{number + 1}", number % 2 == 0
        versions = [
            encoded(instance(uid, ImageComments="one")),
            encoded(instance(uid, ImageComments="one" if same else "two")),
        ]
        with ThreadPoolExecutor(2) as senders:
            first = senders.submit(store, running, "ALPHA", uid, versions[0], tmp_path)
            second = senders.submit(store, running, "BETA", uid, versions[1], tmp_path)
        statuses = {0: first.result(), 1: second.result()}
        expected = [SUCCESS, SUCCESS if same else DATASET_DOES_NOT_MATCH]
        assert sorted(statuses.values(), key=str) == sorted(expected, key=str)
        winner = next(index for index, status in statuses.items() if status == SUCCESS)
        kept = [path for path in running.node.stored_files() if _holds(path, uid)]
        assert len([path for path in kept if "quarantine" not in path.parts]) == 1
        (file,) = [path for path in kept if "quarantine" not in path.parts]
        assert file.read_bytes().endswith(versions[winner])


def _holds(path: Path, uid: str) -> bool:
    return str(dcmread(path, stop_before_pixels=True).SOPInstanceUID) == uid
