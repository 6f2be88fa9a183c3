"""How a C-MOVE ends when not everything can be moved, as DCMTK's movescu sees it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from tests.benchmarks.work import Address
from tests.integration.store.real_files import files_of, read_real_file, send_real
from tests.peers import EchoNodeProcess, StoreScp, dcmtk
from tests.peers.fixtures import require_program
from tests.peers.ports import LOOPBACK, free_port

pytestmark = [pytest.mark.peers, pytest.mark.timeout(60)]

# Three that any receiver takes, and one that is said to be of a syntax that nothing decodes here.
UNFIT, MPEG4 = "charset_chrArab.dcm", "1.2.840.10008.1.2.4.102"
NAMES = ("acuson_rgb_implicit_8f.dcm", "ct_small.dcm", "sr_test.dcm", UNFIT)
# Of syntaxes that few receivers take.
CONVERTED = ("aloka_ssd4000_segpal_bigendian.dcm", "mr_bigendian.dcm", "sc_deflated.dcm")
LITTLE_ENDIAN = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")


class Clinic:
    """A node with a few instances; a receiver that takes the common syntaxes, and one down."""

    def __init__(self, parts: ExitStack) -> None:
        require_program("movescu")
        self.plain = parts.enter_context(StoreScp(ae_title="PLAIN", options=("+x=",)))
        self.implicit = parts.enter_context(StoreScp(ae_title="IMPLICIT", options=("+xi",)))
        self.node = EchoNodeProcess()
        may = ["store", "find", "move", "get"]
        self.node.add_peer("viewer", ae_title="VIEWER", may=may)
        self.node.add_peer("plain", ae_title="PLAIN", port=self.plain.port, may=[])
        self.node.add_peer("implicit", ae_title="IMPLICIT", port=self.implicit.port, may=[])
        self.node.add_peer("down", ae_title="DOWN", port=free_port(), may=[])
        parts.enter_context(self.node)
        wanted = {*NAMES, *CONVERTED}
        found = [read_real_file(p) for p in files_of("us", "other") if p.name in wanted]
        self.files = {file.path.name: file for file in found}
        self.files[UNFIT] = replace(self.files[UNFIT], transfer_syntax_uid=MPEG4)
        address = Address(host=LOOPBACK, port=self.node.port, called="ECHONODE", calling="VIEWER")
        statuses = [send_real(address, file) for file in self.files.values()]
        assert statuses == [0] * len(wanted)

    def move(self, destination: str, *names: str) -> str:
        """movescu's own words about a C-MOVE of these files' studies to an AE."""
        uids = "\\".join(self.files[name].study_instance_uid for name in names)
        done = dcmtk(
            "movescu",
            *("-v", "-S", "-aet", "VIEWER", "-aec", "ECHONODE", "-aem", destination),
            *("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={uids}"),
            *(LOOPBACK, self.node.port),
        )
        return done.output


@pytest.fixture(scope="module")
def clinic(shared_data: object) -> Iterator[Clinic]:
    with ExitStack() as parts:
        yield Clinic(parts)


@pytest.fixture(autouse=True)
def empty_receiver(clinic: Clinic) -> None:
    for receiver in (clinic.plain, clinic.implicit):
        for file in receiver.received():
            file.unlink()


def test_an_unknown_destination_is_a801(clinic: Clinic) -> None:
    """Instances go to configured peers only."""
    output = clinic.move("NOWHERE", "ct_small.dcm")
    assert "MoveDestinationUnknown" in output


def test_a_destination_that_is_down_is_said_at_once(clinic: Clinic) -> None:
    """Nothing could be sent: the final answer is a refusal, not a success."""
    output = clinic.move("DOWN", "ct_small.dcm", "sr_test.dcm")
    assert "OutOfResourcesSubOperations" in output


def test_what_a_receiver_does_not_take_fails_alone(clinic: Clinic) -> None:
    """Of four instances three arrive; the answer is B000, a success with failures."""
    output = clinic.move("PLAIN", *NAMES)
    assert "SubOperationsCompleteOneOrMoreFailures" in output
    assert len(clinic.plain.received()) == 3


def test_several_moves_at_once_do_not_mix(clinic: Clinic) -> None:
    """Each requestor gets its own outcome; every instance arrives."""
    names = NAMES[:3]
    with ThreadPoolExecutor(6) as pool:
        outputs = list(pool.map(lambda n: clinic.move("PLAIN", names[n % 3]), range(6)))
    assert all("Success" in output for output in outputs), outputs
    assert len(clinic.plain.received()) == 3


def same_pixels(clinic: Clinic, received: list[Path]) -> bool:
    """Whether what arrived is all of CONVERTED, little endian, with the pixels that were stored."""
    stored = {clinic.files[name].sop_instance_uid: clinic.files[name].path for name in CONVERTED}
    there = {str(dcmread(path).SOPInstanceUID): path for path in received}
    assert set(there) == set(stored)
    for uid, path in there.items():
        assert dcmread(path).file_meta.TransferSyntaxUID in LITTLE_ENDIAN
        if not np.array_equal(dcmread(path).pixel_array, dcmread(stored[uid]).pixel_array):
            return False
    return True


def test_big_endian_and_deflated_go_to_who_takes_only_implicit_vr(clinic: Clinic) -> None:
    """C-MOVE to storescp +xi: all arrive, their pixels as they were."""
    output = clinic.move("IMPLICIT", *CONVERTED)
    assert "Success" in output
    assert same_pixels(clinic, clinic.implicit.received())


def test_getscu_gets_big_endian_and_deflated_with_its_defaults(
    clinic: Clinic, tmp_path: Path
) -> None:
    """C-GET by DCMTK as it is, which proposes the uncompressed little endian syntaxes."""
    for name in CONVERTED:
        uid = clinic.files[name].study_instance_uid
        done = dcmtk(
            "getscu",
            *("-S", "-aet", "VIEWER", "-aec", "ECHONODE", "-od", tmp_path),
            *("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={uid}"),
            *(LOOPBACK, clinic.node.port),
        )
        assert done.ok, done.output
    assert same_pixels(clinic, list(tmp_path.iterdir()))
