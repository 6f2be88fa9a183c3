"""The real parts that the other tests lean on come up, answer, and go away again."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from tests.peers import (
    CINE,
    RGB,
    STILL,
    ChildProcess,
    DcmtkResult,
    EchoNodeProcess,
    InstanceKind,
    NotReady,
    OrthancServer,
    ProbeSimProcess,
    StockStoreScp,
    StoreScp,
    Validation,
    find_program,
    free_port,
    make_instances,
    ports,
    programs,
    stock_send,
)
from tests.peers.fixtures import require_program
from tests.peers.instances import renew
from tests.peers.process import is_listening
from tests.peers.validators import DecodedPixels

pytestmark = pytest.mark.peers

SMALL_STILL = InstanceKind(name="small", columns=64, rows=48)


def test_orthanc_answers_c_echo_and_rest(
    orthanc: OrthancServer, run_dcmtk: Callable[..., DcmtkResult]
) -> None:
    """A started Orthanc answers DCMTK's echoscu and its REST interface, and is empty."""
    echo = run_dcmtk("echoscu", "-aec", "ORTHANC", orthanc.host, orthanc.dicom_port)
    assert echo.ok, echo.output
    assert orthanc.rest.instance_count() == 0


_TAKES_PORTS = """
from tests.peers import ports
ports.BLOCK, ports.BLOCKS = 20, range(19_800, 19_900, 20)
print(*(ports.free_port() for _ in range(20)), flush=True)
input()
"""


def test_no_two_processes_get_the_same_port() -> None:
    """Found free is not yet listened on: two runs of these tests at once would meet there."""
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", _TAKES_PORTS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]
    given: list[str] = []
    for taker in takers:
        assert taker.stdout is not None
        given += taker.stdout.readline().split()
    for taker in takers:
        taker.communicate("\n")
    assert sorted(map(int, given)) == list(range(19_800, 19_900))


def test_ports_are_given_again_where_no_block_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that took every block of its range still gets a port that is free."""
    monkeypatch.setattr(ports, "BLOCKS", range(19_600, 19_700, 50))
    monkeypatch.setattr(ports, "BLOCK", 50)
    mine = ports.Ports()
    first = [mine.free() for _ in range(100)]
    assert sorted(first) == list(range(19_600, 19_700))
    with socket.socket() as listening:
        listening.bind((ports.LOOPBACK, first[0]))
        assert {mine.free() for _ in range(99)} == set(first[1:])
    mine.close()


def test_orthanc_keeps_its_instances_over_a_kill(
    orthanc: OrthancServer, run_dcmtk: Callable[..., DcmtkResult], tmp_path: Path
) -> None:
    """What Orthanc took before a SIGKILL is there, byte for byte, when it is started again."""
    made = make_instances(tmp_path, SMALL_STILL, 3)
    sent = run_dcmtk("storescu", orthanc.host, orthanc.dicom_port, *made.files)
    assert sent.ok, sent.output
    assert orthanc.rest.sop_instance_uids() == set(made.sop_instance_uids)

    orthanc.kill()
    assert not is_listening(orthanc.dicom_port)
    orthanc.restart()

    assert orthanc.rest.sop_instance_uids() == set(made.sop_instance_uids)
    (held,) = orthanc.rest.lookup(made.sop_instance_uids[0])
    assert orthanc.rest.tags(held)["PatientID"] == "LOAD-1"
    (tmp_path / "back").write_bytes(orthanc.rest.file(held))
    kept = dcmread(tmp_path / "back").PixelData
    assert kept == dcmread(made.files[0]).PixelData
    assert [change["ChangeType"] for change in orthanc.rest.changes()].count("NewInstance") == 3


def test_one_orthanc_sends_queries_and_commits_with_another(
    make_orthanc: Callable[..., OrthancServer], tmp_path: Path
) -> None:
    """Orthanc as an SCU: C-ECHO, C-STORE, C-FIND, C-MOVE and storage commitment by REST."""
    near = make_orthanc(ae_title="NEAR")
    far = make_orthanc(ae_title="FAR", modalities={"near": ("NEAR", near.host, near.dicom_port)})
    near.rest.set_modality("far", "FAR", far.host, far.dicom_port)
    made = make_instances(tmp_path, SMALL_STILL, 1)
    held = near.rest.upload(made.files[0].read_bytes())

    assert near.rest.echo("far")
    near.rest.store("far", [held])
    assert far.rest.sop_instance_uids() == set(made.sop_instance_uids)

    transaction = near.rest.request_commitment(
        "far", [(made.kind.sop_class_uid, made.sop_instance_uids[0])]
    )
    assert _eventually(lambda: near.rest.commitment_report(transaction)["Status"] == "Success")

    query, answers = near.rest.query("far", "Study", {"PatientID": "LOAD-1"})
    assert len(answers) == 1
    near.rest.delete_everything()
    near.rest.retrieve(query, "NEAR")
    assert near.rest.sop_instance_uids() == set(made.sop_instance_uids)


def test_storescp_writes_what_storescu_sends(
    storescp: StoreScp, run_dcmtk: Callable[..., DcmtkResult], tmp_path: Path
) -> None:
    """DCMTK's storescp has a file for each instance that storescu says it sent."""
    made = make_instances(tmp_path, SMALL_STILL, 3)
    sent = run_dcmtk("storescu", storescp.host, storescp.port, *made.files)
    assert sent.ok, sent.output
    uids = {dcmread(file, force=True).SOPInstanceUID for file in storescp.received()}
    assert uids == set(made.sop_instance_uids)


def test_stock_pynetdicom_sends_to_stock_pynetdicom(
    stock_storescp: StockStoreScp, tmp_path: Path
) -> None:
    """The stock sender reports success for each file and the stock SCP has written them all."""
    made = make_instances(tmp_path, SMALL_STILL, 2)
    statuses = stock_send(
        made.files,
        host=stock_storescp.host,
        port=stock_storescp.port,
        called_ae_title=stock_storescp.ae_title,
    )
    assert statuses == [0, 0]
    uids = {dcmread(file).SOPInstanceUID for file in stock_storescp.received()}
    assert uids == set(made.sop_instance_uids)


def test_dciodvfy_tells_a_valid_file_from_a_broken_one(
    validate: Callable[[Path], Validation], tmp_path: Path
) -> None:
    """Our synthetic still has no error; without its Modality it has one that says so."""
    (file,) = make_instances(tmp_path, SMALL_STILL, 1).files
    sound = validate(file)
    assert sound.errors == ()
    assert sound.iod == "USImage"
    dataset = dcmread(file)
    del dataset.Modality
    dataset.save_as(file)
    assert any("Modality" in line for line in validate(file).errors)


@pytest.mark.parametrize("kind", [STILL, RGB, CINE], ids=lambda kind: kind.name)
def test_synthetic_instances_of_every_kind_are_valid(
    kind: InstanceKind, validate: Callable[[Path], Validation], tmp_path: Path
) -> None:
    """dciodvfy finds no error in the instances that the load tests send."""
    (file,) = make_instances(tmp_path, kind, 1).files
    assert validate(file).errors == ()


def test_renewed_instances_are_other_instances_of_the_same_size(tmp_path: Path) -> None:
    """Renewing gives every file a new SOP Instance UID and leaves its length as it was."""
    made = make_instances(tmp_path, SMALL_STILL, 3)
    sizes = [file.stat().st_size for file in made.files]
    fresh = renew(made)
    assert not set(fresh.sop_instance_uids) & set(made.sop_instance_uids)
    for file, uid in zip(fresh.files, fresh.sop_instance_uids, strict=True):
        dataset = dcmread(file)
        assert dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID == uid
    assert [file.stat().st_size for file in fresh.files] == sizes


def test_gdcm_and_dcmtk_decode_to_the_same_pixels(
    pixels_by_gdcm: Callable[[Path], DecodedPixels],
    pixels_by_dcmtk: Callable[[Path], DecodedPixels],
    shared_data: Path,
) -> None:
    """Both toolkits decode a real lossless JPEG ultrasound image to equal pixels."""
    file = shared_data / "us" / "philips_epiq7c_jpegll_mono.dcm"
    gdcm, dcmtk = pixels_by_gdcm(file), pixels_by_dcmtk(file)
    assert gdcm.pixels.ndim == 4
    assert np.array_equal(gdcm.pixels, dcmtk.pixels)


def test_a_part_that_does_not_come_up_says_what_it_printed(tmp_path: Path) -> None:
    """A program that ends at once is reported with its own words, and nothing is left running."""
    child = ChildProcess(
        [sys.executable, "-c", "raise SystemExit('no such thing')"], folder=tmp_path, name="x"
    )
    with pytest.raises(NotReady, match="no such thing"):
        child.start(ports=(free_port(),))
    assert not child.running


def test_a_killed_test_run_leaves_no_process_behind(tmp_path: Path) -> None:
    """When the runner itself is killed without a chance to clean up, its children go too."""
    script = (
        "import os, pathlib, sys\n"
        "from tests.peers import ChildProcess\n"
        "child = ChildProcess(['/bin/sleep', '60'], folder=pathlib.Path(sys.argv[1]), name='s')\n"
        "child.start()\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=root,
        stdout=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    orphan = int(done.stdout)
    assert _eventually(lambda: not _is_alive(orphan))


def test_echonode_runs_answers_and_ends_with_zero(
    make_echonode: Callable[..., EchoNodeProcess], run_dcmtk: Callable[..., DcmtkResult]
) -> None:
    """The real command is ready when the fixture returns, answers echoscu, and drains to 0."""
    viewer = {"ae_title": "VIEWER", "host": "127.0.0.1", "port": 104, "may": ["echo"]}
    node = make_echonode(peers={"viewer": viewer})
    echo = run_dcmtk("echoscu", "-aet", "VIEWER", "-aec", "ECHONODE", node.host, node.port)
    assert echo.ok, echo.output
    assert node.ledger() == []
    assert node.stop() == 0
    assert node.wait_for("node_stopped", timeout_s=0)


def test_echonode_is_killed_and_started_again_on_the_same_folder(
    make_echonode: Callable[..., EchoNodeProcess],
    run_dcmtk: Callable[..., DcmtkResult],
    tmp_path: Path,
) -> None:
    """What storescu was answered success for is in the store after SIGKILL and a restart."""
    scanner = {"ae_title": "SCANNER", "host": "127.0.0.1", "port": 104, "may": ["store"]}
    node = make_echonode(peers={"scanner": scanner})
    made = make_instances(tmp_path, SMALL_STILL, 3)
    sent = run_dcmtk(
        "storescu", "-aet", "SCANNER", "-aec", "ECHONODE", node.host, node.port, *made.files
    )
    assert sent.ok, sent.output
    since = node.mark()
    assert node.kill() == -9
    node.restart()
    assert node.wait_for("node_ready", since=since)
    uids = {dcmread(file).SOPInstanceUID for file in node.stored_files()}
    assert uids == set(made.sop_instance_uids)


def test_a_configuration_that_is_refused_is_shown(
    make_echonode: Callable[..., EchoNodeProcess],
) -> None:
    """When the node does not come up, the fixture's error has its own words in it."""
    with pytest.raises(NotReady, match="no_such_section"):
        make_echonode(extra={"no_such_section": 1})


def test_probe_sim_serves_its_first_client(
    make_probe_sim: Callable[..., ProbeSimProcess],
) -> None:
    """The simulated probe sends to the client that connects first after the fixture returned."""
    probe = make_probe_sim("--protocol", "echopen", "--dialect", "kit", "--frames", "1")
    with socket.create_connection((probe.host, probe.port), timeout=10) as connection:
        assert connection.recv(16)


@pytest.mark.parametrize(
    ("environment", "outcome"),
    [
        ({}, pytest.skip.Exception),
        ({"CI": "true"}, pytest.fail.Exception),
        ({"ECHONODE_REQUIRE_PEERS": "1"}, pytest.fail.Exception),
    ],
)
def test_a_missing_peer_skips_with_its_package_or_fails_where_peers_are_required(
    environment: dict[str, str], outcome: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No test passes by accident: a skip names what to install, and CI does not skip."""
    monkeypatch.setattr(programs, "SEARCH_PATH", "/nonexistent")
    for name in ("CI", "ECHONODE_REQUIRE_PEERS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(outcome, match="install the Debian package orthanc"):
        require_program("Orthanc")


def test_dcmtk_is_never_taken_from_the_virtual_environment() -> None:
    """pynetdicom's scripts of the same names are other programs."""
    assert not find_program("storescu").startswith(sys.prefix)


def _is_alive(pid: int) -> bool:
    """Whether a process runs: not gone, and not dead and only waiting to be collected."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"


def _eventually(condition: Callable[[], bool], timeout_s: float = 15.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
