"""Other modalities use the node as their gateway: what they store goes on, as it came."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom.uid import UltrasoundImageStorage

from echonode.commands.lying_pacs import wire
from tests.acceptance.clinic import dataset_sha256
from tests.benchmarks.wire_client import WireAssociation
from tests.benchmarks.work import Address, Errand
from tests.integration.store.real_files import send
from tests.peers import EchoNodeProcess, OrthancServer, StoreScp, dcmtk
from tests.peers.fixtures import require_program
from tests.peers.instances import InstanceKind, make_instances
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]

SMALL = InstanceKind(name="small", columns=64, rows=48)
PRIVATE_CLASS = "1.2.276.0.7230010.99.1"
WORKLIST = "1.2.840.10008.5.1.4.31"
MPPS = "1.2.840.10008.3.1.2.3.3"


def test_what_a_scanner_stores_reaches_the_archive_and_the_backup(
    parts: ExitStack, tmp_path: Path
) -> None:
    """One C-STORE of DCMTK's goes on to Orthanc, which commits to it, and to a plain receiver;
    what a peer without a rule stores goes nowhere."""
    require_program("Orthanc")
    require_program("storescu")
    port = free_port()
    orthanc = parts.enter_context(OrthancServer(modalities={"node": ("ECHONODE", LOOPBACK, port)}))
    backup = parts.enter_context(StoreScp(ae_title="BACKUP"))
    node = EchoNodeProcess(
        port=port,
        destinations=[
            {"peer": "pacs", "commitment": "required"},
            {"peer": "backup", "commitment": "none"},
        ],
        extra={"forwarding": [{"from": "scanner", "to": ["pacs", "backup"]}]},
    )
    node.add_peer("pacs", ae_title="ORTHANC", port=orthanc.dicom_port, may=["commit"])
    node.add_peer("backup", ae_title="BACKUP", port=backup.port, may=[])
    node.add_peer("scanner", ae_title="SCANNER", may=["store"])
    node.add_peer("other", ae_title="OTHER", may=["store"])
    parts.enter_context(node)
    scanned = make_instances(tmp_path / "scanned", SMALL, 3)
    stray = make_instances(tmp_path / "stray", SMALL, 1)
    for title, files in (("SCANNER", scanned.files), ("OTHER", stray.files)):
        done = dcmtk("storescu", "-aet", title, "-aec", "ECHONODE", LOOPBACK, port, *files)
        assert done.ok, done.output

    states: dict[tuple[str, str], str] = {}

    def all_done() -> bool:
        states.clear()
        for row in node.ledger():
            states[row["sop_instance_uid"], row["destination"]] = row["state"]
        going = [(destination, state) for (_, destination), state in states.items() if destination]
        return len(going) == 6 and set(going) == {("pacs", "committed"), ("backup", "sent")}

    wait_until(all_done, timeout_s=30, what="delivered to both", every_s=0.5)
    for uid in scanned.sop_instance_uids:
        assert (states[uid, "pacs"], states[uid, "backup"]) == ("committed", "sent")
    assert states[stray.sop_instance_uids[0], ""] == "captured"
    kept = {dataset_sha256(path) for path in node.stored_files()}
    arrived = {dataset_sha256(path) for path in backup.received()}
    assert arrived < kept
    assert len(arrived) == 3
    assert orthanc.rest.sop_instance_uids() == set(scanned.sop_instance_uids)


def test_a_private_class_is_stored_and_sent_on_where_it_is_switched_on(
    parts: ExitStack, tmp_path: Path
) -> None:
    """A vendor's own storage class, refused by default, is kept byte for byte by a switch."""
    node = EchoNodeProcess()
    for name, is_private in (("plain", False), ("vendor", True)):
        node.add_peer(name, ae_title=name.upper(), may=["store", "find"])
        node.peers[name]["private_classes"] = is_private
    parts.enter_context(node)
    made = make_instances(tmp_path / "made", SMALL, 1)
    [file], [uid] = made.files, made.sop_instance_uids
    standard, private = str(UltrasoundImageStorage).encode(), PRIVATE_CLASS.encode()
    private += b"\0" * (len(standard) + len(standard) % 2 - len(private))
    raw = file.read_bytes()
    file.write_bytes(raw.replace(standard + b"\0" * (len(standard) % 2), private))

    def store_as(calling: str) -> int:
        return send(
            Address(host=node.host, port=node.port, called="ECHONODE", calling=calling),
            file,
            offset=Errand.of(made).dataset_offset,
            sop_class_uid=PRIVATE_CLASS,
            sop_instance_uid=uid,
        )

    with pytest.raises(wire.WireError, match="did not accept"):
        store_as("PLAIN")
    assert store_as("VENDOR") == 0x0000
    [kept] = node.stored_files()
    assert dataset_sha256(kept) == dataset_sha256(file)


@pytest.mark.parametrize("service", [WORKLIST, MPPS])
def test_worklist_and_performed_procedure_steps_are_rejected_cleanly(
    parts: ExitStack, service: str
) -> None:
    """We are no RIS: the context is rejected, and others of the same association are served."""
    node = EchoNodeProcess()
    node.add_peer("modality", ae_title="MODALITY", may=["echo", "store", "find"])
    parts.enter_context(node)
    address = Address(host=node.host, port=node.port, called="ECHONODE", calling="MODALITY")
    context = wire.Proposed(abstract_syntax=service, transfer_syntax=wire.IMPLICIT_LITTLE)
    with pytest.raises(wire.WireError, match="did not accept"):
        WireAssociation(address, context)
    if service == WORKLIST and require_program("findscu"):
        asked = ("-W", "-aet", "MODALITY", "-aec", "ECHONODE", "-k", "PatientName")
        done = dcmtk("findscu", *asked, LOOPBACK, node.port)
        assert "No Acceptable Presentation Contexts" in done.output
    assert dcmtk("echoscu", "-aet", "MODALITY", "-aec", "ECHONODE", LOOPBACK, node.port).ok
    assert "Traceback" not in node.stderr()
