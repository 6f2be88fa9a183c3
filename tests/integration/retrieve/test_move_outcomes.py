"""How a C-MOVE ends when not everything can be moved, as DCMTK's movescu sees it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.benchmarks.work import Address
from tests.integration.store.real_files import files_of, read_real_file, send_real
from tests.peers import EchoNodeProcess, StoreScp, dcmtk
from tests.peers.fixtures import require_program
from tests.peers.process import LOOPBACK, free_port

pytestmark = [pytest.mark.peers, pytest.mark.timeout(60)]

# Three that any receiver takes, and one that is deflated, which is never inflated here.
NAMES = ("acuson_rgb_implicit_8f.dcm", "ct_small.dcm", "sr_test.dcm", "sc_deflated.dcm")


class Clinic:
    """A node with a few instances; a receiver that takes the common syntaxes, and one down."""

    def __init__(self, parts: ExitStack) -> None:
        require_program("movescu")
        self.plain = parts.enter_context(StoreScp(ae_title="PLAIN", options=("+x=",)))
        self.node = EchoNodeProcess()
        may = ["store", "find", "move", "get"]
        self.node.add_peer("viewer", ae_title="VIEWER", may=may)
        self.node.add_peer("plain", ae_title="PLAIN", port=self.plain.port, may=[])
        self.node.add_peer("down", ae_title="DOWN", port=free_port(), may=[])
        parts.enter_context(self.node)
        found = [read_real_file(p) for p in files_of("us", "other") if p.name in NAMES]
        self.files = {file.path.name: file for file in found}
        address = Address(host=LOOPBACK, port=self.node.port, called="ECHONODE", calling="VIEWER")
        assert [send_real(address, file) for file in found] == [0] * len(NAMES)

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
    for file in clinic.plain.received():
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
    """Each requestor is told of its own; every instance arrives."""
    names = NAMES[:3]
    with ThreadPoolExecutor(6) as pool:
        outputs = list(pool.map(lambda n: clinic.move("PLAIN", names[n % 3]), range(6)))
    assert all("Success" in output for output in outputs), outputs
    assert len(clinic.plain.received()) == 3
